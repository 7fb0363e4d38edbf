import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './root.ts'

interface Entry {
  readonly type: number | string
  readonly id: number | string
  readonly bin: ArrayBuffer
}

/** What is used of resedit, by which electron-builder edits Windows programs. */
interface ResEdit {
  readonly NtExecutable: {
    createEmpty(is32Bit: boolean, isDll: boolean): Program
    from(bytes: Uint8Array): Program
  }
  readonly NtExecutableResource: { from(program: Program): Resources }
  readonly Resource: {
    readonly VersionInfo: { create(language: number, fixed: object, texts: readonly object[]): Info }
  }
}
interface Program {
  generate(): ArrayBuffer
}
interface Resources {
  readonly entries: Entry[]
  outputResource(program: Program): void
}
interface Info {
  outputToResourceEntries(entries: Entry[]): void
}

/** The one that electron-builder itself has. */
function resEdit(): ResEdit {
  const builder = createRequire(join(root, 'package.json')).resolve('electron-builder/package.json')
  const library = createRequire(builder).resolve('app-builder-lib/package.json')
  return createRequire(library)('resedit') as ResEdit
}

const ENGLISH = 0x0409
const UNICODE = 1_200

/** A Windows program that does nothing, with the version resource that Electron's has. */
export function emptyProgram(version: string): Buffer {
  const { NtExecutable, NtExecutableResource, Resource } = resEdit()
  const program = NtExecutable.createEmpty(false, false)
  const resources = NtExecutableResource.from(program)
  const values = { ProductName: 'Electron', FileVersion: version }
  Resource.VersionInfo.create(ENGLISH, {}, [{ lang: ENGLISH, codepage: UNICODE, values }]).outputToResourceEntries(
    resources.entries,
  )
  resources.outputResource(program)
  return Buffer.from(program.generate())
}

/** The types of a program's resources (numbers of Windows, names of whoever made them), each with its content as text. */
export function resourcesOf(program: Uint8Array): readonly { readonly type: number | string; readonly text: string }[] {
  const { NtExecutable, NtExecutableResource } = resEdit()
  return NtExecutableResource.from(NtExecutable.from(program)).entries.map(({ type, bin }) => ({
    type,
    text: Buffer.from(bin).toString(type === VERSION ? 'utf16le' : 'utf8'),
  }))
}

const VERSION = 16
