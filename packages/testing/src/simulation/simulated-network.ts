import {
  type Accept,
  type Clock,
  type Connection,
  type ConnectionHandler,
  copyBytes,
  type Listener,
  type Network,
  NetworkError,
  nextInt,
  type Random,
  type Timers,
} from '@millrace/std'

export interface SimulatedNetworkOptions {
  readonly time: Clock & Timers
  /** Decides delays and faults. Seed it to repeat a run. */
  readonly random: Random
  /** Milliseconds that bytes travel: anything between the two. */
  readonly minDelayMs?: number
  readonly maxDelayMs?: number
}

/** How probable a fault is each time something is written, 0 to 1. They may be changed while the network runs. */
export interface NetworkFaults {
  /** The connection breaks: what travels arrives in part or not at all, each side learns of it at another time. */
  cut: number
  /** What is written takes up to `stallMs` longer. */
  stall: number
  stallMs: number
  /** A new connection is refused. */
  refuse: number
}

/** Bytes that the "system" of the sender holds before it asks it to wait. */
const highWaterBytes = 65_536

/**
 * TCP between simulated processes: bytes stay in order, are cut into any pieces, delayed, lost with their connection and
 * delivered late, after the sender has long given up (so that a request that was repeated arrives twice).
 */
export class SimulatedNetwork {
  readonly time: Clock & Timers
  readonly random: Random
  readonly faults: NetworkFaults = { cut: 0, stall: 0, stallMs: 1_000, refuse: 0 }
  readonly #minDelayMs: number
  readonly #maxDelayMs: number
  readonly #listeners = new Map<number, SimulatedListener>()
  readonly #connections = new Set<SimulatedConnection>()
  #nextPort = 20_000

  constructor(options: SimulatedNetworkOptions) {
    this.time = options.time
    this.random = options.random
    this.#minDelayMs = options.minDelayMs ?? 0.05
    this.#maxDelayMs = options.maxDelayMs ?? 1
  }

  /** The network as one process sees it; `kill` ends its connections and listeners without a word to it. */
  forProcess(): { network: Network; kill: () => void } {
    const owner = new Owner()
    return {
      network: {
        connect: (options, accept) => this.#connect(owner, options, accept),
        listen: (options, accept) => this.#listen(owner, options, accept),
      },
      kill: () => {
        owner.alive = false
        for (const [port, listener] of this.#listeners) if (listener.owner === owner) this.#listeners.delete(port)
        for (const connection of [...this.#connections]) if (connection.owner === owner) this.cut(connection)
      },
    }
  }

  /** Breaks every connection. */
  cutAll(): void {
    for (const connection of [...this.#connections]) this.cut(connection)
  }

  /** Breaks a connection: the other side still gets some of what travels, or none. */
  cut(connection: SimulatedConnection): void {
    const peer = connection.peer
    const broken = () => new NetworkError('ECONNRESET', `${connection.remote}: ECONNRESET`)
    connection.breakOff(broken(), this.delay())
    peer.breakOff(broken(), this.delay() + (this.chance(0.5) ? this.faults.stallMs * this.random.next() : 0))
  }

  delay(): number {
    return this.#minDelayMs + (this.#maxDelayMs - this.#minDelayMs) * this.random.next()
  }

  chance(probability: number): boolean {
    return probability > 0 && this.random.next() < probability
  }

  forget(connection: SimulatedConnection): void {
    this.#connections.delete(connection)
  }

  async #connect(
    owner: Owner,
    { host, port, timeoutMs }: { host: string; port: number; timeoutMs: number },
    accept: Accept,
  ): Promise<Connection> {
    const client = new SimulatedConnection(this, owner, `${host}:${port}`)
    client.handler = accept(client)
    await this.#pass(owner, this.delay())
    const listener = this.chance(this.faults.refuse) ? undefined : this.#listeners.get(port)
    if (!listener?.owner.alive) {
      await this.#pass(owner, Math.min(this.delay(), timeoutMs))
      throw new NetworkError('ECONNREFUSED', `${host}:${port}: ECONNREFUSED`)
    }
    const server = new SimulatedConnection(this, listener.owner, `127.0.0.1:${this.#nextPort++}`)
    client.peer = server
    server.peer = client
    this.#connections.add(client).add(server)
    server.handler = listener.accept(server)
    server.pump()
    await this.#pass(owner, this.delay())
    client.pump()
    return client
  }

  /** Never resolves for a process that was killed meanwhile. */
  #pass(owner: Owner, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.schedule(ms, () => {
        if (owner.alive) resolve()
      })
    })
  }

  async #listen(owner: Owner, { host, port }: { host: string; port: number }, accept: Accept): Promise<Listener> {
    const bound = port === 0 ? this.#nextPort++ : port
    if (this.#listeners.has(bound)) throw new NetworkError('EADDRINUSE', `${host}:${bound}: EADDRINUSE`)
    const listener = new SimulatedListener(owner, accept)
    this.#listeners.set(bound, listener)
    return {
      host,
      port: bound,
      close: async () => {
        if (this.#listeners.get(bound) === listener) this.#listeners.delete(bound)
      },
    }
  }
}

/** A process: nothing reaches it any more once it is dead. */
class Owner {
  alive = true
}

class SimulatedListener {
  readonly owner: Owner
  readonly accept: Accept

