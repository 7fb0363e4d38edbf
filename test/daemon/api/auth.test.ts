import { afterEach, describe, expect, it } from 'vitest'
import { FakeServer } from '../../helpers/fake-server.ts'
import { until } from '../../helpers/until.ts'

let server: FakeServer
afterEach(() => server.stop())

const USER = 'hello12345'
const PASSWORD = '67890world'
const start = async (options: Parameters<FakeServer['start']>[0] = {}) => {
  server = await new FakeServer().start({ username: USER, password: PASSWORD, ...options })
}
const basic = (user: string, password: string, encoding: BufferEncoding = 'utf8') => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`, encoding).toString('base64')}`,
})
const cookieOf = (answer: Response) => (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
const signIn = (credentials: unknown, headers: Record<string, string> = {}) =>
  server.get('/api/session', {
    method: 'POST',
    body: JSON.stringify(credentials),
    headers: { 'Content-Type': 'application/json', ...headers },
  })

describe('HTTP Basic', () => {
  it.each([
    ['GET', '/'],
    ['GET', '/daemonstatus.json'],
    ['POST', '/schedule.json'],
    ['OPTIONS', '/schedule.json'],
    ['GET', '/nothing'],
    ['GET', '/logs/'],
    ['GET', '/jobs'],
    ['GET', '/api/node'],
    ['GET', '/api/openapi.json'],
    ['GET', '/api/events'],
    ['GET', '/api/session'],
  ])('is asked for at %s %s', async (method, path) => {
    await start()
    for (const headers of [{}, basic('baduser', 'badpass'), basic(USER, 'x'), { Authorization: 'Bearer x' }]) {
      const answer = await server.get(path, { method, headers })
      expect(answer.status).toBe(401)
      expect(await answer.text()).toBe('Unauthorized')
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="Scrapyd"/)
    }
    expect(server.scrapyd.calls).toEqual([])
  })

  it("challenges Java's own client, which names text/html in every request and waits for the challenge", async () => {
    await start()
    const headers = { 'User-Agent': 'Java/21.0.5', Accept: 'text/html, image/gif, image/jpeg, */*; q=0.2' }
    const answer = await server.get('/daemonstatus.json', { headers })
    expect([answer.status, await answer.text()]).toEqual([401, 'Unauthorized'])
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="Scrapyd"/)
  })

  it('does not challenge the console, which has a login of its own', async () => {
    await start()
    const answer = await server.get('/api/node', { headers: { 'X-Requested-With': 'console' } })
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toBeNull()
  })

  it('lets in who knows name and password, and lets everybody ask for health', async () => {
    await start()
    expect((await server.get('/daemonstatus.json', { headers: basic(USER, PASSWORD) })).status).toBe(200)
    await server.post('/schedule.json', { project: 'news', spider: 'one' }, { headers: basic(USER, PASSWORD) })
    expect(server.scrapyd.last?.by).toMatchObject({ name: USER })
    expect(await (await server.get('/healthz')).json()).toEqual({ status: 'ok' })
  })

  it('takes names outside ASCII in UTF-8, and in Latin-1 where that can say them', async () => {
    await start({ username: 'jürgen', password: 'ñ' })
    expect((await server.get('/jobs', { headers: basic('jürgen', 'ñ') })).status).toBe(200)
    expect((await server.get('/jobs', { headers: basic('jürgen', 'ñ', 'latin1') })).status).toBe(200)
    await server.stop()
    await start({ username: 'admin', password: '中' })
    expect((await server.get('/jobs', { headers: basic('admin', '中') })).status).toBe(200)
    // What Latin-1 makes of it by cutting.
    expect((await server.get('/jobs', { headers: basic('admin', '-') })).status).toBe(401)
  })

  it('is not asked for without a password', async () => {
    await start({ username: 'x', password: '' })
    expect((await server.get('/jobs')).status).toBe(200)
    expect(await (await server.get('/api/session')).json()).toEqual({ username: null, authentication: false })
  })

  it('slows guessing down, but not who knows the password', async () => {
    await start()
    const guesses = Array.from({ length: 80 }, () => server.get('/jobs', { headers: basic(USER, 'guess') }))
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set([401, 429]))
    expect((await server.get('/jobs', { headers: basic(USER, PASSWORD) })).status).toBe(200)
  })
})

