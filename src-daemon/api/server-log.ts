/** Where the server writes what nobody else hears. */
export interface ServerLog {
  info(message: string): void
  warn(message: string, error?: unknown): void
  error(message: string, error?: unknown): void
}
