// `node scripts/sum-up.mjs CHECK TESTS`: the closing line of `.ci/run`, out of the exit statuses of `npm run check` and
// `npm test` and of what both left in `.cache`. Ends with 1 when anything failed.
import { readFileSync } from 'node:fs'

/** @param {string} name */
function read(name) {
  try {
    return JSON.parse(readFileSync(new URL(`../.cache/${name}`, import.meta.url), 'utf8'))
  } catch {
    return null // it did not come that far
  }
}

/** @typedef {{ passed: number, failed: number }} Count */

/** @returns {Count} */
function checks() {
  /** @type {{ passed: boolean }[]} */
  const results = read('check-results.json') ?? []
  const passed = results.filter((one) => one.passed).length
  return { passed, failed: results.length - passed }
}

/** @returns {Count} */
function tests() {
  /** @type {{ numPassedTests: number, numFailedTests: number, testResults: { status: string, assertionResults: { status: string }[] }[] } | null} */
  const results = read('test-results.json')
  if (results === null) return { passed: 0, failed: 0 }
  // A file that cannot be loaded, or whose hooks fail, has no failed test of its own.
  const files = results.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
  )
  return { passed: results.numPassedTests, failed: results.numFailedTests + files.length }
}

/** A command that failed has a failure, also when it could not say which. @param {Count} count @param {string} status */
function atLeastOne({ passed, failed }, status) {
  return { passed, failed: status === '0' ? failed : Math.max(failed, 1) }
}

const [checkStatus = '1', testStatus = '1'] = process.argv.slice(2)
const counts = [atLeastOne(checks(), checkStatus), atLeastOne(tests(), testStatus)]
const passed = counts.reduce((sum, count) => sum + count.passed, 0)
const failed = counts.reduce((sum, count) => sum + count.failed, 0)
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
