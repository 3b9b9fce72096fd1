import { ErrorCode } from '@millrace/kafka'
import type { Logger } from '../logger.ts'
import {
  type Journal,
  type JournalEntry,
  JournalError,
  type JournalRecord,
  type JournalVisitor,
  type ProducerIdentity,
  type TransactionMarker,
} from './journal.ts'

/** Hands out an answer. What it tells must be durable before a client sees it; the runner sees to that. */
export type Reply<T> = (response: T) => void

/** A step of a state machine: the records it yields become durable, and are replayed, before anyone sees an answer. */
export type Command<R> = () => readonly R[]

/** What a runner needs of a state machine. */
export interface ReplayedState<R> {
  encode(record: R): JournalRecord
  /** Undefined for a kind of record that is not known. */
  decode(record: JournalRecord): R | undefined
  replay(record: R, transaction: ProducerIdentity | undefined): void
  replayMarker?(marker: Omit<TransactionMarker, 'transactionVersion'>): void
  /** The fewest entries whose replay yields the state. */
  snapshot(): Iterable<JournalEntry>
}

/** The state machine's log takes nothing any more, or did not take this: the client is to try again later. */
export class CoordinatorUnavailableError extends Error {
  override name = 'CoordinatorUnavailableError'
}

/** Answers that wait until what they tell is durable. */
interface Waiting {
  readonly answer: () => void
  readonly fail: () => void
}

/**
 * Runs commands against a replayed state machine: appends the records that they yield, replays them, and lets answers out
 * when everything appended so far is on the device.
 */
export class StateRunner<R> {
  readonly #name: string
  readonly #journal: Journal
  readonly #state: ReplayedState<R>
  readonly #logger: Logger
  #waiting: Waiting[] = []
  #deferred: Command<R>[] = []
  #failed = false
  #closed = false

  /** `name`: what the log of the broker calls it, such as "group coordinator". */
  constructor(options: { name: string; journal: Journal; state: ReplayedState<R>; logger: Logger }) {
    this.#name = options.name
    this.#journal = options.journal
    this.#state = options.state
    this.#logger = options.logger
  }

  /** Brings the state to what the log says. */
  load(): void {
    const state = this.#state
    const visitor: JournalVisitor = {
      record: (entry, transaction) => {
        const record = state.decode(entry)
        if (record !== undefined) state.replay(record, transaction)
      },
      marker: (marker) => state.replayMarker?.(marker),
    }
    this.#journal.replay(visitor)
  }

  /**
   * Runs a command that answers once, now or in a later command. Resolves when what the answer tells is durable; rejects
   * with {@link CoordinatorUnavailableError}.
   */
  ask<T>(command: (reply: Reply<T>) => readonly R[], transaction?: ProducerIdentity): Promise<T> {
    return new Promise((resolve, reject) => {
      this.call(command, resolve, reject, transaction)
    })
  }

  /** As {@link ask} with callbacks: at once where nothing has to wait for the device. */
  call<T>(
    command: (reply: Reply<T>) => readonly R[],
    answer: (response: T) => void,
    failed: (cause: Error) => void,
    transaction?: ProducerIdentity,
  ): void {
    let isSettled = false
    const fail = (cause: Error) => {
      if (!isSettled) failed(cause)
      isSettled = true
    }
    const unavailable = () => fail(new CoordinatorUnavailableError(`The ${this.#name} cannot write its log.`))
    if (this.#failed || this.#closed) return unavailable()
    this.#execute(
      () => command((response) => void this.#waiting.push({ answer: () => answer(response), fail: unavailable })),
      transaction,
      fail,
    )
  }

  /** Runs a command that nobody waits for. */
  run(command: Command<R>): void {
    this.#execute(command, undefined)
  }

  /**
   * Runs a command right after the one that runs now, when its records are replayed; not at all when the log does not take them.
   */
  defer(command: Command<R>): void {
    this.#deferred.push(command)
  }

  /** Forgets what the command that runs now has deferred: it turned out that nothing is to change. */
  dropDeferred(): void {
    this.#deferred = []
  }

  /** Ends a transaction: calls back when its marker is durable. */
  mark(marker: TransactionMarker, marked: () => void, failed: (cause: Error) => void): void {
    this.call<void>(
      (reply) => {
        this.#journal.appendMarker(marker)
        this.#state.replayMarker?.(marker)
        reply()
        return []
      },
      marked,
      failed,
    )
  }

  /** Nothing runs any more; who waits is not answered. */
  close(): void {
    this.#closed = true
    this.#waiting = []
  }

  #execute(command: Command<R>, transaction: ProducerIdentity | undefined, onError?: (cause: Error) => void): void {
    if (this.#failed || this.#closed) return
    try {
      this.#step(command, transaction)
      for (let next = this.#deferred.shift(); next; next = this.#deferred.shift()) this.#step(next, undefined)
    } catch (cause) {
      this.#deferred = []
      this.#refused(cause, onError)
      return
    }
    this.#answerWhenDurable()
  }

  #step(command: Command<R>, transaction: ProducerIdentity | undefined): void {
    const records = command()
    if (records.length === 0) return
    const state = this.#state
    this.#journal.append(
      records.map((record) => state.encode(record)),
      transaction,
    )
    for (const record of records) state.replay(record, transaction)
    this.#journal.compactIfLarge(() => state.snapshot())
  }

  #refused(cause: unknown, onError: ((cause: Error) => void) | undefined): void {
    const isClientsFault = cause instanceof JournalError && cause.errorCode !== ErrorCode.KAFKA_STORAGE_ERROR
    if (!isClientsFault) this.#logger.error(`A command of the ${this.#name} failed`, { cause })
    const waiting = this.#waiting.splice(0)
    // Who gave the command learns why it failed, the others whose answers it let out only that it did.
    onError?.(cause as Error)
    for (const { fail } of waiting) fail()
  }

  #answerWhenDurable(): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    this.#journal.whenDurable((ok) => {
      if (!ok) this.#failed = true
      for (const { answer, fail } of waiting) {
        if (ok) answer()
        else fail()
      }
    })
  }
}
