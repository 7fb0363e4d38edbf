import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { plainPython } from '../../helpers/python.ts'
import { recordOf, temporaryFolder } from '../../helpers/runs.ts'

const pythonDir = join(import.meta.dirname, '../../../src-daemon/python')

/** Runs a script with a supervisor that is used again, and a folder for its runs. */
function withSupervisor(folder: string, script: string): unknown {
  const program = `
import errno, json, os, signal, sys
sys.path.insert(0, ${JSON.stringify(pythonDir)})
from scrapyd_service import records, supervisor as module

reports = []
job = {"attempt": 1, "token": "t", "bootId": "b", "modeNote": None, "outputLimit": 1000}
supervisor = module.Supervisor("warm", lambda: None)

def supervise():
    end = supervisor.supervise(sys.argv[1], job, reports.append, lambda: None)
    if isinstance(end, module.Seat):
        end.enter()
        os._exit(3)
    return end

def descriptors():
    return sorted(os.listdir("/dev/fd"))

${script}
`
  return JSON.parse(execFileSync(plainPython(), ['-c', program, folder], { encoding: 'utf8' }))
}

it('gives its claim back when it cannot fork, and keeps nothing open', () => {
  const folder = temporaryFolder()
  const answer = withSupervisor(
    folder,
    `
def refuse():
    raise OSError(errno.EAGAIN, "no more processes")

before, fork, os.fork = descriptors(), os.fork, refuse
first = supervise()
after, os.fork = descriptors(), fork
second = supervise()
print(json.dumps([first, "no more processes" in reports[0]["problem"], after == before, second, "start" in reports[1]]))
`,
  )
  expect(answer).toEqual([70, true, true, 0, true])
  expect(recordOf(folder, 'end')).toMatchObject({ exitCode: 3, signal: null })
})

it('writes down how a spider ended that was killed before it was let go', () => {
  const folder = temporaryFolder()
  const answer = withSupervisor(
    folder,
    `
write_start = records.RunRecord.write_start

def killing(record, start):
    write_start(record, start)
    os.kill(start["pid"], signal.SIGKILL)
    os.waitid(os.P_PID, start["pid"], os.WEXITED | os.WNOWAIT)

records.RunRecord.write_start = killing
end = supervise()
print(json.dumps([end, len(reports), "start" in reports[0]]))
`,
  )
  expect(answer).toEqual([0, 1, true])
  expect(recordOf(folder, 'end')).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
})
