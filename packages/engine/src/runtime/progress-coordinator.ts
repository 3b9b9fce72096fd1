import type { Clock, TimerHandle, Timers } from '@millrace/std'

/** What takes part: tasks that acknowledge, sources that are told. */
export interface ProgressParticipants<Task> {
  /** Tasks that have not finished. */
  running(): readonly Task[]
  trigger(checkpointId: number, triggered: number): void
  complete(checkpointId: number): void
}

/**
 * Lets a barrier through the job at an interval, and tells the sources when everything before it is durable in the
 * sinks, so that they commit their progress. One at a time; the next begins an interval after the last has completed.
 */
export class ProgressCoordinator<Task> {
  readonly #participants: ProgressParticipants<Task>
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #intervalMs: number
  #handle: TimerHandle | undefined
  #checkpointId = 0
  #waitingFor: Set<Task> | undefined
  #closed = false

  constructor(participants: ProgressParticipants<Task>, clock: Clock, timers: Timers, intervalMs: number) {
    this.#participants = participants
    this.#clock = clock
    this.#timers = timers
    this.#intervalMs = intervalMs
  }

  start(): void {
    if (this.#closed) return
    this.#handle = this.#timers.schedule(this.#intervalMs, () => this.#trigger())
  }

  acknowledged(task: Task, checkpointId: number): void {
    if (checkpointId === this.#checkpointId) this.#done(task)
  }

  /** A task that has finished has flushed its sinks: as good as an acknowledgement. */
  finished(task: Task): void {
    this.#done(task)
  }

  /** Ends the series. Returns an id that is greater than all before: for the final commit, when all tasks have finished. */
  close(): number {
    this.#closed = true
    if (this.#handle !== undefined) this.#timers.cancel(this.#handle)
    this.#handle = undefined
    this.#waitingFor = undefined
    return this.#checkpointId + 1
  }

  #trigger(): void {
    this.#handle = undefined
    this.#checkpointId++
    this.#waitingFor = new Set(this.#participants.running())
    this.#participants.trigger(this.#checkpointId, this.#clock.now())
  }

  #done(task: Task): void {
    const waitingFor = this.#waitingFor
    if (waitingFor === undefined) return
    waitingFor.delete(task)
    if (waitingFor.size > 0) return
    this.#waitingFor = undefined
    this.#participants.complete(this.#checkpointId)
    this.start()
  }
}
