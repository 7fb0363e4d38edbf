import { app, shell } from 'electron'
import { z } from 'zod'
import { ConflictError, InvalidParameterError } from '../src-daemon/errors.ts'
import { clientOf } from './connection-test.ts'
import type { Connections } from './connections.ts'
import type { Dialogs } from './dialogs.ts'
import { describeError } from './ipc-error.ts'
import { FollowedLogs } from './followed-logs.ts'
import type { Caller, IpcHandlers } from './ipc-main.ts'
import { localFile, textFile } from './local-files.ts'
import type { LocalMaster } from './local-master.ts'
import type { OpenSession } from './open-session.ts'
import type { Passwords } from './passwords.ts'
import { inspectFolder } from './project-folder.ts'
import { suggestedName } from './saving.ts'
import type { Savings } from './savings.ts'

interface HandlerParts {
  readonly connections: Connections
  readonly passwords: Passwords
  readonly local: LocalMaster
  readonly open: OpenSession
  readonly dialogs: Dialogs
  readonly savings: Savings
}

/** Every call of the contract, answered by the part that knows. */
export function createHandlers({ connections, passwords, local, open, dialogs, savings }: HandlerParts): IpcHandlers {
  const localState = () => local.state
  const logs = new FollowedLogs(local.folders.log)
  return {
    'desktop.state': () => ({
      platform: process.platform,
      version: app.getVersion(),
      noEncryption: passwords.noEncryption,
      clusters: connections.list(),
      local: local.state,
      open: open.cluster,
      selected: open.selected,
      notice: open.notice,
      path: open.takePath(),
    }),
    'clusters.save': (_, draft) => connections.save(draft),
    'clusters.remove': (_, id) => {
      if (open.cluster?.id === id) open.close('chosen')
      return nothing(connections.remove(id))
    },
    'clusters.test': (_, draft) => connections.test(draft),
    'clusters.check': async () => nothing(await connections.check()),
    'clusters.open': (_, id, password) => open.open(id, password),
    'clusters.close': (_, reason) => nothing(open.close(reason)),
    'clusters.import': async () => {
      const text = await dialogs.readJson()
      return text === null ? null : importClusters(connections, text)
    },
    'clusters.export': () => dialogs.writeJson(connections.export()),
    'clusters.chooseCertificate': () => dialogs.certificate(),
    'local.start': () => local.start().then(localState),
    'local.stop': async () => {
      if (open.cluster?.isLocal === true) open.close('chosen')
      return local.stop().then(localState)
    },
    'local.setBackground': (_, background) => {
      local.setBackground(background)
      return local.state
    },
    'local.setNotifications': (_, notifications) => {
      local.setNotifications(notifications)
      return local.state
    },
    'local.followLog': (caller, id) => nothing(logs.follow(caller, id)),
    'local.unfollowLog': (_, id) => nothing(logs.stop(id)),
    'local.openLog': () => openPath(local.folders.log),
    'projects.choose': async () => {
      const path = await dialogs.folder()
      return path === null ? null : inspectFolder(path, () => local.python())
    },
    'projects.inspect': (_, path) => inspectFolder(path, () => local.python()),
    'projects.add': async (_, path, name) => {
      await clientOf(local.address).call('addProject', { params: { project: name }, body: { path } })
      return null
    },
    'session.call': (_, id, name, input) => open.session.call(id, name, input),
    'session.bytes': (_, id, name, input) => open.session.bytes(id, name, input),
    'session.abort': (_, id) => nothing(open.session.abort(id)),
    'session.follow': (caller, id, cursor) => follow(open, caller, id, cursor),
    'session.unfollow': (_, id) => nothing(open.session.abort(id)),
    'files.save': (caller, url) => saveFile({ open, dialogs, savings }, caller, url),
    'files.stopSaving': (_, id) => nothing(savings.stop(id)),
    'files.open': (_, url) => openPath(ownFile(open, local, url, textFile)),
    'files.reveal': (_, url) => nothing(shell.showItemInFolder(ownFile(open, local, url))),
  }
}

function nothing(_done: void): null {
  return null
}

async function openPath(path: string): Promise<null> {
  const problem = await shell.openPath(path)
  if (problem !== '') throw new ConflictError(problem)
  return null
}

function importClusters(connections: Connections, text: string): number {
  try {
    return connections.import(text)
  } catch (error) {
    const [issue] = error instanceof z.ZodError ? error.issues : []
    const detail = issue === undefined ? describeError(error).message : `${issue.path.join('.')}: ${issue.message}`
    throw new InvalidParameterError('file', `This is not a file of exported clusters: ${detail}`)
  }
}

/** Answers at once; the events come as messages until the stream ends, or the page. */
function follow(open: OpenSession, caller: Caller, id: string, cursor: string | null): null {
  const { session } = open
  caller.onGone(() => session.abort(id))
  session
    .follow(id, cursor, (events) => caller.tell({ type: 'events', stream: id, events }))
    .then(
      () => caller.tell({ type: 'stream-end', stream: id, error: null }),
      (error: unknown) => caller.tell({ type: 'stream-end', stream: id, error: describeError(error) }),
    )
  return null
}

/** Asks for a place (false: none was chosen), and resolves once the file is there or not; the page hears how far it is. */
async function saveFile(
  { open, dialogs, savings }: Pick<HandlerParts, 'open' | 'dialogs' | 'savings'>,
  caller: Caller,
  url: string,
): Promise<boolean> {
  const { session } = open
  const path = await dialogs.save(suggestedName(url))
  if (path === null) return false
  return savings.save(
    path,
    (signal) => session.file(url, signal),
    (message) => caller.tell(message),
  )
}

/** A file on this computer; of another machine's there is none to show. */
function ownFile(open: OpenSession, local: LocalMaster, url: string, find = localFile): string {
  if (open.cluster?.isLocal !== true) throw new ConflictError('The file is on another machine: save it instead.')
  return find(local.folders, url)
}
