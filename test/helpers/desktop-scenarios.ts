import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { isAlive } from '../../src-main/local-daemon.ts'
import type { Person } from './desktop-person.ts'
import { until } from './until.ts'

/** Name that the scenarios save a cluster under. */
export const CLUSTER = 'press'
/** ASCII: heap snapshots escape everything else, so that a search would never find it. */
export const PASSWORD = 'Twelve-Boxers-12'

const tlsFile = (name: string) => join(root, 'test/fixtures/tls', name)
/** What a server of https shows; its CA is `ca.pem` beside it. */
export const serverTls = () => ({ cert: readFileSync(tlsFile('server.pem')), key: readFileSync(tlsFile('server.key')) })

/** Waits until the console shows a page of the open cluster: before that its router hears of no other one. */
export async function consoleShown(page: Page): Promise<void> {
  await page.locator('#main > :not(.first-load)').first().waitFor({ timeout: 60_000 })
}

/** Waits until a route is shown. */
export async function routeShown(page: Page, path: string): Promise<void> {
  await page.waitForURL((url) => url.hash === `#${path}`)
}

/** Fills in a new cluster, of which nothing is saved yet. */
export async function fillIn(page: Page, url: string, password = PASSWORD): Promise<void> {
  await page.getByRole('button', { name: 'Add cluster' }).click()
  await page.getByLabel('Name').fill(CLUSTER)
  await page.getByLabel('URL of the master').fill(url)
  await page.getByLabel('User').fill('operator')
  await page.getByLabel('Password').fill(password)
}

export async function openCluster(page: Page): Promise<void> {
  await page.locator('.cluster-form').getByRole('button', { name: 'Open cluster' }).click()
}

/** A wrong password is told as that; with the right one the cluster opens. */
export async function mistypesThePassword({ page }: Person, url: string): Promise<void> {
  await fillIn(page, url, 'not this one')
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText('Wrong password').first().waitFor()
  await page.getByText('The master refuses operator with this password.').waitFor()

  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText(/Connected in \d+ ms/).waitFor()
  await page.getByText('hq-01, version').waitFor()
  await openCluster(page)
  await consoleShown(page)
  await page.getByText('hq-01').first().waitFor()
}

/** A master behind https whose certificate nobody here knows (`serverTls`): it is pinned, then trusted by its own CA, then opened. */
export async function trustsACertificate(person: Person, url: string): Promise<void> {
  const { page } = person
  const certificate = page.locator('.certificate')
  await fillIn(page, url)
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText('Certificate not trusted').first().waitFor()
  await page.getByText('does not know its issuer (UNABLE_TO_VERIFY_LEAF_SIGNATURE)').waitFor()
  await page.getByRole('button', { name: 'Pin this certificate' }).click()
  await certificate.getByText(new X509Certificate(serverTls().cert).fingerprint256).waitFor()
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText(/Connected in \d+ ms/).waitFor()

  await certificate.getByText('Own CA').click()
  // What is no certificate is not taken for one.
  await person.opens(tlsFile('README.md'))
  await certificate.getByRole('button', { name: 'Choose…' }).click()
  await page.getByText('README.md is not a certificate').waitFor()
  await person.opens(tlsFile('ca.pem'))
  await certificate.getByRole('button', { name: 'Choose…' }).click()
  await page.getByText('ca.pem, valid to').waitFor()
  await openCluster(page)
  await consoleShown(page)
  await page.getByText('hq-01').first().waitFor()
}

