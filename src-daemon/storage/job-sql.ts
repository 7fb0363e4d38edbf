/** SQL fragments that turn a row of `jobs` into the JSON of the contract, so that long lists never become objects. */

/** Milliseconds since 1970 as ISO 8601 UTC. */
const iso = (column: string): string =>
  `CASE WHEN ${column} IS NULL THEN NULL ELSE strftime('%Y-%m-%dT%H:%M:%f', ${column} / 1000.0, 'unixepoch') || 'Z' END`

const OFFLINE = `EXISTS (SELECT 1 FROM nodes WHERE nodes.id = jobs.node_id AND nodes.state = 'offline')`

/** A `Job` of the contract as JSON text. Needs the table under its own name `jobs`. */
export const JOB_JSON = `json_object(
  'key', key, 'id', id, 'project', project, 'spider', spider, 'state', state, 'outcome', outcome, 'reason', reason,
  'node', node, 'pinned_node', pinned_node,
  'node_offline', json(CASE WHEN state <> 'finished' AND ${OFFLINE} THEN 'true' ELSE 'false' END),
  'priority', priority, 'args', json(args), 'settings', json(settings), 'version', version,
  'created_at', ${iso('created_at')}, 'started_at', ${iso('started_at')}, 'ended_at', ${iso('ended_at')},
  'pid', pid, 'exit_code', exit_code, 'signal', signal, 'finish_reason', finish_reason,
  'scheduled_by', scheduled_by, 'cancelled_by', cancelled_by, 'cancel_requested_at', ${iso('cancel_requested_at')},
  'attempt', attempt, 'runner', runner, 'runner_note', runner_note,
  'pages', pages, 'items', items, 'errors', errors, 'cpu_seconds', cpu_seconds, 'max_rss_bytes', max_rss_bytes)`