describe('the login page', () => {
  const page = { Accept: 'text/html,application/xhtml+xml', 'Accept-Language': 'en-GB,zh;q=0.5' }

  it('is served in place of every page, without a challenge', async () => {
    await start()
    for (const path of ['/', '/jobs', '/logs/', '/nothing?a=%22%3E']) {
      const answer = await server.get(path, { headers: page })
      const text = await answer.text()
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toBeNull()
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(text).toContain('<html lang="en">')
      expect(text).toContain(`name="next" value="${path}"`)
      expect(text).toContain('action="/api/session"')
    }
  })

  it('speaks Chinese', async () => {
    await start()
    const answer = await server.get('/', { headers: { ...page, 'Accept-Language': 'fr, zh-TW, en' } })
    expect(await answer.text()).toContain('<h1>Scrapyd Service</h1>')
    expect(await (await server.get('/', { headers: { ...page, 'Accept-Language': 'zh' } })).text()).toContain('登录')
  })

  it('signs in without script, and comes back to where it was', async () => {
    await start()
    const headers = { 'X-Forwarded-Prefix': '/a/b' }
    const form = { username: USER, password: PASSWORD, next: '/jobs?x=1' }
    const answer = await server.post('/api/session', form, { headers })
    expect(answer.status).toBe(303)
    expect(answer.headers.get('location')).toBe('/a/b/jobs?x=1')
    expect(answer.headers.get('set-cookie')).toMatch(
      /^scrapyd_service_[0-9a-f]{12}=\S+; Path=\/a\/b; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
    )
    const inside = await server.get('/jobs', { headers: { ...page, Cookie: cookieOf(answer) } })
    expect(await inside.text()).toContain('<h1>Jobs</h1>')
  })

  it('shows itself again for a wrong password, and leads to no other site', async () => {
    await start()
    const wrong = await server.post('/api/session', { username: USER, password: 'x', next: '//evil.example' })
    const text = await wrong.text()
    expect(wrong.status).toBe(401)
    expect(text).toContain('User name or password is wrong.')
    expect(text).toContain('name="next" value="/"')
    for (const next of ['//evil.example', '/\\evil.example', 'https://evil.example', '/api/session', '/a\r\nb']) {
      const answer = await server.post('/api/session', { username: USER, password: PASSWORD, next })
      expect(answer.headers.get('location')).toBe('/')
    }
  })
})

describe('a session', () => {
  it('is made by JSON, shown, and ended', async () => {
    await start()
    const made = await signIn({ username: USER, password: PASSWORD })
    expect([made.status, await made.json()]).toEqual([200, { username: USER }])
    const headers = { Cookie: `other=1; ${cookieOf(made)}` }
    const shown = await server.get('/api/session', { headers })
    expect(await shown.json()).toEqual({ username: USER, authentication: true })
    expect(shown.headers.get('set-cookie')).toContain('HttpOnly')
    const ended = await server.get('/api/session', { method: 'DELETE', headers })
    expect(ended.headers.get('set-cookie')).toContain('Max-Age=0')
    expect((await server.get('/api/session', { headers })).status).toBe(401)
  })

  it('ends with every cookie that it ever had, and with the event streams that it opened', async () => {
    await start()
    const first = cookieOf(await signIn({ username: USER, password: PASSWORD }))
    const prolong = async () => cookieOf(await server.get('/api/session', { headers: { Cookie: first } }))
    const second = await until('it is prolonged', async () => {
      const next = await prolong()
      return next !== first && next
    })
    const follow = (headers: Record<string, string>) => server.get('/api/events?from=live', { headers })
    const [own, another, program] = await Promise.all([
      follow({ Cookie: first }),
      follow({ Cookie: cookieOf(await signIn({ username: USER, password: PASSWORD })) }),
      follow(basic(USER, PASSWORD)),
    ])
    await server.get('/api/session', { method: 'DELETE', headers: { Cookie: second } })
    expect(await own.text()).toContain('event: hello')
    for (const Cookie of [first, second]) {
      expect((await server.get('/api/session', { headers: { Cookie } })).status).toBe(401)
    }
    server.feed.commit()
    for (const stream of [another, program]) {
      const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
      let text = ''
      while (!text.includes('"seq":1,')) text += (await reader?.read())?.value ?? ''
      await reader?.cancel()
    }
  })

  it('is refused for a wrong password with a problem', async () => {
    await start()
    const answer = await signIn({ username: USER, password: 'x' })
    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'unauthorized' })
    expect((await signIn({ username: USER })).status).toBe(422)
    expect((await signIn({ username: [USER], password: {} })).status).toBe(422)
  })

  it('outlives a restart with the same secret, and no other', async () => {
    await start()
    const cookie = cookieOf(await signIn({ username: USER, password: PASSWORD }))
    const status = async () => (await server.get('/jobs', { headers: { Cookie: cookie } })).status
    for (const [options, expected] of [
      [{}, 200],
      [{ sessionSecret: Buffer.alloc(32, 8) }, 401],
      [{ instance: 'instance-2' }, 401],
      [{ password: 'changed' }, 401],
    ] as const) {
      await server.stop()
      await start(options)
      expect(await status()).toBe(expected)
    }
  })

  it('cannot be forged', async () => {
    await start()
    const cookie = cookieOf(await signIn({ username: USER, password: PASSWORD }))
    const later = cookie.replace(/=(\w)/, '=z')
    const name = cookie.slice(0, cookie.indexOf('='))
    for (const forged of [later, `${cookie}x`, `${name}=`, `${name}=a.b.c`, `${name}=..`, cookie.slice(0, -1)]) {
      expect((await server.get('/jobs', { headers: { Cookie: forged } })).status).toBe(401)
    }
  })

  it('is marked Secure behind https', async () => {
    await start()
    const made = await signIn({ username: USER, password: PASSWORD }, { 'X-Forwarded-Proto': 'https' })
    expect(made.headers.get('set-cookie')).toMatch(/; Secure$/)
  })
})
