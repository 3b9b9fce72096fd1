import {
  type Api,
  decodeResponse,
  encodeRequest,
  type RequestInputOf,
  RecordBatchBuilder,
  type ResponseOf,
  responseCorrelationId,
} from '@millrace/kafka'
import { type Connection, concatBytes, nodeNetwork, utf8 } from '@millrace/std'
import type { Broker } from '../../src/index.ts'

interface Waiting {
  resolve(frame: Uint8Array): void
  reject(cause: Error): void
}

/** A connection that speaks the protocol request by request and checks nothing: what a broker's tests need. */
export class RawClient {
  readonly #connection: Connection
  readonly #waiting = new Map<number, Waiting>()
  readonly #state: { closed: boolean; onClosed: (() => void)[] }
  /** Correlation ids in the order in which their answers came. */
  readonly answered: number[] = []
  #next = 1
  clientId: string | null = 'test'

  static async connect({ port }: Pick<Broker, 'port'>): Promise<RawClient> {
    const state = { closed: false, onClosed: [] as (() => void)[] }
    let client: RawClient | undefined
    let received: Uint8Array = new Uint8Array(0)
    const target = new Uint8Array(1_048_576)
    const connection = await nodeNetwork.connect({ host: '127.0.0.1', port, timeoutMs: 5_000 }, () => ({
      buffer: () => target,
      received: (count) => {
        received = concatBytes([received, target.subarray(0, count)])
        while (received.byteLength >= 4) {
          const size = Buffer.from(received.buffer, received.byteOffset).readInt32BE(0)
          if (received.byteLength < 4 + size) break
          client?.deliver(received.slice(4, 4 + size))
          received = received.subarray(4 + size)
        }
      },
      drained: () => {},
      closed: () => {
        state.closed = true
        client?.failAll()
        for (const callback of state.onClosed) callback()
      },
    }))
    client = new RawClient(connection, state)
    return client
  }

  private constructor(connection: Connection, state: { closed: boolean; onClosed: (() => void)[] }) {
    this.#connection = connection
    this.#state = state
  }

  /** Sends one request and waits for its answer. */
  async call<A extends Api>(api: A, version: number, body: RequestInputOf<A>): Promise<ResponseOf<A>> {
    const frame = await this.send(api, version, body)
    return decodeResponse(api, version, frame).body
  }

  /** Sends one request; resolves with the frame of its answer. */
  send<A extends Api>(api: A, version: number, body: RequestInputOf<A>): Promise<Uint8Array> {
    const correlationId = this.#next++
    const parts = encodeRequest(api, version, { correlationId, clientId: this.clientId }, body)
    return new Promise((resolve, reject) => {
      this.#waiting.set(correlationId, { resolve, reject })
      this.#connection.write(parts)
    })
  }

  /** Sends a request that has no answer. */
  post<A extends Api>(api: A, version: number, body: RequestInputOf<A>): void {
    const correlationId = this.#next++
    this.#connection.write(encodeRequest(api, version, { correlationId, clientId: this.clientId }, body))
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#connection.write([bytes])
  }

  pause(): void {
    this.#connection.pause()
  }

  resume(): void {
    this.#connection.resume()
  }

  /** Resolves when the broker has closed the connection. */
  get closed(): Promise<void> {
    if (this.#state.closed) return Promise.resolve()
    return new Promise((resolve) => this.#state.onClosed.push(resolve))
  }

  close(): void {
    this.#connection.close()
  }

  deliver(frame: Uint8Array): void {
    const correlationId = responseCorrelationId(frame)
    this.answered.push(correlationId)
    const waiting = this.#waiting.get(correlationId)
    this.#waiting.delete(correlationId)
    waiting?.resolve(frame)
  }

  failAll(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('the connection was closed'))
    this.#waiting.clear()
  }
}

/** A batch of records with these values and no keys. */
export function batchOf(values: readonly string[], timestamp = Date.now()): Uint8Array {
  const builder = new RecordBatchBuilder()
  for (const value of values) builder.append(null, utf8(value), timestamp)
  return Uint8Array.from(builder.finish())
}
