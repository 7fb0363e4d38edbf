import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FileNotFoundError } from '../../../src-daemon/errors.ts'
import { readItems } from '../../../src-daemon/files/items.ts'
import { tempFolder } from './temp-folder.ts'

async function itemsFile(text: string): Promise<string> {
  const path = join(await tempFolder(), 'j.jl')
  await writeFile(path, text)
  return path
}

const all = { offset: 0, limit: 50, ended: true }

describe('readItems', () => {
  it('gives rows page by page', async () => {
    const path = await itemsFile('{"n": 1}\n{"n": 2, "t": "标题"}\n[3]\n"four"\n')
    const first = await readItems(path, { ...all, limit: 2 })
    expect(first.items).toEqual([{ n: 1 }, { n: 2, t: '标题' }])
    expect(first.next).toBe(Buffer.byteLength('{"n": 1}\n{"n": 2, "t": "标题"}\n'))
    const second = await readItems(path, { ...all, offset: first.next ?? 0 })
    expect(second).toEqual({ items: [[3], 'four'], next: null, size: first.size })
  })

  it('takes an offset inside a row for its begin, and one beyond the end for the end', async () => {
    const path = await itemsFile('{"n": 1}\n{"n": 2}\n')
    expect((await readItems(path, { ...all, offset: 12 })).items).toEqual([{ n: 2 }])
    expect((await readItems(path, { ...all, offset: 3 })).items).toEqual([{ n: 1 }, { n: 2 }])
    expect(await readItems(path, { ...all, offset: 999 })).toEqual({ items: [], next: null, size: 18 })
  })

  it('gives what is not JSON as text, and leaves empty lines out', async () => {
    const path = await itemsFile('{"price": NaN}\n\nplain text\r\n{"n": 1}\r\n')
    expect((await readItems(path, all)).items).toEqual(['{"price": NaN}', 'plain text\r', { n: 1 }])
  })

  it('keeps integers exact that JavaScript cannot hold', async () => {
    const path = await itemsFile('{"id": 1234567890123456789, "small": 42, "f": 0.1234567890123456789}\n')
    expect((await readItems(path, all)).items).toEqual([
      { id: '1234567890123456789', small: 42, f: 0.123_456_789_012_345_68 },
    ])
  })

  it('leaves out the row that is being written until it is whole, and gives it once', async () => {
    const path = await itemsFile('{"n": 1}\n{"n": ')
    const first = await readItems(path, { ...all, ended: false })
    expect(first).toEqual({ items: [{ n: 1 }], next: null, size: 15 })
    await appendFile(path, '2}\n{"n": 3}\n')
    const second = await readItems(path, { ...all, offset: first.size, ended: false })
    expect(second.items).toEqual([{ n: 2 }, { n: 3 }])
  })

  it('gives the broken last row of a job that has ended', async () => {
    const path = await itemsFile('{"n": 1}\n{"n": ')
    expect((await readItems(path, all)).items).toEqual([{ n: 1 }, '{"n": '])
  })

  it('cuts a row of more than 1 MiB at a character, and goes on behind it', async () => {
    const long = `{"t": "${'长'.repeat(1_000_000)}"}`
    const path = await itemsFile(`{"n": 1}\n${long}\n{"n": 2}\n`)
    const { items, next } = await readItems(path, all)
    expect(items).toHaveLength(3)
    expect(typeof items[1]).toBe('string')
    expect(long.startsWith(String(items[1]))).toBe(true)
    expect(Buffer.byteLength(String(items[1]))).toBeGreaterThan(1_048_000)
    expect(items[2]).toEqual({ n: 2 })
    expect(next).toBeNull()
  })

  it('ends an answer before it grows too large', async () => {
    const path = await itemsFile(`"${'x'.repeat(500_000)}"\n`.repeat(40))
    const seen: number[] = []
    for (let offset: number | null = 0; offset !== null;) {
      const page: Awaited<ReturnType<typeof readItems>> = await readItems(path, { ...all, offset })
      seen.push(page.items.length)
      offset = page.next
    }
    expect(Math.max(...seen)).toBeLessThan(12)
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(40)
  })

  it('says when there is no file', async () => {
    await expect(readItems(join(await tempFolder(), 'no.jl'), all)).rejects.toThrow(FileNotFoundError)
  })
})
