import { isStream, type Response, type ResponseOrder, type ResponseSlot, type ResponseStream } from './response.ts'

class Slot implements ResponseSlot {
  readonly #queue: ResponseQueue
  state: 'waiting' | 'skipped' | Response = 'waiting'
  requests = 1

  constructor(queue: ResponseQueue) {
    this.#queue = queue
  }

  share(): void {
    this.requests++
    this.#queue.size++
  }

  send(response: Response): void {
    this.state = response
    this.#queue.onAnswer()
  }

  skip(): void {
    this.state = 'skipped'
    this.#queue.onAnswer()
  }

  abort(reason: string): void {
    this.#queue.onAbort(reason)
  }
}

/** The answers of one connection in the order of its requests, whatever the order in which they come. */
export class ResponseQueue implements ResponseOrder {
  readonly onAnswer: () => void
  readonly onAbort: (reason: string) => void
  /** Those before `#head` were taken. */
  #slots: Slot[] = []
  #head = 0
  /** Requests whose answer was not taken. */
  size = 0

  constructor(onAnswer: () => void, onAbort: (reason: string) => void) {
    this.onAnswer = onAnswer
    this.onAbort = onAbort
  }

  open(): ResponseSlot {
    const slot = new Slot(this)
    this.#slots.push(slot)
    this.size++
    return slot
  }

  /**
   * Takes the answers that are ready up to the next stream or about `maxBytes`; a stream is taken alone. Undefined when
   * the next answer is still to come. Parts that lie side by side in memory, as an encoder's frames do, come as one.
   */
  take(maxBytes: number): Uint8Array[] | ResponseStream | undefined {
    const parts: Uint8Array[] = []
    let size = 0
    while (this.#head < this.#slots.length && size < maxBytes) {
      const state = (this.#slots[this.#head] as Slot).state
      if (state === 'waiting') break
      if (state !== 'skipped') {
        if (isStream(state)) {
          if (parts.length > 0) break
          this.#advance()
          return state
        }
        for (const part of state) {
          size += part.byteLength
          append(parts, part)
        }
      }
      this.#advance()
    }
    return parts.length > 0 ? parts : undefined
  }

  /** The connection is gone: what was not taken is let go. */
  close(): void {
    for (let i = this.#head; i < this.#slots.length; i++) {
      const state = (this.#slots[i] as Slot).state
      if (typeof state === 'object' && isStream(state)) state.close()
    }
    this.#slots = []
    this.#head = 0
    this.size = 0
  }

  #advance(): void {
    this.size -= (this.#slots[this.#head] as Slot).requests
    this.#head++
    if (this.#head === this.#slots.length) {
      this.#slots.length = 0
      this.#head = 0
    } else if (this.#head > 1_024 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head)
      this.#head = 0
    }
  }
}

function append(parts: Uint8Array[], part: Uint8Array): void {
  const last = parts[parts.length - 1]
  if (last && last.buffer === part.buffer && last.byteOffset + last.byteLength === part.byteOffset) {
    parts[parts.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.byteLength + part.byteLength)
  } else parts.push(part)
}
