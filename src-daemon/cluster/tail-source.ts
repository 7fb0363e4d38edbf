/** Where the pieces of a followed log come from; they go into an outbox. */
export interface TailSource {
  /** Resolves to the file's size now; 0 when that cannot be known yet. Throws JobNotFoundError and what its node refuses. */
  start(): Promise<number>
  close(): void
}
