import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

export interface SessionsOptions {
  /** Id of the instance: names the cookie, because cookies ignore ports. */
  readonly instance: string
  /** At least 32 random bytes, the same over restarts, known to nobody else. */
  readonly secret: Buffer
  /** What a session depends on beside the secret: with another password all sessions end. */
  readonly credentials: string
  /** Keeps the sign-outs over restarts; none: they end with the process. */
  readonly signedOut?: SignedOutStore
  readonly now?: () => number
}

/** Sessions that were signed out, as `[id, expiry in ms]`. */
export type SignedOut = readonly (readonly [string, number])[]

export interface SignedOutStore {
  load(): SignedOut
  /** Resolves when it is on disk. */
  save(all: SignedOut): Promise<void>
}

const LIFETIME_MS = 7 * 24 * 3_600_000
/** Only who knows the password can sign in, and so out. */
const MOST_ENDED = 10_000

/**
 * Browser sessions: opaque signed tokens in a cookie, so that they survive a restart without being stored. Those that
 * were signed out are remembered until they would have expired.
 */
export class Sessions {
  readonly cookieName: string
  readonly #key: Buffer
  readonly #now: () => number
  readonly #store: SignedOutStore | null
  readonly #ended: Map<string, number>

  constructor({ instance, secret, credentials, signedOut, now = Date.now }: SessionsOptions) {
    this.cookieName = `scrapyd_service_${createHash('sha256').update(instance).digest('hex').slice(0, 12)}`
    this.#key = createHmac('sha256', secret).update(`session\0${credentials}`).digest()
    this.#store = signedOut ?? null
    // Older versions kept the expiry in front of the id.
    this.#ended = new Map(this.#store?.load().map(([id, expiry]) => [id.slice(id.indexOf('.') + 1), expiry]))
    this.#now = now
  }

  /** `Set-Cookie` of a new session. */
  create(prefix: string, isSecure: boolean): string {
    return this.#issue(randomBytes(16).toString('base64url'), prefix, isSecure)
  }

  /** `Set-Cookie` that prolongs the session of the request. It stays the same one: signing out ends all cookies it had. */
  prolong(request: IncomingMessage, prefix: string, isSecure: boolean): string | null {
    const token = this.#tokens(request).find((each) => this.#isLive(each))
    return token === undefined ? null : this.#issue(idOf(token), prefix, isSecure)
  }

  isValid(request: IncomingMessage): boolean {
    return this.#tokens(request).some((token) => this.#isLive(token))
  }

  /** Ends the session of the request, for good; returns the `Set-Cookie` that removes it. */
  async end(request: IncomingMessage, prefix: string, isSecure: boolean): Promise<string> {
    const live = this.#tokens(request).filter((token) => this.#isLive(token))
    if (live.length > 0) {
      // Another cookie of the session may live longer than this one.
      for (const token of live) this.#ended.set(idOf(token), this.#now() + LIFETIME_MS)
      this.#forgetExpired()
      await this.#store?.save([...this.#ended])
    }
    return this.#cookie('', 0, prefix, isSecure)
  }

  #isLive(token: string): boolean {
    const body = bodyOf(token)
    const expected = Buffer.from(this.#sign(body))
    const given = Buffer.from(token.slice(body.length + 1))
    return (
      given.length === expected.length &&
      timingSafeEqual(given, expected) &&
      expiryOf(token) > this.#now() &&
      !this.#ended.has(idOf(token))
    )
  }

  #issue(id: string, prefix: string, isSecure: boolean): string {
    const body = `${(this.#now() + LIFETIME_MS).toString(36)}.${id}`
    return this.#cookie(`${body}.${this.#sign(body)}`, LIFETIME_MS / 1_000, prefix, isSecure)
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url')
  }

  #cookie(value: string, maxAge: number, prefix: string, isSecure: boolean): string {
    const secure = isSecure ? '; Secure' : ''
    return `${this.cookieName}=${value}; Path=${prefix || '/'}; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`
  }

  /** A browser may send two of a name, for two paths. */
  #tokens(request: IncomingMessage): string[] {
    const begin = `${this.cookieName}=`
    return (request.headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(begin))
      .map((pair) => pair.slice(begin.length))
  }

  #forgetExpired(): void {
    const now = this.#now()
    for (const [id, expiry] of this.#ended) {
      if (expiry <= now || this.#ended.size > MOST_ENDED) this.#ended.delete(id)
    }
  }
}

/** A token without its signature. */
function bodyOf(token: string): string {
  return token.slice(0, Math.max(0, token.lastIndexOf('.')))
}

function idOf(token: string): string {
  const body = bodyOf(token)
  return body.slice(body.indexOf('.') + 1)
}

function expiryOf(token: string): number {
  return Number.parseInt(token.slice(0, token.indexOf('.')), 36)
}
