import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { plainPython } from '../../helpers/python.ts'

const pythonDir = join(import.meta.dirname, '../../../src-daemon/python')

/** Runs a script with a crew that has no warm process around it. */
function withCrew(script: string): unknown {
  const program = `
import json, os, select, sys, time
sys.path.insert(0, ${JSON.stringify(pythonDir)})
from scrapyd_service import crew as module

sent = []
crew = module.Crew(sent.append)

def take(number):
    connection = crew.take({"id": number, "folder": "-", "job": {}})
    if connection is not None:
        # A supervisor: done at once with orders below 100, dead of those below 0.
        pending = b""
        while True:
            while b"\\n" not in pending:
                try:
                    chunk = connection.recv(65536)
                except OSError:
                    chunk = b""
                if not chunk:
                    os._exit(0)
                pending += chunk
            line, _, pending = pending.partition(b"\\n")
            order = json.loads(line)
            if order["id"] < 0:
                os._exit(1)
            messages = [{"start": {"pid": os.getpid()}}]
            if order["id"] < 100:
                messages.append({"done": True})
            connection.sendall(b"".join(json.dumps(message).encode() + b"\\n" for message in messages))

def hear(is_enough):
    deadline = time.monotonic() + 20
    while not is_enough() and time.monotonic() < deadline:
        ready, _, _ = select.select(crew.descriptors(), [], [], 0.05)
        for descriptor in ready:
            crew.hear(descriptor)

def hear_messages(count):
    hear(lambda: len(sent) == count)

${script}
`
  return JSON.parse(execFileSync(plainPython(), ['-c', program], { encoding: 'utf8' }))
}

it('gives the next job to a supervisor that is done, and forks another for one that comes meanwhile', () => {
  const pids = withCrew(`
take(1); hear_messages(1)
take(2); hear_messages(2)
take(100); hear_messages(3)
take(3); hear_messages(4)
print(json.dumps([message["start"]["pid"] for message in sent]))
`) as number[]
  expect(pids[1]).toBe(pids[0])
  expect(pids[2]).toBe(pids[0])
  expect(pids[3]).not.toBe(pids[0])
})

it('lets the last supervisor wait for the next job, and the others for a while', () => {
  const counts = withCrew(`
for number in (100, 101, 102):
    take(number)
hear_messages(3)
counts = [len(crew.descriptors())]
now = time.monotonic()
crew.rest(now + 3600)
counts += [len(crew.descriptors()), crew.seconds_to_wait(now)]
for hand in list(crew._hands.values()):
    hand.rest(now)
counts += [round(crew.seconds_to_wait(now))]
crew.rest(now + module.SPARE_SECONDS - 1)
counts += [len(crew.descriptors())]
crew.rest(now + module.SPARE_SECONDS)
counts += [len(crew.descriptors()), crew.seconds_to_wait(now)]
print(json.dumps(counts))
`)
  // Those at work stay whatever the time.
  expect(counts).toEqual([3, 3, null, 20, 3, 1, null])
})

it('has no work for supervisors that were forked before the warm process learned more', () => {
  const answer = withCrew(`
take(1); hear_messages(1)
take(100); hear_messages(2)
crew.renew()
take(2); hear_messages(3)
print(json.dumps([message["start"]["pid"] for message in sent]))
`) as number[]
  expect(answer[1]).toBe(answer[0])
  expect(answer[2]).not.toBe(answer[0])
})

it('tells of an order whose supervisor died, unless it had started', () => {
  const answer = withCrew(`
take(-1); hear_messages(1)
take(100); hear_messages(2)
import signal
os.kill(sent[1]["start"]["pid"], signal.SIGKILL)
hear(lambda: not crew.descriptors())
print(json.dumps([sent[0], len(sent), len(crew.descriptors())]))
`)
  expect(answer).toEqual([{ id: -1, exited: 0 }, 2, 0])
})

it('tells of an order for which a new supervisor was killed before it could take it', () => {
  const answer = withCrew(`
module._Hand.give = lambda hand, order: False
take(1)
print(json.dumps([sent, len(crew.descriptors())]))
`)
  expect(answer).toEqual([[{ id: 1, exited: 0 }], 0])
})
