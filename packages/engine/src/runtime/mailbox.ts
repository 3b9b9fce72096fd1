/** What a task does between two looks at its mail: `more`, or nothing to do until it is woken. */
export type ActionResult = 'more' | 'nothing'

/**
 * The heart of a task, as Flink's MailboxProcessor: one thread of control that handles mail (timers, barriers,
 * cancellation) before each run of the default action (one batch of input). Nothing here awaits; a test can run
 * one step.
 */
export class Mailbox {
  readonly #mail: (() => void)[] = []
  #next = 0

  put(mail: () => void): void {
    this.#mail.push(mail)
  }

  get isEmpty(): boolean {
    return this.#next === this.#mail.length
  }

  /** Handles what has come, in order; mail that is put meanwhile is handled too. */
  drain(): void {
    while (this.#next < this.#mail.length) {
      const mail = this.#mail[this.#next++] as () => void
      mail()
    }
    if (this.#next > 0) {
      this.#mail.length = 0
      this.#next = 0
    }
  }

  clear(): void {
    this.#mail.length = 0
    this.#next = 0
  }
}
