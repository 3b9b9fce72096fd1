import { sleep, type Timers } from '@millrace/std'
import { timedOut } from '../cluster/waiting.ts'
import type { TransactionCallOptions } from './transaction-requests.ts'

type EndingCall = 'prepare' | 'commit' | 'abort'

/** The calls that end transactions. A transaction ends once: who makes a call again while it runs shares its outcome. */
export class EndingCalls {
  #running: { readonly call: EndingCall; readonly outcome: Promise<unknown> } | undefined

  /** An abort may come while a transaction is being prepared; which other calls fit is for the caller to know. */
  run<T>(call: EndingCall, start: () => Promise<T>): Promise<T> {
    if (this.#running?.call === call) return this.#running.outcome as Promise<T>
    const outcome = start().finally(() => {
      if (this.#running?.outcome === outcome) this.#running = undefined
    })
    this.#running = { call, outcome }
    return outcome
  }

  /** Resolves when no such call runs any more, however it ended. */
  async settled(call: EndingCall): Promise<void> {
    if (this.#running?.call === call) await this.#running.outcome.catch(() => {})
  }
}

/**
 * Waits for `work`, which never fails, as long as the call may take.
 *
 * @throws {ClientTimeoutError}, or the reason of the signal
 */
export async function within(
  timers: Timers,
  what: string,
  { timeoutMs, signal }: TransactionCallOptions,
  work: () => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted()
  const done = new AbortController()
  const giveUp = () => done.abort()
  signal?.addEventListener('abort', giveUp)
  const late = sleep(timers, timeoutMs, done.signal).then(
    () => {
      throw timedOut(what, timeoutMs)
    },
    () => signal?.throwIfAborted(),
  )
  try {
    await Promise.race([work(), late])
  } finally {
    signal?.removeEventListener('abort', giveUp)
    done.abort()
  }
}
