import { describe, expect, it } from 'vitest'
import { SseParser } from '../../../src-renderer/transport/sse.ts'

const STREAM =
  ': heartbeat\n\nid: f:7\nevent: job\ndata: {"a":\ndata: 1}\n\ndata:plain\n\nevent: empty\n\nid\ndata: last\r\n\r\n'
const MESSAGES = [
  { event: 'job', data: '{"a":\n1}', id: 'f:7' },
  { event: 'message', data: 'plain', id: 'f:7' },
  { event: 'message', data: 'last', id: '' },
]

describe('SseParser', () => {
  it('reads fields, comments, several data lines and both line ends', () => {
    expect(new SseParser().push(STREAM)).toEqual(MESSAGES)
  })

  it('reads the same however the stream is cut into pieces', () => {
    for (let size = 1; size < STREAM.length; size += 1) {
      const parser = new SseParser()
      const pieces = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, index) =>
        STREAM.slice(index * size, (index + 1) * size),
      )
      expect(pieces.flatMap((piece) => parser.push(piece))).toEqual(MESSAGES)
    }
  })

  it('keeps an unfinished message for the next piece', () => {
    const parser = new SseParser()
    expect(parser.push('data: half')).toEqual([])
    expect(parser.push(' and half\n')).toEqual([])
    expect(parser.push('\n')).toEqual([{ event: 'message', data: 'half and half', id: '' }])
  })
})
