import type { Database } from 'better-sqlite3'
import { StorageError } from '../errors.ts'

/** One step of the schema. Append only: a released migration is never edited. */
interface Migration {
  readonly name: string
  readonly sql: string
}

const MIGRATIONS: readonly Migration[] = [
  {
    name: 'jobs, events, projects, nodes',
    sql: `
      CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE jobs (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        id TEXT NOT NULL,
        project TEXT NOT NULL,
        spider TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'assigned', 'starting', 'running', 'finished')),
        outcome TEXT CHECK (outcome IN ('finished', 'failed', 'cancelled', 'lost')),
        reason TEXT,
        -- Id of the node that holds the job ('local' = this daemon); NULL while it waits in a master's queue.
        node_id TEXT,
        node TEXT,
        pinned_node TEXT,
        priority REAL NOT NULL,
        args TEXT NOT NULL,
        settings TEXT NOT NULL,
        version TEXT,
        requested_version TEXT,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        ended_at INTEGER,
        pid INTEGER,
        exit_code INTEGER,
        signal TEXT,
        finish_reason TEXT,
        scheduled_by TEXT,
        cancelled_by TEXT,
        cancel_requested_at INTEGER,
        cancel_signal TEXT,
        -- Whether the node that runs the job has confirmed the cancel (a cancel for an unreachable node is kept).
        cancel_delivered INTEGER NOT NULL DEFAULT 0,
        attempt INTEGER NOT NULL DEFAULT 0,
        token TEXT,
        -- Instance of the master that dispatched the job to this slave; NULL = scheduled here.
        owner TEXT,
        owner_attempt INTEGER,
        assigned_at INTEGER,
        runner TEXT,
        runner_note TEXT,
        pages INTEGER,
        items INTEGER,
        errors INTEGER,
        cpu_seconds REAL,
        max_rss_bytes INTEGER,
        output_tail TEXT,
        -- Of a dispatched job: number of the event of its end, which its owner acknowledges.
        end_seq INTEGER,
        -- For the queue's index: best first, no NULL, so that a row value can be compared (and sought) in one direction.
        rank REAL AS (-priority) VIRTUAL,
        pin TEXT AS (coalesce(pinned_node, '')) VIRTUAL,
        duration INTEGER AS (ended_at - started_at) VIRTUAL,
        CHECK ((state = 'finished') = (outcome IS NOT NULL)),
        CHECK ((state = 'finished') = (ended_at IS NOT NULL)),
        CHECK (state <> 'running' OR started_at IS NOT NULL)
      ) STRICT;
      CREATE INDEX jobs_queue ON jobs (rank, project, n) WHERE state = 'pending' AND node_id IS NULL;
      CREATE INDEX jobs_groups ON jobs (rank, project, spider, pin, n) WHERE state = 'pending' AND node_id IS NULL;
      -- The same condition must stand in a query word by word, or a partial index does not serve it (job-sorts.ts).
      CREATE INDEX jobs_waiting ON jobs (rank, n) WHERE state IN ('pending', 'assigned', 'starting');
      CREATE INDEX jobs_running ON jobs (started_at, n) WHERE state = 'running';
      CREATE INDEX jobs_unfinished ON jobs (project, spider, state, node_id) WHERE state <> 'finished';
      -- However many wait in the master's own queue, this holds only what is on a node.
      CREATE INDEX jobs_held ON jobs (node_id, state, project) WHERE state <> 'finished' AND node_id IS NOT NULL;
      -- With everything that lists and counts filter by, so that they need not read the rows.
      CREATE INDEX jobs_finished ON jobs (
        ended_at DESC, n DESC, outcome, project, spider, node, started_at, created_at, items, pages
      ) WHERE state = 'finished';
      CREATE INDEX jobs_outcome ON jobs (outcome, ended_at DESC, n DESC) WHERE state = 'finished';
      CREATE INDEX jobs_spider ON jobs (project, spider, ended_at DESC, n DESC) WHERE state = 'finished';
      CREATE INDEX jobs_started ON jobs (started_at, n) WHERE state = 'finished' AND started_at IS NOT NULL;
      CREATE INDEX jobs_duration ON jobs (duration, n) WHERE state = 'finished' AND started_at IS NOT NULL;
      CREATE INDEX jobs_priority ON jobs (priority, n);
      CREATE INDEX jobs_id ON jobs (id, project);

      CREATE TABLE job_counts (state TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO job_counts VALUES ('pending', 0), ('assigned', 0), ('starting', 0), ('running', 0), ('finished', 0);
      CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
        UPDATE job_counts SET count = count + 1 WHERE state = NEW.state;
      END;
      CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
        UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
      END;
      CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state ON jobs WHEN NEW.state <> OLD.state BEGIN
        UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
        UPDATE job_counts SET count = count + 1 WHERE state = NEW.state;
      END;

      CREATE TABLE job_stats (key TEXT PRIMARY KEY, stats TEXT NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        type TEXT NOT NULL,
        -- Without type, seq and at, which are put in front when it is read.
        body TEXT NOT NULL
      ) STRICT;

      CREATE TABLE requests (
        idempotency_key TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        reply TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX requests_at ON requests (at);

      CREATE TABLE projects (
        name TEXT PRIMARY KEY,
        path TEXT,
        state TEXT NOT NULL CHECK (state IN ('added', 'removed')),
        configured_path TEXT
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE versions (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        commit_hash TEXT NOT NULL,
        first_seen_at INTEGER NOT NULL,
        UNIQUE (project, commit_hash)
      ) STRICT;
      CREATE TABLE spider_lists (project TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE pulls (
        id TEXT PRIMARY KEY,
        started_at INTEGER NOT NULL,
        body TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX pulls_started ON pulls (started_at DESC);

      CREATE TABLE nodes (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        -- 'config' or 'added'; a removed configured node keeps its row so that it stays away.
        source TEXT NOT NULL CHECK (source IN ('config', 'added')),
        removed INTEGER NOT NULL DEFAULT 0,
        kind TEXT NOT NULL DEFAULT 'unknown' CHECK (kind IN ('unknown', 'slave', 'scrapyd')),
        username TEXT,
        password TEXT,
        max_proc INTEGER,
        state TEXT NOT NULL DEFAULT 'unknown' CHECK (state IN ('online', 'offline', 'unknown')),
        since INTEGER NOT NULL,
        last_seen INTEGER,
        last_error TEXT,
        last_error_at INTEGER,
        paused INTEGER NOT NULL DEFAULT 0,
        pause_note TEXT,
        feed TEXT,
        cursor INTEGER NOT NULL DEFAULT 0,
        cursor_at INTEGER NOT NULL DEFAULT 0,
        instance TEXT,
        known TEXT NOT NULL DEFAULT '{}'
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE node_history (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        node_id TEXT NOT NULL,
        at INTEGER NOT NULL,
        state TEXT NOT NULL,
        reason TEXT
      ) STRICT;
      CREATE INDEX node_history_node ON node_history (node_id, at);
      -- What a node that cannot be reached must still be told (addproject, delproject), in order.
      CREATE TABLE node_tasks (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        node_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        at INTEGER NOT NULL
      ) STRICT;
      -- On a slave: attempts that the master took back, so that a late request does not start them.
      CREATE TABLE revoked (key TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (key)) STRICT, WITHOUT ROWID;
      CREATE INDEX revoked_at ON revoked (at);
    `,
  },
  {
    name: 'what the configuration said of a node',
    sql: `
      -- A fingerprint, and a number: what was set at run time counts until these change. NULL: it said nothing of it.
      ALTER TABLE nodes ADD COLUMN configured_login TEXT;
      ALTER TABLE nodes ADD COLUMN configured_max_proc INTEGER;
    `,
  },
  {
    name: 'groups of the queue by the version that is asked for',
    sql: `
      ALTER TABLE jobs ADD COLUMN wanted TEXT AS (coalesce(requested_version, '')) VIRTUAL;
      DROP INDEX jobs_groups;
      CREATE INDEX jobs_groups ON jobs (rank, project, spider, pin, wanted, n) WHERE state = 'pending' AND node_id IS NULL;
    `,
  },
  {
    name: 'ended jobs by half hour',
    sql: `
      -- Kept with every change of a job: a day has too many jobs to be counted whenever somebody looks at the overview.
      CREATE TABLE half_hours (
        -- Begin of the half hour, milliseconds since 1970.
        at INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        count INTEGER NOT NULL,
        items INTEGER NOT NULL,
        pages INTEGER NOT NULL,
        PRIMARY KEY (at, outcome)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO half_hours
        SELECT (ended_at / 1800000) * 1800000, outcome, count(*), coalesce(sum(items), 0), coalesce(sum(pages), 0)
        FROM jobs WHERE state = 'finished' GROUP BY 1, 2;
      CREATE TRIGGER jobs_ended_in AFTER INSERT ON jobs WHEN NEW.state = 'finished' BEGIN
        INSERT INTO half_hours
          VALUES ((NEW.ended_at / 1800000) * 1800000, NEW.outcome, 1, coalesce(NEW.items, 0), coalesce(NEW.pages, 0))
          ON CONFLICT DO UPDATE SET count = count + 1, items = items + excluded.items, pages = pages + excluded.pages;
      END;
      CREATE TRIGGER jobs_ended_out AFTER DELETE ON jobs WHEN OLD.state = 'finished' BEGIN
        UPDATE half_hours
          SET count = count - 1, items = items - coalesce(OLD.items, 0), pages = pages - coalesce(OLD.pages, 0)
          WHERE at = (OLD.ended_at / 1800000) * 1800000 AND outcome = OLD.outcome;
        DELETE FROM half_hours
          WHERE at = (OLD.ended_at / 1800000) * 1800000 AND outcome = OLD.outcome AND count = 0;
      END;
      CREATE TRIGGER jobs_ended_over AFTER UPDATE OF state, outcome, ended_at, items, pages ON jobs
      WHEN OLD.state = 'finished' OR NEW.state = 'finished' BEGIN
        UPDATE half_hours
          SET count = count - 1, items = items - coalesce(OLD.items, 0), pages = pages - coalesce(OLD.pages, 0)
          WHERE at = (OLD.ended_at / 1800000) * 1800000 AND outcome = OLD.outcome;
        INSERT INTO half_hours
          SELECT (NEW.ended_at / 1800000) * 1800000, NEW.outcome, 1, coalesce(NEW.items, 0), coalesce(NEW.pages, 0)
          WHERE NEW.state = 'finished'
          ON CONFLICT DO UPDATE SET count = count + 1, items = items + excluded.items, pages = pages + excluded.pages;
        DELETE FROM half_hours
          WHERE at = (OLD.ended_at / 1800000) * 1800000 AND outcome = OLD.outcome AND count = 0;
      END;
    `,
  },
]

/** Brings the schema up to date; refuses a database that a newer program has written. */
export function migrate(db: Database, file: string): void {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > MIGRATIONS.length) {
    throw new StorageError(
      `${file} was written by a newer Scrapyd Service (schema ${version}, this one knows ${MIGRATIONS.length}). Upgrade this program, or use another dbs_dir.`,
    )
  }
  for (const [index, migration] of MIGRATIONS.entries()) {
    if (index < version) continue
    db.transaction(() => {
      db.exec(migration.sql)
      db.pragma(`user_version = ${index + 1}`)
    })()
  }
}
