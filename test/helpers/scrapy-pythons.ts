import { delimiter } from 'node:path'
import { askPython } from '../../scripts/lib/python.ts'
import { peersPython, testPython } from './setup-python.ts'

/** An interpreter with its Scrapy. */
export interface ScrapyUnderTest {
  readonly python: string
  readonly version: string
  /** The one that all tests run with; with the others run those that go through Scrapy's own code. */
  readonly isNewest: boolean
}

/**
 * The interpreters that the runner is tested with, one per version of Scrapy, the newest last: the machine's own, that of
 * stock Scrapyd, and those in SCRAPYD_SERVICE_TEST_PYTHONS (paths, separated by colons).
 */
export function scrapyPythons(): ScrapyUnderTest[] {
  const more = (process.env.SCRAPYD_SERVICE_TEST_PYTHONS ?? '').split(delimiter).filter((path) => path !== '')
  const found = new Map<string, string>()
  for (const python of [testPython(), peersPython(), ...more]) {
    const version = askPython(python, 'import scrapy; print(scrapy.__version__)')
    if (version === null) throw new Error(`${python} has no Scrapy`)
    if (!found.has(version)) found.set(version, python)
  }
  const versions = [...found.keys()].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  return versions.map((version) => ({
    version,
    python: found.get(version) as string,
    isNewest: version === versions.at(-1),
  }))
}
