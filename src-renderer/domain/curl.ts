/** What a schedule.json request says. */
export interface CurlJob {
  readonly project: string
  readonly spider: string
  readonly args: readonly (readonly [string, string])[]
  readonly settings: readonly (readonly [string, string])[]
  readonly node: string | null
  readonly priority: number
}

/** Width after which the command goes on in the next line. */
const WIDTH = 72

/** The curl command that schedules the same job; readable, one command over several lines. */
export function curlCommand(base: string, user: string | null, job: CurlJob): string {
  const words = [
    `curl ${quote(`${base}schedule.json`)}`,
    ...(user === null ? [] : [`-u ${quote(user)}`]),
    field('project', job.project),
    field('spider', job.spider),
    ...job.args.map(([name, value]) => field(name, value)),
    ...job.settings.map(([name, value]) => field('setting', `${name}=${value}`)),
    ...(job.priority === 0 ? [] : [field('priority', String(job.priority))]),
    ...(job.node === null ? [] : [field('node', job.node)]),
  ]
  return wrap(words)
}

/** curl sends `-d` as it is: what is not plain must be encoded, by curl itself where only the value is special. */
function field(name: string, value: string): string {
  const plain = /^[\w.,:/@=-]*$/
  if (plain.test(name) && plain.test(value)) return `-d ${quote(`${name}=${value}`)}`
  if (/^[\w.-]+$/.test(name)) return `--data-urlencode ${quote(`${name}=${value}`)}`
  return `-d ${quote(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)}`
}

/** Quotes for a POSIX shell where they are needed. */
function quote(word: string): string {
  return /^[\w.,:/@=%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

function wrap(words: readonly string[]): string {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + word.length + 1 > WIDTH) {
      lines.push(line)
      line = `  ${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.join(' \\\n')
}
