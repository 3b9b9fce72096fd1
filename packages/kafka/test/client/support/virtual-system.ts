import {
  type Accept,
  type Connection,
  type ConnectionHandler,
  type Network,
  NetworkError,
  seededRandom,
  type TimerHandle,
  type Timers,
} from '@millrace/std'
import type { ClientSystem } from '../../../src/client/cluster/options.ts'

interface VirtualTimer {
  readonly at: number
  readonly order: number
  readonly callback: () => void
}

/** One end of a connection in memory. Bytes arrive in a later microtask, never within a call. */
class MemoryConnection implements Connection {
  readonly remote: string
  handler!: ConnectionHandler
  peer!: MemoryConnection
  queuedBytes = 0
  isOpen = true
  #incoming: Uint8Array[] = []

  constructor(remote: string) {
    this.remote = remote
  }

  write(parts: readonly Uint8Array[], onFlushed?: () => void): boolean {
    if (!this.isOpen) return false
    // The network has its own copy, as the system's would: a sender may use its memory again.
    const bytes = Buffer.concat(parts as Uint8Array[])
    queueMicrotask(() => {
      onFlushed?.()
      this.peer.arrive(bytes)
    })
    return true
  }

  arrive(bytes: Uint8Array): void {
    if (!this.isOpen) return
    this.#incoming.push(bytes)
    for (let part = this.#incoming.shift(); part && this.isOpen; part = this.#incoming.shift()) {
      for (let at = 0; at < part.byteLength && this.isOpen; ) {
        const target = this.handler.buffer()
        const count = Math.min(target.byteLength, part.byteLength - at)
        target.set(part.subarray(at, at + count))
        at += count
        this.handler.received(count)
      }
    }
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.close()
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.peer.isOpen = false
    queueMicrotask(() => {
      this.handler.closed(undefined)
      this.peer.handler.closed(undefined)
    })
  }
}

/** Time that moves only when nothing else can happen, chance from a seed, and a network in memory. */
export class VirtualSystem implements ClientSystem {
  #now = 0
  #order = 0
  #timers = new Set<VirtualTimer>()
  readonly #listeners = new Map<string, Accept>()
  readonly random

  constructor(seed = 1) {
    this.random = seededRandom(seed)
  }

  readonly clock = { now: () => 1_700_000_000_000 + Math.floor(this.#now), monotonic: () => this.#now }

  readonly timers: Timers = {
    schedule: (delayMs, callback) => this.#schedule(delayMs, callback),
    scheduleBackground: (delayMs, callback) => this.#schedule(delayMs, callback),
    immediate: (callback) => this.#schedule(0, callback),
    cancel: (handle) => {
      this.#timers.delete(handle as VirtualTimer)
    },
  }

  readonly network: Network = {
    connect: async ({ host, port, timeoutMs }, accept) => {
      const address = `${host}:${port}`
      const onAccept = this.#listeners.get(address)
      if (!onAccept) throw new NetworkError('ECONNREFUSED', `${address}: ECONNREFUSED (${timeoutMs} ms)`)
      const near = new MemoryConnection(address)
      const far = new MemoryConnection('client')
      near.peer = far
      far.peer = near
      near.handler = accept(near)
      far.handler = onAccept(far)
      return near
    },
    listen: async ({ host, port }, accept) => {
      const address = `${host}:${port}`
      this.#listeners.set(address, accept)
      return {
        host,
        port,
        close: async () => {
          this.#listeners.delete(address)
        },
      }
    },
  }

  /** Runs until the promise is settled, moving time on when nothing else happens. */
  async run<T>(promise: Promise<T>, { maxMs = 3_600_000 } = {}): Promise<T> {
    let settled = false
    const mark = () => {
      settled = true
    }
    promise.then(mark, mark)
    const end = this.#now + maxMs
    for (;;) {
      await quiet()
      if (settled) return promise
      if (!this.#fireNext(end)) throw new Error(`Nothing can happen any more (virtual time ${this.#now} ms)`)
    }
  }

  /** Lets so much time pass. */
  async pass(durationMs: number): Promise<void> {
    const end = this.#now + durationMs
    do await quiet()
    while (this.#fireNext(end))
    this.#now = end
    await quiet()
  }

  #schedule(delayMs: number, callback: () => void): TimerHandle {
    const timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.add(timer)
    return timer
  }

  #fireNext(end: number): boolean {
    let next: VirtualTimer | undefined
    for (const timer of this.#timers) {
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    }
    if (!next || next.at > end) return false
    this.#timers.delete(next)
    this.#now = Math.max(this.#now, next.at)
    next.callback()
    return true
  }
}

/** Until the microtasks that are there, and those that they bring, have run. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
