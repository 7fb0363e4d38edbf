import type { Caller } from './ipc-main.ts'
import { LogFollower } from './local-log.ts'

/** The local master's log, as pages follow it: each until it says so, or is gone. */
export class FollowedLogs {
  readonly #path: string
  readonly #followers = new Map<string, LogFollower>()

  constructor(path: string) {
    this.#path = path
  }

  follow(caller: Caller, stream: string): void {
    this.stop(stream)
    const onText = (text: string, isAnew: boolean) => caller.tell({ type: 'local-log', stream, text, isAnew })
    const follower = new LogFollower({ path: this.#path, onText })
    this.#followers.set(stream, follower)
    caller.onGone(() => this.stop(stream))
    follower.start()
  }

  stop(stream: string): void {
    this.#followers.get(stream)?.stop()
    this.#followers.delete(stream)
  }
}
