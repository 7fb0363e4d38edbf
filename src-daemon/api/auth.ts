import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import { LoginDamping } from './login-damping.ts'
import { Sessions, type SignedOutStore } from './sessions.ts'

export interface AuthOptions {
  /** Both null or empty: everybody may do everything. */
  readonly username: string | null
  readonly password: string | null
  readonly instance: string
  readonly sessionSecret: Buffer
  readonly signedOut?: SignedOutStore
}

/**
 * Who may use the daemon: HTTP Basic for programs, a session cookie for browsers. Comparisons take the same time whatever
 * was sent.
 */
export class Auth {
  readonly isNeeded: boolean
  readonly username: string | null
  readonly sessions: Sessions
  readonly #damping = new LoginDamping()
  readonly #accepted: readonly Buffer[]
  readonly #key = randomBytes(32)

  constructor({ username, password, instance, sessionSecret, signedOut }: AuthOptions) {
    const user = username ?? ''
    const secret = password ?? ''
    this.isNeeded = user !== '' && secret !== ''
    this.username = this.isNeeded ? user : null
    const credentials = `${user}:${secret}`
    this.sessions = new Sessions({ instance, secret: sessionSecret, credentials, ...(signedOut && { signedOut }) })
    // Python's requests sends Latin-1, everything else UTF-8. What Latin-1 cannot say must not be cut down to it.
    const encodings = isLatin1(credentials) ? (['utf8', 'latin1'] as const) : (['utf8'] as const)
    this.#accepted = encodings.map((encoding) => this.#digest(Buffer.from(credentials, encoding)))
  }

  /** Whether the request may go on. Waits before it says no to a wrong password. Throws HttpError 429. */
  async admits(request: IncomingMessage): Promise<boolean> {
    if (!this.isNeeded || this.sessions.isValid(request)) return true
    const basic = /^basic +([A-Za-z0-9+/_-]*=*) *$/i.exec(request.headers.authorization ?? '')?.[1]
    return basic !== undefined && this.#check(request, Buffer.from(basic, 'base64'))
  }

  /** Whether an answer without end may go on: what a session has opened ends with it. Ask when the answer begins. */
  leaseOf(request: IncomingMessage): () => boolean {
    const isOfSession = this.isNeeded && this.sessions.isValid(request)
    return () => !isOfSession || this.sessions.isValid(request)
  }

  /** As `admits`, for what a form or a JSON body says. */
  async accepts(request: IncomingMessage, username: string, password: string): Promise<boolean> {
    return !this.isNeeded || this.#check(request, Buffer.from(`${username}:${password}`))
  }

  async #check(request: IncomingMessage, credentials: Buffer): Promise<boolean> {
    const address = request.socket.remoteAddress ?? 'unix'
    if (!this.#damping.mayTry(address)) {
      throw new HttpError(429, 'too-many-attempts', 'Too many wrong passwords from this address', {
        'Retry-After': '1',
      })
    }
    const digest = this.#digest(credentials)
    let isRight = false
    for (const accepted of this.#accepted) isRight = timingSafeEqual(digest, accepted) || isRight
    if (isRight) this.#damping.succeeded(address)
    else await this.#damping.failed(address)
    return isRight
  }

  #digest(bytes: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(bytes).digest()
  }
}

const isLatin1 = (text: string) => [...text].every((char) => char <= '\u00ff')