/** Takes the one saved cluster out of this computer, and into one that does not know it. */
export async function exchangesClusters(person: Person, file: string, url: string): Promise<void> {
  const { page } = person
  await page.getByRole('heading', { name: 'Clusters' }).waitFor()
  await person.savesTo(file)
  await page.getByRole('button', { name: 'Export without passwords…' }).click()
  await page.getByText('Exported without passwords', { exact: true }).waitFor()
  expect(readFileSync(file, 'utf8')).not.toContain(PASSWORD)
  await page.getByRole('button', { name: 'Remove…' }).click()
  await page.getByRole('button', { name: 'Remove cluster' }).click()
  await page.getByText('No cluster is saved.').waitFor()
  await person.opens(file)
  await page.getByRole('button', { name: 'Import…' }).click()
  await page.getByText('1 cluster imported').waitFor()
  await page.locator('.cluster-item', { hasText: url }).click()
  // Its password has not come with it.
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Test' }).click()
  await page.getByText(/Connected in \d+ ms/).waitFor()
  await person.opens(tlsFile('README.md'))
  await page.getByRole('button', { name: 'Import…' }).click()
  await page.getByText('This is not a file of exported clusters').waitFor()
}

/** Launches the local master. */
export async function launches(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Launch' }).click()
  await page.getByRole('status').filter({ hasText: 'Running' }).waitFor({ timeout: 60_000 })
}

/** Launches the local master with its log in sight, which was shown before there was one. */
export async function watchesTheLaunch({ page }: Person): Promise<void> {
  await page.getByText('A master of your own on this computer').waitFor()
  await page.getByRole('button', { name: 'Show log' }).click()
  await page.getByText('The log is empty.').waitFor()
  await launches(page)
  await page.locator('.local-log').getByText('Listening on').waitFor()
}

/** Chooses a folder that is no project, then drops the example project and adds it. */
export async function dropsAProject(person: Person, noProject: string): Promise<void> {
  const { page } = person
  await person.opens(noProject)
  await page.getByRole('button', { name: 'Choose folder…' }).click()
  await page.getByText('holds no scrapy.cfg').waitFor()
  await person.drops(join(root, 'examples/newspapers'), page.locator('.project-drop'))
  await page.getByLabel('Project name').waitFor()
  expect(await page.getByLabel('Project name').inputValue()).toBe('newspapers')
  await page.getByRole('button', { name: 'Add project' }).click()
  await page.getByText('newspapers added').waitFor()
}

/** Chooses the example project and adds it. */
export async function choosesAProject(person: Person): Promise<void> {
  const { page } = person
  await person.opens(join(root, 'examples/newspapers'))
  await page.getByRole('button', { name: 'Choose folder…' }).click()
  await page.getByRole('button', { name: 'Add project' }).click()
  await page.getByText('newspapers added').waitFor()
}

/** Opens the console of the local master, which runs. */
export async function opensTheLocal({ page }: Person): Promise<void> {
  await page.locator('.local-master').getByRole('button', { name: 'Open cluster' }).click()
  await consoleShown(page)
}

/** Runs a spider of the example project by the console's own dialog, which then shows the job. The answer is its key. */
export async function runsASpider({ page }: Person, spider: string): Promise<string> {
  await page.evaluate(`location.hash = '/?run=newspapers&spider=${spider}'`)
  await page.getByRole('dialog').getByRole('button', { name: /^Run/ }).last().click()
  await page.waitForURL((url) => /^#\/jobs\/[0-9a-z]{26}/.test(url.hash))
  return /[0-9a-z]{26}/.exec(new URL(page.url()).hash)?.[0] ?? ''
}

/** Kills the local master under the open console, which goes on with the one that is started in its place. */
export async function losesTheLocal({ page }: Person, pid: () => number): Promise<void> {
  const first = pid()
  process.kill(first, 'SIGKILL')
  await until('it runs again', () => pid() !== first && isAlive(pid()))
  await consoleShown(page)
}

/** Kills the local master as often as it comes up, until it is given up: its page says so, and launches it by hand. */
export async function losesTheLocalForGood({ page }: Person, pid: () => number): Promise<void> {
  const givenUp = page.getByText('The local master does not run:')
  let last = -1
  await until(
    'it is given up',
    () => {
      const now = pid()
      if (now !== last && isAlive(now)) process.kill((last = now), 'SIGKILL')
      return givenUp.isVisible()
    },
    // The waits between its five restarts are 53 s together.
    { limitMs: 150_000 },
  )
  await page.getByRole('status').filter({ hasText: 'Failed' }).waitFor()
  await launches(page)
  expect(isAlive(pid())).toBe(true)
}
