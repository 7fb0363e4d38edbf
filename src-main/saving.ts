import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

/** The name that a file of the daemon is offered under: `items/news/ticker/2026.jl` → `news-ticker-2026.jl`. */
export function suggestedName(url: string): string {
  const parts = url
    .replace(/[?#].*$/, '')
    .split('/')
    .filter((part) => part !== '')
    .slice(1)
    .map(decode)
  const [first, ...rest] = parts
  // A log of `/api/jobs/{key}/log` has no name of its own.
  const name = first === 'jobs' ? [...rest].join('.') : parts.join('-')
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
  return name.replaceAll(/[/\\:*?"<>|\u0000-\u001f]/g, '_').slice(-150) || 'file'
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Writes an answer to a file, which has its name only once it is whole. `onProgress` gets 0…1, or null when unknown. Rejects once `signal` ends it. */
export async function saveResponse(
  response: Response,
  path: string,
  onProgress: (part: number | null) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const total = Number(response.headers.get('content-length') ?? 0)
  const draft = `${path}.part`
  let done = 0
  try {
    const body = response.body === null ? [] : (response.body as ReadableStream<Uint8Array>)
    await pipeline(
      Readable.from(body),
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          done += chunk.length
          onProgress(total > 0 ? Math.min(1, done / total) : null)
          yield chunk
        }
      },
      createWriteStream(draft),
      { signal },
    )
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
