// Loaded into a daemon under test by NODE_OPTIONS: its wall clock is off by as many milliseconds as the file says that
// SCRAPYD_SERVICE_TEST_CLOCK names. The monotonic clock goes on as it is, as when somebody sets the time.
import { readFileSync } from 'node:fs'

const file = process.env['SCRAPYD_SERVICE_TEST_CLOCK'] ?? ''
const RealDate = Date

function now() {
  try {
    return RealDate.now() + Number(readFileSync(file, 'utf8'))
  } catch {
    // Not set: the time is right.
    return RealDate.now()
  }
}

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now()] : given))
  }

  static now() {
    return now()
  }
}
