import { ipcMain, type IpcMainInvokeEvent, type WebContents } from 'electron'
import { ScrapydServiceError } from '../src-daemon/errors.ts'
import {
  IPC_ARGUMENTS,
  IPC_CHANNEL,
  type IpcAnswer,
  type IpcArguments,
  type IpcCall,
  type IpcMessage,
  type IpcReplies,
} from './ipc-contract.ts'
import { describeError } from './ipc-error.ts'

/** Where a call comes from: answers go back by themselves, messages of its own by this. */
export interface Caller {
  readonly id: number
  tell(message: IpcMessage): void
  /** Called once when the page is gone or loads another one. */
  onGone(listener: () => void): void
}

/** One function for every call of the contract. */
export type IpcHandlers = {
  readonly [C in IpcCall]: (caller: Caller, ...args: IpcArguments<C>) => Promise<IpcReplies[C]> | IpcReplies[C]
}

/** Something asked that is not our page. */
export class ForeignSenderError extends ScrapydServiceError {
  override readonly code = 'foreign-sender'
  override readonly status = 403
}

/** The call is not in the contract, or its arguments are not what the contract says. */
export class InvalidCallError extends ScrapydServiceError {
  override readonly code = 'invalid-call'
  override readonly status = 422
}

export interface IpcOptions {
  readonly handlers: IpcHandlers
  /** Whether a frame's URL is one of our own pages. */
  readonly isOwnUrl: (url: string) => boolean
  readonly onError: (message: string, cause: unknown) => void
}

/** Answers the calls of our own page, and of nobody else. */
export function serveIpc({ handlers, isOwnUrl, onError }: IpcOptions): void {
  ipcMain.handle(IPC_CHANNEL, async (event, call: unknown, args: unknown): Promise<IpcAnswer<IpcCall>> => {
    try {
      checkSender(event, isOwnUrl)
      return { ok: true, value: await answer(handlers, callerOf(event.sender), call, args) }
    } catch (error) {
      // A call that the page itself ended is none that failed.
      const isAbort = error instanceof Error && error.name === 'AbortError'
      if (!(error instanceof ScrapydServiceError) && !isAbort) onError(`the call ${String(call)} failed`, error)
      return { ok: false, error: describeError(error) }
    }
  })
}

/** The window's own page; never a frame inside it, never a page that something navigated to. */
function checkSender({ senderFrame, sender }: IpcMainInvokeEvent, isOwnUrl: (url: string) => boolean): void {
  const url = senderFrame?.url ?? ''
  if (senderFrame === null || senderFrame !== sender.mainFrame || !isOwnUrl(url)) {
    throw new ForeignSenderError(`calls from ${url === '' ? 'a page that is gone' : url} are not answered`)
  }
}

function isCall(call: unknown): call is IpcCall {
  return typeof call === 'string' && Object.hasOwn(IPC_ARGUMENTS, call)
}

async function answer(handlers: IpcHandlers, caller: Caller, call: unknown, args: unknown): Promise<unknown> {
  if (!isCall(call)) throw new InvalidCallError(`there is no call ${JSON.stringify(call)}`)
  const checked = IPC_ARGUMENTS[call].safeParse(args)
  if (!checked.success) {
    const [issue] = checked.error.issues
    const place = issue?.path.slice(1).join('.') ?? ''
    throw new InvalidCallError(`${call}: ${place === '' ? '' : `${place}: `}${issue?.message ?? 'wrong arguments'}`)
  }
  // The name has chosen the schema: the compiler cannot follow a name that is known at run time only.
  const handler = handlers[call] as (caller: Caller, ...values: unknown[]) => unknown
  return handler(caller, ...(checked.data as unknown[]))
}

const callers = new WeakMap<WebContents, Caller>()

/** The page behind a web contents; one for its whole life, so that what belongs to it can be found again. */
function callerOf(contents: WebContents): Caller {
  const known = callers.get(contents)
  if (known !== undefined) return known
  const leaving = new Set<() => void>()
  const leave = () => {
    for (const listener of leaving) listener()
    leaving.clear()
  }
  const caller: Caller = {
    id: contents.id,
    tell: (message) => {
      if (!contents.isDestroyed()) contents.send(IPC_CHANNEL, message)
    },
    onGone: (listener) => leaving.add(listener),
  }
  contents.once('destroyed', leave)
  contents.on('did-navigate', leave)
  callers.set(contents, caller)
  return caller
}
