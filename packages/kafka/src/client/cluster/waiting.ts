import { type Random, sleep, type Timers } from '@millrace/std'
import type { ClientSystem } from './options.ts'
import { ClientTimeoutError, isRetriable, reasonOf } from './errors.ts'

/** The pause before attempt `failures + 1`: doubling from `base` up to `max`, give or take a fifth. */
export function backoff(random: Random, failures: number, base: number, max: number): number {
  const exponential = Math.min(max, base * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return exponential * (0.8 + 0.4 * random.next())
}

/** Lets several callers wait for something to happen. */
export class Pulse {
  readonly #timers: Timers
  #waiters: (() => void)[] = []

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Wakes all who wait now. */
  notify(): void {
    const waiters = this.#waiters
    if (waiters.length === 0) return
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Resolves with the next {@link notify}, or after `timeoutMs`. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (!Number.isFinite(timeoutMs)) {
        this.#waiters.push(resolve)
        return
      }
      const handle = this.#timers.schedule(Math.max(0, timeoutMs), () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== wake)
        resolve()
      })
      const wake = () => {
        this.#timers.cancel(handle)
        resolve()
      }
      this.#waiters.push(wake)
    })
  }
}

export interface RetryOptions {
  system: ClientSystem
  /** What is attempted, as the beginning of a sentence: `Creating topic t`. */
  what: string
  timeoutMs: number
  retryBackoffMs: number
  retryBackoffMaxMs: number
  signal?: AbortSignal | undefined
  /** Runs before the pause that follows a failure worth a retry. */
  onRetry?: (error: unknown) => void
  /** Which failures are worth a retry; those that Kafka calls retriable by default. */
  retriable?: (error: unknown) => boolean
  /** An attempt under way is waited for beyond the time, since its answer decides what may be done next. */
  awaitsAttempts?: boolean
}

/**
 * Calls `attempt` until it succeeds, fails for good, or the time is over. An attempt that has no answer by then is left
 * alone: a broker that says nothing does not make a call longer.
 *
 * @throws {ClientTimeoutError} whose cause is the last failure
 */
export async function retry<T>(options: RetryOptions, attempt: (remainingMs: number) => Promise<T>): Promise<T> {
  const { system, timeoutMs, signal } = options
  const { clock, timers, random } = system
  const deadline = clock.monotonic() + timeoutMs
  let last: unknown
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted()
    try {
      const remainingMs = Math.max(1, deadline - clock.monotonic())
      const work = attempt(remainingMs)
      if (options.awaitsAttempts) return await work
      const outcome = await within(work, { timers, timeoutMs: remainingMs, signal })
      if (outcome === 'late') break
      return outcome.value
    } catch (error) {
      signal?.throwIfAborted()
      if (!(options.retriable ?? isRetriable)(error)) throw error
      last = error
      options.onRetry?.(error)
      const pause = backoff(random, failures, options.retryBackoffMs, options.retryBackoffMaxMs)
      if (clock.monotonic() + pause >= deadline) break
      await sleep(timers, pause, signal)
    }
  }
  throw timedOut(options.what, timeoutMs, last)
}

/** The value of `work`, or that it is late. @throws what `work` throws, or the reason of the signal */
function within<T>(
  work: Promise<T>,
  { timers, timeoutMs, signal }: { timers: Timers; timeoutMs: number; signal: AbortSignal | undefined },
): Promise<{ value: T } | 'late'> {
  return new Promise((resolve, reject) => {
    const late = Number.isFinite(timeoutMs) ? timers.schedule(timeoutMs, () => end(() => resolve('late'))) : undefined
    const abort = () => end(() => reject(signal?.reason))
    signal?.addEventListener('abort', abort)
    const end = (settle: () => void) => {
      if (late) timers.cancel(late)
      signal?.removeEventListener('abort', abort)
      settle()
    }
    work.then(
      (value) => end(() => resolve({ value })),
      (error) => end(() => reject(error)),
    )
  })
}

export function timedOut(what: string, timeoutMs: number, cause?: unknown): ClientTimeoutError {
  const last = cause === undefined ? '' : ` Last: ${reasonOf(cause)}`
  return new ClientTimeoutError('KAFKA_TIMEOUT', {
    message: `${what} did not succeed within ${Math.round(timeoutMs)} ms.${last}`,
    fix: 'Check that the brokers are up and reachable under the names they advertise.',
    cause,
  })
}
