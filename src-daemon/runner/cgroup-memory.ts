import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What a container or service may use (`memory.max`, systemd's `MemoryMax`), and what of it could still be had; bytes. */
export interface LimitedMemory {
  readonly limit: number
  readonly available: number
}

/**
 * The tightest limit that this process lives under, its own group's or that of one above it; null where there is none. Files
 * that are cached count as used in `memory.current` but are given back when memory is needed. For version 2 of cgroups.
 */
export function limitedMemory(groups = '/sys/fs/cgroup', self = '/proc/self/cgroup'): LimitedMemory | null {
  const path = /^0::(\/.*)$/m.exec(textOf(self) ?? '')?.[1]
  if (path === undefined) return null
  let tightest: LimitedMemory | null = null
  for (let group = path; ; group = dirname(group)) {
    const found = memoryOf(join(groups, group))
    if (found !== null && (tightest === null || found.available < tightest.available)) tightest = found
    if (group === '/') return tightest
  }
}

function memoryOf(folder: string): LimitedMemory | null {
  const limit = Number(textOf(join(folder, 'memory.max')) ?? Number.NaN)
  const used = Number(textOf(join(folder, 'memory.current')) ?? Number.NaN)
  // `max` is no number: no limit.
  if (!Number.isFinite(limit) || !Number.isFinite(used)) return null
  const stat = textOf(join(folder, 'memory.stat')) ?? ''
  const cached = ['active_file', 'inactive_file']
    .map((name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0))
    .reduce((sum, bytes) => sum + bytes, 0)
  return { limit, available: Math.max(0, limit - used + cached) }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not Linux, an old version, or no such file in the topmost group.
    return null
  }
}