  constructor(owner: Owner, accept: Accept) {
    this.owner = owner
    this.accept = accept
  }
}

/** What travels: bytes, or the end of the stream. */
interface Chunk {
  readonly bytes: Uint8Array | undefined
  read: number
  readonly flushed: (() => void) | undefined
}

/** One side of a connection. */
class SimulatedConnection implements Connection {
  readonly remote: string
  readonly owner: Owner
  peer!: SimulatedConnection
  handler!: ConnectionHandler
  readonly #network: SimulatedNetwork
  /** What has arrived and was not handed over yet. */
  readonly #arrived: Chunk[] = []
  /** When the last of what was written arrives, so that nothing overtakes it. */
  #lastArrival = 0
  readonly #travelling: Chunk[] = []
  /** Of writes that have not arrived: their memory is in use until then, or until the connection ends. */
  readonly #unflushed = new Set<() => void>()
  #queued = 0
  #mustDrain = false
  #paused = false
  #isOpen = false
  #ended = false
  #closed = false

  constructor(network: SimulatedNetwork, owner: Owner, remote: string) {
    this.#network = network
    this.owner = owner
    this.remote = remote
  }

  get queuedBytes(): number {
    return this.#queued
  }

  write(parts: readonly Uint8Array[], onFlushed?: () => void): boolean {
    if (this.#closed || this.#ended) {
      if (onFlushed) this.#network.time.schedule(0, onFlushed)
      return false
    }
    for (const [i, part] of parts.entries()) this.#send(part, i === parts.length - 1 ? onFlushed : undefined)
    if (this.#network.chance(this.#network.faults.cut)) {
      this.#network.time.schedule(this.#network.delay(), () => {
        if (!this.#closed) this.#network.cut(this)
      })
    }
    if (this.#queued <= highWaterBytes) return true
    this.#mustDrain = true
    return false
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#network.time.schedule(0, () => this.pump())
  }

  end(): void {
    if (this.#closed || this.#ended) return
    this.#ended = true
    this.#travel({ bytes: undefined, read: 0, flushed: undefined })
  }

  close(): void {
    if (this.#closed) return
    this.#finish(undefined)
    this.peer?.breakOff(undefined, this.#network.delay())
  }

  /** The connection is established, or goes on: hands over what has arrived. */
  pump(): void {
    this.#isOpen = true
    while (!this.#paused && !this.#closed && this.owner.alive) {
      const chunk = this.#arrived[0]
      if (!chunk) return
      if (!chunk.bytes) {
        this.#arrived.shift()
        this.#finish(undefined)
        this.peer.breakOff(undefined, this.#network.delay())
        return
      }
      this.#read(chunk, chunk.bytes)
    }
  }

  /** The other side is gone: this one learns of it after `delayMs`, and reads what comes until then. */
  breakOff(error: NetworkError | undefined, delayMs: number): void {
    this.#network.time.schedule(delayMs, () => this.#finish(error))
  }

  #read(chunk: Chunk, bytes: Uint8Array): void {
    const target = this.handler.buffer()
    const count = Math.min(target.byteLength, bytes.byteLength - chunk.read)
    target.set(bytes.subarray(chunk.read, chunk.read + count))
    chunk.read += count
    if (chunk.read === bytes.byteLength) {
      this.#arrived.shift()
      this.peer.#delivered(chunk)
    }
    this.handler.received(count)
  }

  #send(part: Uint8Array, flushed: (() => void) | undefined): void {
    this.#queued += part.byteLength
    // As a network may: what was written at once is read in pieces.
    const cut =
      this.#network.chance(0.2) && part.byteLength > 1 ? 1 + nextInt(this.#network.random, part.byteLength - 1) : 0
    if (cut > 0) this.#travel({ bytes: copyBytes(part.subarray(0, cut)), read: 0, flushed: undefined })
    this.#travel({ bytes: copyBytes(part.subarray(cut)), read: 0, flushed })
  }

  #travel(chunk: Chunk): void {
    const network = this.#network
    const stall = network.chance(network.faults.stall) ? network.faults.stallMs * network.random.next() : 0
    const { peer } = this
    const now = network.time.monotonic()
    this.#lastArrival = Math.max(this.#lastArrival, now + network.delay() + stall)
    if (chunk.flushed) this.#unflushed.add(chunk.flushed)
    // Two that are to arrive at the same time may be a rounding error apart: they arrive in their order all the same.
    this.#travelling.push(chunk)
    network.time.schedule(this.#lastArrival - now, () => {
      const first = this.#travelling.shift() as Chunk
      if (peer.#closed) return
      peer.#arrived.push(first)
      if (peer.#isOpen) peer.pump()
    })
  }

  #delivered({ bytes, flushed }: Chunk): void {
    this.#queued -= bytes?.byteLength ?? 0
    if (this.#closed || !this.owner.alive) return
    if (flushed && this.#unflushed.delete(flushed)) flushed()
    if (this.#mustDrain && this.#queued <= highWaterBytes) {
      this.#mustDrain = false
      this.handler.drained()
    }
  }

  #finish(error: NetworkError | undefined): void {
    if (this.#closed) return
    this.#closed = true
    this.#network.forget(this)
    this.#network.time.schedule(0, () => {
      if (!this.owner.alive) return
      for (const flushed of this.#unflushed) flushed()
      this.handler.closed(error)
    })
  }
}
