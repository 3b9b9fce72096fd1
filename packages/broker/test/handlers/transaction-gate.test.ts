import { ErrorCode } from '@millrace/kafka'
import { expect, test } from 'vitest'
import { type GatedTarget, TransactionGate, type TransactionalProducer } from '../../src/handlers/transaction-gate.ts'
import type { BatchRun } from '../../src/log/batch-run.ts'
import type { Partition } from '../../src/metadata/partition.ts'
import type { TransactionError } from '../../src/transactions/transaction-decision.ts'
import type { TransactionCoordinator } from '../../src/transactions/transaction-coordinator.ts'

const producer: TransactionalProducer = { transactionalId: 'id', producerId: 1, producerEpoch: 0, version: 11 }

/** A coordinator whose answers come when the test gives them, and a partition that takes everything. */
class Stage {
  isOpen = true
  readonly appended: string[] = []
  readonly outcomes: string[] = []
  readonly #questions: ((error: TransactionError) => void)[] = []
  readonly gate: TransactionGate
  readonly #hasBegun = new Set<number>()

  constructor() {
    const verifyPartitions = () =>
      new Promise<TransactionError[]>((resolve) => this.#questions.push((error) => resolve([error])))
    const coordinator = { verifyPartitions, isOpen: () => this.isOpen }
    this.gate = new TransactionGate(coordinator as unknown as TransactionCoordinator)
  }

  readonly partition = {
    topic: { name: 't' },
    index: 0,
    leaderEpoch: 0,
    isDeleted: false,
    log: {
      hasOngoingTransaction: (id: number) => this.#hasBegun.has(id),
      appendRun: (run: BatchRun) => {
        const text = Buffer.from(run.bytes.subarray(run.start(0), run.end(0))).toString()
        this.appended.push(text)
        this.#hasBegun.add(Number(text[0]))
      },
    },
  } as unknown as Partition

  /** A batch whose first character is its producer's id. */
  send(name: string): void {
    const target: GatedTarget = {
      appended: () => void this.outcomes.push(`${name} appended`),
      refused: (errorCode) => void this.outcomes.push(`${name} refused with ${errorCode}`),
      failed: (cause) => void this.outcomes.push(`${name} failed: ${String(cause)}`),
    }
    const from = { ...producer, producerId: Number(name[0]) }
    this.gate.add(from, [{ partition: this.partition, records: Buffer.from(name), target }])
  }

  async answer(error: TransactionError): Promise<void> {
    this.#questions.shift()?.(error)
    for (let i = 0; i < 5; i++) await Promise.resolve()
  }
}

test('a transaction that was ended while the answer was on its way takes no batch: nobody would end it again', async () => {
  const stage = new Stage()
  stage.send('1a')
  stage.isOpen = false
  await stage.answer('NONE')
  expect(stage.appended).toEqual([])
  expect(stage.outcomes).toEqual([`1a refused with ${ErrorCode.NOT_ENOUGH_REPLICAS}`])
  expect(stage.gate.isOpenFor(stage.partition, 1, 0)).toBe(false)
})

test('batches that wait for the first one of their transaction follow it without being asked about', async () => {
  const stage = new Stage()
  for (const name of ['1a', '1b', '1c']) stage.send(name)
  await stage.answer('NONE')
  expect(stage.appended).toEqual(['1a', '1b', '1c'])
})

test('the batches of another producer keep their place in line, and are asked about when it is their turn', async () => {
  const stage = new Stage()
  for (const name of ['1a', '2a', '1b', '2b']) stage.send(name)
  await stage.answer('INVALID_PRODUCER_ID_MAPPING')
  expect(stage.outcomes).toEqual([
    `1a refused with ${ErrorCode.INVALID_PRODUCER_ID_MAPPING}`,
    `1b refused with ${ErrorCode.INVALID_PRODUCER_ID_MAPPING}`,
  ])
  await stage.answer('NONE')
  expect(stage.appended).toEqual(['2a', '2b'])
})

test('a partition that was deleted meanwhile is unknown', async () => {
  const stage = new Stage()
  stage.send('1a')
  stage.partition.isDeleted = true
  await stage.answer('NONE')
  expect(stage.outcomes).toEqual([`1a refused with ${ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}`])
})
