import { type Api, decodeResponse, encodeRequest, type RequestInputOf, type ResponseOf } from '@millrace/kafka'
import { connect, type Socket } from 'node:net'

/** A connection for thousands of which there is room: one request at a time, nothing kept between them. */
export class RawConnection {
  readonly #socket: Socket
  #received: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  #waiting: ((frame: Buffer) => void) | undefined
  #next = 1

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#received = this.#received.byteLength === 0 ? chunk : Buffer.concat([this.#received, chunk])
      if (this.#received.byteLength < 4 || this.#received.byteLength < 4 + this.#received.readInt32BE(0)) return
      const frame = this.#received.subarray(4, 4 + this.#received.readInt32BE(0))
      this.#received = Buffer.alloc(0)
      this.#waiting?.(frame)
    })
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new RawConnection(socket)))
      socket.setNoDelay(true)
      socket.on('error', reject)
    })
  }

  call<A extends Api>(api: A, version: number, body: RequestInputOf<A>): Promise<ResponseOf<A>> {
    const header = { correlationId: this.#next++, clientId: 'peers' }
    return new Promise((resolve, reject) => {
      this.#waiting = (frame) => {
        try {
          resolve(decodeResponse(api, version, frame).body)
        } catch (cause) {
          reject(cause as Error)
        }
      }
      this.#socket.write(Buffer.concat(encodeRequest(api, version, header, body)))
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
