import type { Connection, ConnectionHandler, NetworkError, System, TimerHandle } from '@millrace/std'
import { decodeResponse, encodeRequest, responseCorrelationId } from '../../codec/frame.ts'
import type { Api, RequestInputOf, ResponseOf, Versions } from '../../codec/schema.ts'
import { ApiVersions } from '../../definitions/index.ts'
import { ErrorCode, KafkaError } from '../../errors/index.ts'
import { ConnectionError } from './errors.ts'
import type { FramePool } from './frame-pool.ts'
import { FrameReader } from './frame-reader.ts'

/** What brokers log as this client's name and version (KIP-511). */
const CLIENT_SOFTWARE = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' }

export interface BrokerConnectionOptions {
  system: Pick<System, 'clock' | 'timers' | 'network'>
  host: string
  port: number
  clientId: string
  /** Time for TCP to connect, milliseconds. */
  connectTimeoutMs: number
  /** Time for an answer, unless a request says otherwise, milliseconds. */
  requestTimeoutMs: number
  /** The largest response that is accepted, bytes. */
  maxFrameBytes: number
  /** Where the memory of large answers comes from. */
  framePool?: FramePool | undefined
  /** Told of each answer. */
  onAnswer?: () => void
  /** Told when there is a connection, before the versions are agreed on: from then on it can be closed. */
  onConnected?: (connection: BrokerConnection) => void
}

/** What the brokers of a cluster have agreed on (KIP-584): the level of each feature, and how new that is. */
export interface FinalizedFeatures {
  readonly epoch: number
  readonly levels: ReadonlyMap<string, number>
}

export const NO_FEATURES: FinalizedFeatures = { epoch: -1, levels: new Map() }

interface PendingRequest {
  readonly api: Api
  readonly version: number
  /** On the monotonic clock. */
  readonly deadline: number
  resolve(body: unknown): void
  reject(error: Error): void
}

/**
 * One TCP connection to a broker. Requests are pipelined and matched to their answers by correlation id; those of one
 * turn of the event loop leave in one write. When a request gets no answer in time, the connection is given up and all
 * its requests fail: what comes late could be taken for the answer to something else.
 */
export class BrokerConnection {
  readonly host: string
  readonly port: number
  readonly #options: BrokerConnectionOptions
  readonly #pending = new Map<number, PendingRequest>()
  readonly #versions = new Map<number, Versions>()
  readonly #reader: FrameReader
  /** As of when the connection was made. */
  features: FinalizedFeatures = NO_FEATURES
  #connection!: Connection
  #nextCorrelationId = 0
  #outgoing: Uint8Array[] = []
  #outgoingFlushed: (() => void)[] = []
  #closedWith: Error | undefined
  #timer: TimerHandle | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** Called once, when the connection is of no more use. */
  onClosed: (() => void) | undefined

