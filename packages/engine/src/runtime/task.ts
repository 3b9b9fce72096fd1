import type { Clock, Timers } from '@millrace/std'
import type { Barrier } from '../element/element.ts'
import { type ActionResult, Mailbox } from './mailbox.ts'
import type { OperatorChain } from './operator-chain.ts'
import { TaskProcessingTimeService } from './processing-time-service.ts'
import type { Schedulable, TaskScheduler } from './scheduler.ts'

/** What a task tells the job that it belongs to. */
export interface TaskObserver {
  /** All input is processed and everything downstream in the task is durable. */
  finished(task: Task): void
  failed(task: Task, error: unknown): void
  /** All that was before the barrier has left the task: passed on, or made durable by its sinks. Not of one that has ended. */
  acknowledged(task: Task, checkpointId: number): void
}

export interface TaskServices {
  readonly clock: Clock
  readonly timers: Timers
  readonly scheduler: TaskScheduler
}

/** Batches that a task may process before others get their turn. */
const turn = 8

/**
 * One subtask of a vertex: a mailbox, whose default action processes input, around a chain of operators. Everything
 * runs on one thread; between two calls of {@link run} nothing is under way.
 */
export abstract class Task implements Schedulable {
  readonly name: string
  readonly subtask: number
  readonly processingTime: TaskProcessingTimeService
  /** Set by the subclass's builder before anything runs. */
  chain!: OperatorChain
  protected readonly mailbox = new Mailbox()
  readonly #services: TaskServices
  readonly #observer: TaskObserver
  #state: 'created' | 'running' | 'finishing' | 'finished' | 'closed' = 'created'

  constructor(name: string, subtask: number, services: TaskServices, observer: TaskObserver) {
    this.name = name
    this.subtask = subtask
    this.#services = services
    this.#observer = observer
    this.processingTime = new TaskProcessingTimeService(services.clock, services.timers, (mail) => this.mail(mail))
  }

  /** One unit of input; `finish()` when there is no more. */
  protected abstract processInput(): ActionResult

  get isFinished(): boolean {
    return this.#state === 'finished'
  }

  /** Opens the operators; input is processed from now on. */
  start(): void {
    this.chain.open()
    this.#state = 'running'
    this.wake()
  }

  /** Has `mail` handled before the next input, on the task's turn. */
  mail(mail: () => void): void {
    if (this.#state === 'closed') return
    this.mailbox.put(mail)
    this.wake()
  }

  wake(): void {
    if (this.#state !== 'created' && this.#state !== 'closed') this.#services.scheduler.wake(this)
  }

  run(): ActionResult {
    try {
      for (let i = 0; i < turn; i++) {
        this.mailbox.drain()
        if (this.#state !== 'running') return 'nothing'
        if (!this.chain.isReady) return 'nothing'
        if (this.processInput() === 'nothing') {
          this.chain.flushEdges()
          return this.mailbox.isEmpty ? 'nothing' : 'more'
        }
      }
      this.chain.flushEdges()
      return 'more'
    } catch (error) {
      this.fail(error)
      return 'nothing'
    }
  }

  fail(error: unknown): void {
    this.#observer.failed(this, error)
  }

  /** Handles a barrier that has come on all inputs, or that starts at this source. */
  protected barrier(barrier: Barrier): void {
    // It has ended: what it read went ahead of the end of its channels, and once its sinks are flushed `finished` says so.
    if (this.#state !== 'running') return
    this.chain
      .barrier(barrier)
      .then(() => this.#observer.acknowledged(this, barrier.checkpointId))
      .catch((error: unknown) => this.fail(error))
  }

  /** The input has ended and the final watermark is through: ends the chain, waits for the sinks. */
  protected finish(): void {
    this.#state = 'finishing'
    this.chain.endInput()
    this.processingTime.close()
    this.chain
      .flushSinks()
      .then(() => {
        if (this.#state !== 'finishing') return
        this.#state = 'finished'
        this.#observer.finished(this)
      })
      .catch((error: unknown) => this.fail(error))
  }

  /** Stops at once and closes everything; returns what failed on the way. */
  close(): Promise<unknown[]> {
    this.#state = 'closed'
    this.mailbox.clear()
    this.processingTime.close()
    return this.chain.close()
  }
}
