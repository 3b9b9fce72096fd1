import { KafkaProducer, type PreparedTransaction, type ResumedTransaction } from '@millrace/kafka'
import { clientTimes } from './client-times.ts'
import type { History, ProducerRun, Transaction } from './history.ts'
import { acknowledged, newSent, topic } from './producers.ts'
import { bootstrapServers, type World } from './world.ts'

/** After it the coordinator aborts a transaction that nobody ends. Milliseconds. */
export const transactionTimeoutMs = 2_000

export function transactionalProducer(world: World, process: ReturnType<World['process']>, transactionalId: string) {
  return new KafkaProducer({
    bootstrapServers,
    ...clientTimes,
    system: process,
    transactionalId,
    transactionTimeoutMs,
    maxBlockMs: 3_000,
    deliveryTimeoutMs: 3_000,
    lingerMs: world.pick([0, 5]),
  })
}

/**
 * One transactional id, used by one process after the other, and now and then by two at once: the older one is to be
 * fenced.
 */
export async function runTransactions(world: World, history: History, transactionalId: string): Promise<void> {
  const lives = 1 + world.int(4)
  const running: Promise<void>[] = []
  for (let life = 0; life < lives; life++) {
    const alive = liveOnce(world, history, transactionalId, {
      name: `${transactionalId}.${life}`,
      kind: 'transactional',
    })
    running.push(alive)
    await (world.chance(0.3) ? Promise.race([alive, world.sleep(world.random.next() * 500)]) : alive)
  }
  await Promise.all(running)
}

async function liveOnce(world: World, history: History, transactionalId: string, run: ProducerRun): Promise<void> {
  const process = world.process()
  const producer = transactionalProducer(world, process, transactionalId)
  const story = new TransactionStory(world, history, producer, run)
  if (!(await initialized(world, producer))) return
  const transactions = 1 + world.int(6)
  for (let i = 0; i < transactions && !story.isOver; i++) {
    await story.tell(i, () => {
      // In the middle of it: nobody will ever commit.
      if (world.chance(0.1)) process.kill()
      return !process.isAlive
    })
    if (!process.isAlive) {
      world.note(() => `${run.name} died`)
      return
    }
  }
  await producer.close({ timeoutMs: 5_000 }).catch(() => {})
}

/** False when it is fenced, or the broker is not there for too long. */
export async function initialized(world: World, producer: KafkaProducer): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      await producer.initTransactions()
      return true
    } catch (cause) {
      world.note(() => `initTransactions failed: ${String(cause)}`)
      if ((cause as { fatal?: boolean }).fatal) return false
      await world.sleep(100)
    }
  }
  return false
}

/** What one producer does with its transactions. */
class TransactionStory {
  /** It is fenced, or its last transaction is somebody else's now. */
  isOver = false
  readonly #world: World
  readonly #history: History
  readonly #producer: KafkaProducer
  readonly #run: ProducerRun
  #order = 0

  constructor(world: World, history: History, producer: KafkaProducer, run: ProducerRun) {
    this.#world = world
    this.#history = history
    this.#producer = producer
    this.#run = run
  }

  async tell(index: number, dies: () => boolean): Promise<void> {
    const world = this.#world
    const transaction: Transaction = { name: `${this.#run.name}t${index}`, records: [], outcome: 'pending' }
    this.#history.transactions.push(transaction)
    try {
      this.#producer.beginTransaction()
      await this.#send(transaction)
      if (dies()) return
      if (world.chance(0.15)) await world.sleep(world.random.next() * transactionTimeoutMs * 1.5)
      if (world.chance(0.25)) return await this.#abort(transaction)
      if (world.chance(0.3)) return await this.#commitInTwoPhases(transaction)
      await this.#commit(transaction)
    } catch (cause) {
      world.note(() => `${transaction.name} failed: ${String(cause)}`)
      await this.#giveUp(transaction, cause)
    }
  }

  async #send(transaction: Transaction): Promise<void> {
    const world = this.#world
    const pending: Promise<unknown>[] = []
    const count = world.int(6)
    for (let i = 0; i < count; i++) {
      const partition = world.int(world.plan.partitions)
      const sent = newSent(this.#history, { run: this.#run, order: this.#order++, partition, transaction })
      const written = this.#producer
        .send({ topic, partition, value: sent.value })
        .then(({ offset }) => acknowledged(sent, offset))
      // Whether it matters shows when the transaction is to be committed.
      written.catch(() => {
        sent.outcome = 'unknown'
      })
      pending.push(written)
      if (world.chance(0.3)) await world.sleep(world.random.next() * 30)
    }
    if (world.chance(0.5)) await Promise.all(pending)
  }

  async #commit(transaction: Transaction): Promise<void> {
    transaction.outcome = 'unknown'
    for (;;) {
      try {
        await this.#producer.commitTransaction()
        transaction.outcome = 'yes'
        return
      } catch (cause) {
        if ((cause as { code?: string }).code !== 'KAFKA_TIMEOUT') throw cause
        this.#world.note(() => `commit of ${transaction.name} timed out`)
      }
    }
  }

  async #abort(transaction: Transaction): Promise<void> {
    await this.#producer.abortTransaction()
    transaction.outcome = 'no'
  }

  /** As an exactly-once sink: prepared here, committed by another process, perhaps twice, perhaps late. */
  async #commitInTwoPhases(transaction: Transaction): Promise<void> {
    const prepared = await this.#producer.prepareTransaction({ timeoutMs: 3_000 })
    if (!prepared) {
      transaction.outcome = 'yes'
      return
    }
    this.isOver = true
    transaction.outcome = 'unknown'
    const world = this.#world
    if (world.chance(0.5)) await world.sleep(world.random.next() * 200)
    await this.#end(transaction, prepared)
    if (!world.chance(0.5)) return
    // Once more and late: whatever is answered, it must change nothing, and above all not end what has begun since.
    await world.sleep(world.random.next() * 500)
    await this.#end(transaction, prepared)
  }

  async #end(transaction: Transaction, prepared: PreparedTransaction): Promise<void> {
    const resumed = this.#resume(prepared)
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        await resumed.commit({ timeoutMs: 3_000 })
        transaction.outcome = 'yes'
        break
      } catch (cause) {
        this.#world.note(() => `resumed commit of ${transaction.name}: ${String(cause)}`)
        if ((cause as { code?: string }).code !== 'KAFKA_TIMEOUT') break
      }
    }
    await resumed.close()
  }

  #resume(prepared: PreparedTransaction): ResumedTransaction {
    const options = { bootstrapServers, ...clientTimes, system: this.#world.process(), transactionTimeoutMs }
    return KafkaProducer.resumeTransaction(options, JSON.parse(JSON.stringify(prepared)) as PreparedTransaction)
  }

  async #giveUp(transaction: Transaction, cause: unknown): Promise<void> {
    if ((cause as { fatal?: boolean }).fatal) {
      this.isOver = true
      return
    }
    try {
      await this.#producer.abortTransaction()
      transaction.outcome = 'no'
    } catch (abortCause) {
      this.#world.note(() => `abort of ${transaction.name} failed: ${String(abortCause)}`)
      this.isOver = true
    }
  }
}
