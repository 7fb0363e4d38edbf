import { NodeUnreachableError } from '../../errors.ts'

/** No honest answer, and no honest event, is longer (in bytes): one that never ends must not fill the memory of who asks. */
export const MOST_BYTES = 134_217_728

/** The whole body of an answer. Throws NodeUnreachableError when it is too long. */
export async function textOf(response: Response, baseUrl: string, most = MOST_BYTES): Promise<string> {
  const { text, isWhole } = await begin(response, most)
  if (!isWhole) throw new NodeUnreachableError(`${baseUrl} answers more than ${most} bytes`)
  return text
}

/** The begin of a body that is only shown; empty when it cannot be read. */
export async function beginOf(response: Response, most: number): Promise<string> {
  return (await begin(response, most).catch(() => ({ text: '' }))).text
}

async function begin(response: Response, most: number): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  // Leaving the loop ends the transfer.
  for await (const piece of response.body ?? []) {
    bytes += (piece as Uint8Array).length
    text += decoder.decode(piece as Uint8Array, { stream: true })
    if (bytes > most) return { text, isWhole: false }
  }
  return { text: text + decoder.decode(), isWhole: true }
}
