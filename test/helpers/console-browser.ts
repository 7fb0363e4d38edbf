import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { chromiumArgs, chromiumPath } from './setup-chromium.ts'
import { until } from './until.ts'

export interface OpenOptions {
  readonly locale?: string
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  /** Of a proxy that a test has put in front of the daemon. */
  readonly path?: string
}

/** A real Chromium for the tests of the console. It hears of errors in pages, and of what their policy forbade. */
export class ConsoleBrowser {
  /** Errors that nobody caught, and violations of the content security policy. */
  readonly troubles: string[] = []
  readonly #browser: Browser
  readonly #contexts: BrowserContext[] = []

  private constructor(browser: Browser) {
    this.#browser = browser
  }

  static async launch(): Promise<ConsoleBrowser> {
    const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] })
    return new ConsoleBrowser(browser)
  }

  /** A person of its own: cookies, language, theme. Its pages share one event stream. */
  async person(options: OpenOptions = {}): Promise<BrowserContext> {
    const { locale = 'en-GB', width = 1440, height = 900, dark = false } = options
    const context = await this.#browser.newContext({
      locale,
      viewport: { width, height },
      colorScheme: dark ? 'dark' : 'light',
      // What fades in has less contrast than what is there.
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(30_000)
    context.on('weberror', (error) => this.troubles.push(String(error.error().stack ?? error.error())))
    context.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) this.troubles.push(message.text())
    })
    this.#contexts.push(context)
    return context
  }

  /** A page of a new person, at a place of the console (`/jobs`). */
  async open(base: string, place = '/', options: OpenOptions = {}): Promise<Page> {
    return openPlace(await this.person(options), base, place)
  }

  /** Ends everybody's pages. */
  async leave(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()))
  }

  async close(): Promise<void> {
    await this.#browser.close()
  }
}

/** A page of somebody, at a place of the console. */
export async function openPlace(person: BrowserContext, base: string, place: string): Promise<Page> {
  const page = await person.newPage()
  await page.goto(`${base.replace(/\/$/, '')}/#${place}`)
  return page
}

/** The lines of the log that a page shows now, with the bytes at which they begin. */
export function shownLines(page: Page): Promise<{ offset: number; text: string }[]> {
  return page.locator('.log-row').evaluateAll((rows) =>
    rows.map((row) => ({
      offset: Number((row as HTMLElement).dataset['offset']),
      text: row.querySelector('.log-text')?.textContent ?? '',
    })),
  )
}

/** Waits until a page's text fits, and gives what fitted. */
export function untilText(page: Page, selector: string, pattern: RegExp): Promise<string> {
  return until(`${selector} says ${String(pattern)}`, async () => {
    const text = (await page.locator(selector).allInnerTexts()).join('\n')
    if (pattern.test(text)) return text
    // Said if it never does: the place where a test fails tells nothing of what was on the screen.
    throw new Error(`${page.url()}: ${text}\n${(await page.locator('body').innerText()).slice(0, 3_000)}`)
  })
}