  private constructor(options: BrokerConnectionOptions) {
    this.#options = options
    this.host = options.host
    this.port = options.port
    this.#reader = new FrameReader({
      maxFrameBytes: options.maxFrameBytes,
      onFrame: (frame) => this.#answer(frame),
      pool: options.framePool,
    })
  }

  /**
   * Connects and asks which versions the broker speaks.
   *
   * @throws {ConnectionError}
   */
  static async open(options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const connection = new BrokerConnection(options)
    const { host, port, connectTimeoutMs: timeoutMs } = options
    try {
      connection.#connection = await options.system.network.connect({ host, port, timeoutMs }, () =>
        connection.#handler(),
      )
    } catch (cause) {
      throw new ConnectionError('KAFKA_CONNECT_FAILED', {
        message: `Cannot connect to the broker at ${host}:${port}: ${(cause as Error).message}.`,
        fix: 'Check that a broker runs there and that bootstrapServers names its host and port.',
        cause,
      })
    }
    options.onConnected?.(connection)
    try {
      await connection.#negotiate()
    } catch (error) {
      connection.close(error as Error)
      throw error
    }
    return connection
  }

  get isClosed(): boolean {
    return this.#closedWith !== undefined
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#pending.size
  }

  /**
   * The highest version of `api` that both sides speak, at most `max`.
   *
   * @throws {KafkaError} UNSUPPORTED_VERSION when there is none
   */
  versionOf(api: Api, max: number = api.versions[1]): number {
    const broker = this.#versions.get(api.key)
    const version = broker ? Math.min(max, api.versions[1], broker[1]) : -1
    if (broker && version >= Math.max(api.versions[0], broker[0])) return version
    const offered = broker ? `versions ${broker[0]} to ${broker[1]}` : 'none'
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `${api.name} to ${this.host}:${this.port}`,
      `this client speaks versions ${api.versions[0]} to ${max}, the broker ${offered}`,
    )
  }

  /**
   * Sends a request and resolves with its answer.
   *
   * @throws {ConnectionError} when the connection breaks or the answer is late
   */
  request<A extends Api>(
    api: A,
    version: number,
    body: RequestInputOf<A>,
    options?: { timeoutMs?: number },
  ): Promise<ResponseOf<A>> {
    return new Promise<ResponseOf<A>>((resolve, reject) => {
      if (this.#closedWith) {
        reject(this.#closedWith)
        return
      }
      const correlationId = this.#send(api, version, body)
      const deadline = this.#options.system.clock.monotonic() + (options?.timeoutMs ?? this.#options.requestTimeoutMs)
      this.#pending.set(correlationId, {
        api,
        version,
        deadline,
        resolve: resolve as (body: unknown) => void,
        reject,
      })
      this.#watch(deadline)
    })
  }

  /** Sends a request that has no answer (Produce with acks 0); resolves when it has left. */
  post<A extends Api>(api: A, version: number, body: RequestInputOf<A>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closedWith) {
        reject(this.#closedWith)
        return
      }
      this.#send(api, version, body)
      this.#outgoingFlushed.push(resolve)
    })
  }

  /** Ends the connection at once; requests under way fail with `reason`. */
  close(reason?: Error): void {
    if (this.#closedWith) return
    this.#fail(reason ?? this.#lost('it was closed by this client'))
    this.#connection.close()
  }

  #send<A extends Api>(api: A, version: number, body: RequestInputOf<A>): number {
    const correlationId = this.#nextCorrelationId
    const parts = encodeRequest(api, version, { correlationId, clientId: this.#options.clientId }, body)
    this.#nextCorrelationId = (correlationId + 1) & 0x7fff_ffff
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    for (const part of parts) this.#outgoing.push(part)
    return correlationId
  }

  #flush(): void {
    const parts = this.#outgoing
    const flushed = this.#outgoingFlushed
    this.#outgoing = []
    if (this.#closedWith) return
    if (flushed.length === 0) {
      this.#connection.write(parts)
      return
    }
    this.#outgoingFlushed = []
    this.#connection.write(parts, () => {
      for (const done of flushed) done()
    })
  }

  #handler(): ConnectionHandler {
    return {
      buffer: () => this.#reader.buffer(),
      received: (count) => {
        if (this.#closedWith) return
        try {
          this.#reader.received(count)
        } catch (error) {
          this.close(error as Error)
        }
      },
      drained: () => {},
      closed: (error) => this.#fail(this.#lost(describeLoss(error), error)),
    }
  }

  #answer(frame: Buffer): void {
    const correlationId = responseCorrelationId(frame)
    const pending = this.#pending.get(correlationId)
    if (!pending) {
      throw new ConnectionError('KAFKA_UNEXPECTED_RESPONSE', {
        message: `The broker at ${this.host}:${this.port} answered a request (${correlationId}) that was not made.`,
      })
    }
    this.#pending.delete(correlationId)
    this.#options.onAnswer?.()
    try {
      const version = answeredVersion(pending, frame)
      pending.resolve(decodeResponse(pending.api, version, frame).body)
    } catch (error) {
      pending.reject(error as Error)
      throw error
    }
  }

  async #negotiate(): Promise<void> {
    // Until the answer is there, a broker may support any version: it says so with an error and its own range (KIP-511).
    let body = await this.request(ApiVersions, ApiVersions.versions[1], CLIENT_SOFTWARE)
    if (body.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const range = body.apiKeys.find((entry) => entry.apiKey === ApiVersions.key)
      const version = Math.min(range?.maxVersion ?? 0, ApiVersions.versions[1])
      body = await this.request(ApiVersions, version, CLIENT_SOFTWARE)
    }
    if (body.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(body.errorCode, `ApiVersions to ${this.host}:${this.port}`)
    }
    for (const { apiKey, minVersion, maxVersion } of body.apiKeys) this.#versions.set(apiKey, [minVersion, maxVersion])
    this.features = {
      epoch: body.finalizedFeaturesEpoch,
      levels: new Map(body.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel])),
    }
  }

  /** One timer serves all requests: it runs until the earliest deadline that was known when it was set. */
  #watch(deadline: number): void {
    if (deadline >= this.#timerAt) return
    const { clock, timers } = this.#options.system
    if (this.#timer) timers.cancel(this.#timer)
    this.#timerAt = deadline
    this.#timer = timers.scheduleBackground(Math.max(0, deadline - clock.monotonic()), () => this.#checkDeadlines())
  }

  #checkDeadlines(): void {
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#options.system.clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const { api, deadline } of this.#pending.values()) {
      if (deadline <= now) {
        this.close(this.#lost(`${api.name} got no answer in time`))
        return
      }
      next = Math.min(next, deadline)
    }
    if (next < Number.POSITIVE_INFINITY) this.#watch(next)
  }

  #lost(why: string, cause?: unknown): ConnectionError {
    return new ConnectionError('KAFKA_CONNECTION_LOST', {
      message: `The connection to the broker at ${this.host}:${this.port} is lost: ${why}.`,
      cause,
    })
  }

  #fail(error: Error): void {
    if (this.#closedWith) return
    this.#closedWith = error
    if (this.#timer) this.#options.system.timers.cancel(this.#timer)
    this.#outgoing = []
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { reject } of pending) reject(error)
    // Records of acks 0 are sent at most once: nobody can tell whether they left.
    const flushed = this.#outgoingFlushed
    this.#outgoingFlushed = []
    for (const done of flushed) done()
    this.onClosed?.()
  }
}

function describeLoss(error: NetworkError | undefined): string {
  return error ? error.code : 'the broker closed it'
}

/** A broker that does not know the version of an ApiVersions request answers with version 0. */
function answeredVersion({ api, version }: PendingRequest, frame: Buffer): number {
  const unsupported =
    api === ApiVersions && frame.byteLength >= 6 && frame.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
  return unsupported ? 0 : version
}
