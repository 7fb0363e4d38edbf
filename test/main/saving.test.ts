import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { saveResponse } from '../../src-main/saving.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-saving-'))
  path = join(folder, 'saved.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** An answer in pieces; an Error among them breaks it off. */
function answer(pieces: readonly (string | Error)[], headers: Record<string, string> = {}): Response {
  const rest = [...pieces]
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const piece = rest.shift()
      if (piece === undefined) controller.close()
      else if (piece instanceof Error) controller.error(piece)
      else controller.enqueue(new TextEncoder().encode(piece))
    },
  })
  return new Response(body, { headers })
}

describe('saving', () => {
  it('tells how far it is, and that it cannot tell', async () => {
    const told: (number | null)[] = []
    await saveResponse(answer(['ab', 'cd'], { 'content-length': '4' }), path, (part) => told.push(part))
    expect([readFileSync(path, 'utf8'), told]).toEqual(['abcd', [0.5, 1]])
    told.length = 0
    await saveResponse(answer(['xyz']), path, (part) => told.push(part))
    expect([readFileSync(path, 'utf8'), told]).toEqual(['xyz', [null]])
  })

  it('leaves what was there, and nothing half, when it breaks off', async () => {
    writeFileSync(path, 'before')
    const broken = answer(['half', new Error('connection lost')])
    await expect(saveResponse(broken, path, () => {})).rejects.toThrow('connection lost')
    expect(readdirSync(folder)).toEqual(['saved.log'])
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  it('can be ended halfway, which leaves what was there', async () => {
    writeFileSync(path, 'before')
    const stop = new AbortController()
    const endless = new Response(new ReadableStream({ pull: (body) => body.enqueue(new Uint8Array(1)) }))
    await expect(saveResponse(endless, path, () => stop.abort(), stop.signal)).rejects.toThrow('abort')
    expect(readdirSync(folder)).toEqual(['saved.log'])
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  it('says that the place cannot be written', async () => {
    const nowhere = join(folder, 'no-such-folder/saved.log')
    await expect(saveResponse(answer(['a']), nowhere, () => {})).rejects.toThrow('ENOENT')
  })
})
