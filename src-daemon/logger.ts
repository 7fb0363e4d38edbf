/** Where a part writes what an operator should know. Lines go to stderr; the composition root makes the one logger. */
export interface Logger {
  info(message: string): void
  warn(message: string, cause?: unknown): void
  error(message: string, cause?: unknown): void
  /** Only with `debug = on`. */
  debug(message: string): void
}

/**
 * One line per message: time (UTC), level, text; causes as their message, with the stack only when `debug`. What comes from
 * elsewhere (names of nodes, output of Python) cannot make a line of its own: further lines are indented.
 */
export function createLogger(write: (line: string) => void, debug: boolean): Logger {
  const line = (level: string, message: string, cause?: unknown) => {
    const text = cause === undefined ? message : `${message}: ${textOf(cause, debug)}`
    write(`${new Date().toISOString()} ${level} ${plain(text)}\n`)
  }
  return {
    info: (message) => line('INFO', message),
    warn: (message, cause) => line('WARNING', message, cause),
    error: (message, cause) => line('ERROR', message, cause),
    debug: (message) => {
      if (debug) line('DEBUG', message)
    },
  }
}

function textOf(cause: unknown, debug: boolean): string {
  if (!(cause instanceof Error)) return String(cause)
  return debug ? (cause.stack ?? cause.message) : cause.message
}

/** Without what a terminal would act on. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is replaced
  return text.replaceAll(/\r?\n|\r/g, '\n    ').replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?')
}
