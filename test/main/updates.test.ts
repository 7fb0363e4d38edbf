import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { JsonFile } from '../../src-main/json-file.ts'
import { Updates, updateSettings } from '../../src-main/updates.ts'

let folder: string
/** What happened, in order. */
let events: string[]
/** What the person says to what is asked. */
let answers: { found: boolean; fetched: boolean }
let newer: string | Error | null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-updates-'))
  events = []
  answers = { found: true, fetched: true }
  newer = '0.2.0'
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function make(): Updates {
  const say = (what: string) => void events.push(what)
  return new Updates({
    settings: new JsonFile(join(folder, 'updates.json'), updateSettings, { enabled: false }),
    load: () => {
      say('load')
      return Promise.resolve({
        find: () => (newer instanceof Error ? Promise.reject(newer) : Promise.resolve(newer)),
        download: (onProgress) => {
          say('download')
          onProgress(0.5)
          return Promise.resolve()
        },
        install: () => say('install'),
      })
    },
    talk: {
      found: (version) => {
        say(`found ${version}`)
        return Promise.resolve(answers.found)
      },
      fetched: (version) => {
        say(`fetched ${version}`)
        return Promise.resolve(answers.fetched)
      },
      newest: () => say('newest'),
      failed: (reason) => say(`failed: ${reason}`),
    },
    onProgress: (part) => say(`progress ${part}`),
    quit: () => say('quit'),
  })
}

const switchedOn = () => {
  const updates = make()
  updates.isOn = true
  return updates
}
const FETCHED = ['load', 'found 0.2.0', 'progress 0', 'download', 'progress 0.5', 'progress null', 'fetched 0.2.0']

describe('updates', () => {
  it('are not looked for until somebody switches that on, which lasts', async () => {
    const updates = make()
    await updates.check({ byHand: false })
    await updates.check({ byHand: true })
    expect([updates.isOn, events]).toEqual([false, []])
    updates.isOn = true
    expect(make().isOn).toBe(true)
    updates.isOn = false
    await make().check({ byHand: true })
    expect(events).toEqual([])
  })

  it('are fetched after a yes and installed after another one, as the app quits', async () => {
    const updates = switchedOn()
    await updates.check({ byHand: true })
    expect(events).toEqual([...FETCHED, 'quit'])
    expect(updates.install()).toBe(true)
    expect(events.at(-1)).toBe('install')
    expect(updates.install()).toBe(false)
  })

  it('are neither fetched nor installed after a no', async () => {
    answers.found = false
    const updates = switchedOn()
    await updates.check({ byHand: true })
    expect(events).toEqual(['load', 'found 0.2.0'])
    answers = { found: true, fetched: false }
    events = []
    await updates.check({ byHand: false })
    expect([events, updates.install()]).toEqual([FETCHED, false])
  })

  it('are not installed when the person stays in the app', async () => {
    const updates = switchedOn()
    await updates.check({ byHand: true })
    updates.withdraw()
    expect(updates.install()).toBe(false)
  })

  it('that are not there, or cannot be looked for, are told only to who asked', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const updates = switchedOn()
    newer = null
    await updates.check({ byHand: false })
    newer = new Error('no network')
    await updates.check({ byHand: false })
    expect(events).toEqual(['load', 'load'])
    expect(complaints).toHaveBeenCalledTimes(1)
    complaints.mockRestore()
    events = []
    await updates.check({ byHand: true })
    newer = null
    await updates.check({ byHand: true })
    expect(events).toEqual(['load', 'failed: no network', 'load', 'newest'])
  })

  it('are looked for once at a time', async () => {
    const updates = switchedOn()
    await Promise.all([updates.check({ byHand: true }), updates.check({ byHand: true })])
    expect(events).toEqual([...FETCHED, 'quit'])
  })
})
