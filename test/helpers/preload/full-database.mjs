// Loaded into a daemon under test by NODE_OPTIONS where no small disk can be mounted: while the file that
// SCRAPYD_SERVICE_TEST_FULL names is there, the daemon's databases cannot grow, and SQLite says that the disk is full.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const flag = process.env['SCRAPYD_SERVICE_TEST_FULL'] ?? ''
const Database = createRequire(new URL('../../../src-daemon/package.json', import.meta.url))('better-sqlite3')
const { exec, transaction } = Database.prototype

function limit(db) {
  // As many pages as there are now, or as there can ever be.
  db.pragma(`max_page_count = ${existsSync(flag) ? 1 : 4_294_967_294}`)
}

Database.prototype.exec = function limitedExec(sql) {
  if (sql.startsWith('BEGIN IMMEDIATE')) limit(this)
  return exec.call(this, sql)
}

Database.prototype.transaction = function limitedTransaction(work) {
  limit(this)
  return transaction.call(this, work)
}
