import { Agent, request } from 'node:http'

/** Sends `count` requests over `connections` kept-alive connections. Returns the rate and the times in ms. */
export async function hammer(
  url: string,
  count: number,
  connections: number,
  body: (index: number) => string,
): Promise<{ readonly perSecond: number; readonly times: readonly number[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  let next = 0
  const one = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const text = body(index)
      const begun = performance.now()
      const call = request(
        url,
        {
          agent,
          method: 'POST',
          headers: {
            'Content-Type': 'application/x-www-form-urlencoded',
            'Content-Length': Buffer.byteLength(text),
          },
        },
        (answer) => {
          let got = ''
          answer.setEncoding('utf8')
          answer.on('data', (chunk: string) => (got += chunk))
          answer.on('end', () => {
            times.push(performance.now() - begun)
            if (got.includes('"ok"')) resolve()
            else reject(new Error(`refused: ${got}`))
          })
        },
      )
      call.on('error', reject)
      call.end(text)
    })
  const worker = async () => {
    while (next < count) await one(next++)
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: connections }, worker))
  const seconds = (performance.now() - begun) / 1000
  agent.destroy()
  return { perSecond: count / seconds, times }
}

/** Schedules one spider; returns the job's id. */
export async function schedule(url: string, values: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(`${url}/schedule.json`, { method: 'POST', body: new URLSearchParams(values) })
  const reply = (await answer.json()) as { status: string; jobid?: string; message?: string }
  if (reply.jobid === undefined) throw new Error(`schedule.json: ${reply.message}`)
  return reply.jobid
}

interface Counts {
  readonly pending: number
  readonly running: number
  readonly finished: number
}

/** Waits until nothing is pending or running. */
export async function untilIdle(url: string, pollMs = 20): Promise<void> {
  for (;;) {
    const counts = (await (await fetch(`${url}/daemonstatus.json`)).json()) as Counts
    if (counts.pending === 0 && counts.running === 0) return
    await new Promise((resolve) => {
      setTimeout(resolve, pollMs)
    })
  }
}
