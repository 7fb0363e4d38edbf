import { Agent, type AgentOptions, type ClientRequestArgs } from 'node:http'
import { connect, type NetConnectOpts, type Socket } from 'node:net'

const SLAB_BYTES = 1_048_576
/** A read is offered no less room than this. */
const LEAST_BYTES = 131_072

/**
 * Keeps connections to nodes whose bytes come in large pieces: by default Node allocates and reads 64 KiB at a time, which
 * costs a transfer twice the time of the processor (measured: 0.44 s instead of 0.23 s for 200 MiB).
 */
export class ForwardAgent extends Agent {
  constructor(options: AgentOptions) {
    super({ ...options, keepAlive: true })
  }

  override createConnection(options: ClientRequestArgs): Socket {
    let slab = Buffer.allocUnsafeSlow(LEAST_BYTES)
    let used = 0
    // Never a place that was filled before: whoever got those bytes may still hold them.
    const buffer = (): Buffer => {
      if (slab.length - used < LEAST_BYTES) {
        slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
        used = 0
      }
      return slab.subarray(used)
    }
    const callback = (length: number, bytes: Uint8Array): boolean => {
      used += length
      return socket.push(bytes.subarray(0, length))
    }
    const socket: Socket = connect({ ...options, onread: { buffer, callback } } as NetConnectOpts)
    return socket
  }
}
