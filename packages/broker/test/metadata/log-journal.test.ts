import {
  bytesToString,
  type FileSystem,
  hostSystem,
  MemoryFileSystem,
  seededRandom,
  systemClock,
  utf8,
} from '@millrace/std'
import { SimulatedDisk } from '@millrace/testing'
import { describe, expect, test } from 'vitest'
import { type JournalEntry, JournalError, type JournalRecord } from '../../src/journal/journal.ts'
import { defaultLogConfig, LogManager } from '../../src/log/index.ts'
import { LogJournal } from '../../src/metadata/log-journal.ts'

const topicId = new Uint8Array(16).fill(7)

function openLogs(fileSystem: FileSystem): LogManager {
  return LogManager.open({
    ...hostSystem,
    fileSystem,
    random: seededRandom(1),
    folder: '/data',
    nodeId: 1,
    configOf: () => ({
      ...defaultLogConfig,
      cleanupPolicy: ['compact'],
      fileDeleteDelayMs: 0,
      segmentBytes: 1_000_000,
    }),
  })
}

function durable(journal: LogJournal): Promise<boolean> {
  return new Promise((resolve) => journal.whenDurable(resolve))
}

function stateOf(journal: LogJournal): Map<string, string> {
  const state = new Map<string, string>()
  journal.replay({
    record({ key, value }) {
      const name = bytesToString(key as Uint8Array)
      if (value) state.set(name, bytesToString(value))
      else state.delete(name)
    },
  })
  return state
}

describe('LogJournal', () => {
  test('stays bounded, and what it replays stays the same', async () => {
    const fileSystem = new MemoryFileSystem({ clock: systemClock })
    const logs = openLogs(fileSystem)
    const log = await logs.createPartition('journal', 0, topicId)
    const journal = new LogJournal(log, systemClock)
    const state = new Map<string, string>()
    function* snapshot(): Generator<JournalRecord> {
      for (const [name, value] of state) yield { key: utf8(name), value: utf8(value) }
    }
    let written = 0
    let largest = 0
    for (let i = 0; written < 30_000_000; i++) {
      const name = `key-${i % 50}`
      const value = i % 7 === 6 ? null : `${i}:${'x'.repeat(20_000)}`
      if (value === null) state.delete(name)
      else state.set(name, value)
      journal.append([{ key: utf8(name), value: value === null ? null : utf8(value) }])
      journal.compactIfLarge(snapshot)
      written += value?.length ?? 0
      if (i % 20 === 0) expect(await durable(journal)).toBe(true)
      largest = Math.max(largest, log.sizeInBytes)
    }
    await durable(journal)
    // One megabyte lives.
    expect(largest).toBeLessThan(10_000_000)
    expect(stateOf(journal)).toEqual(state)
    await logs.close()
    const again = openLogs(fileSystem)
    expect(
      stateOf(new LogJournal(again.get('journal', 0) as NonNullable<ReturnType<LogManager['get']>>, systemClock)),
    ).toEqual(state)
    await again.close()
  })

  test('a snapshot that finds no room does not fail what was appended before it, and is made later', async () => {
    const disk = new SimulatedDisk({ clock: systemClock, random: seededRandom(1) })
    const logs = openLogs(disk)
    const log = await logs.createPartition('journal', 0, topicId)
    const journal = new LogJournal(log, systemClock)
    const large = utf8('x'.repeat(60_000))
    const names = Array.from({ length: 50 }, (_, i) => utf8(`key-${i}`))
    const snapshot = () => names.map((key): JournalRecord => ({ key, value: large }))
    const fill = (times: number) => {
      for (let i = 0; i < times; i++) journal.append([{ key: names[i % names.length] as Uint8Array, value: large }])
    }
    fill(100)
    const state = stateOf(journal)
    disk.capacity = disk.usedBytes + 500_000
    journal.compactIfLarge(snapshot)
    expect(stateOf(journal)).toEqual(state)
    const size = log.sizeInBytes
    // Not again with every append: there is room for these, but not for a snapshot.
    for (const value of ['1', '2', '3']) {
      journal.append([{ key: utf8('small'), value: utf8(value) }])
      journal.compactIfLarge(snapshot)
    }
    expect(log.sizeInBytes - size).toBeLessThan(500)
    disk.capacity = Number.POSITIVE_INFINITY
    fill(100)
    journal.compactIfLarge(snapshot)
    expect(await durable(journal)).toBe(true)
    expect(log.logStartOffset).toBeGreaterThan(200)
    expect(stateOf(journal)).toEqual(state)
    await logs.close()
  })

  test('what is part of an open transaction stays so through compaction and restart, until its marker', async () => {
    const fileSystem = new MemoryFileSystem({ clock: systemClock })
    const logs = openLogs(fileSystem)
    const log = await logs.createPartition('journal', 0, topicId)
    const journal = new LogJournal(log, systemClock)
    const open = { producerId: 7, producerEpoch: 3 }
    const entries: JournalEntry[] = [
      { key: utf8('before'), value: utf8('1') },
      { key: utf8('pending'), value: utf8('2'), transaction: open },
      { key: utf8('other'), value: utf8('3'), transaction: { producerId: 8, producerEpoch: 0 } },
      { key: utf8('after'), value: utf8('4') },
    ]
    for (const { transaction, ...record } of entries) journal.append([record], transaction)
    for (let i = 0; i < 100; i++) journal.append([{ key: utf8('large'), value: utf8('x'.repeat(60_000)) }])
    expect(await durable(journal)).toBe(true)
    journal.compactIfLarge(() => entries)
    expect(await durable(journal)).toBe(true)
    expect(log.logStartOffset).toBeGreaterThan(100)
    expect(transactionsOf(journal)).toEqual(entries.map((entry) => nameOf(entry)))
    expect(log.hasOngoingTransaction(7, 3)).toBe(true)
    await logs.close()
    const again = openLogs(fileSystem)
    const reopened = again.get('journal', 0) as NonNullable<ReturnType<LogManager['get']>>
    const recovered = new LogJournal(reopened, systemClock)
    expect(transactionsOf(recovered)).toEqual(entries.map((entry) => nameOf(entry)))
    recovered.appendMarker({ ...open, producerEpoch: 4, coordinatorEpoch: 0, commit: true, transactionVersion: 2 })
    expect(await durable(recovered)).toBe(true)
    expect(transactionsOf(recovered)).toEqual([...entries.map((entry) => nameOf(entry)), '7 commits in epoch 4'])
    expect(reopened.hasOngoingTransaction(7, 4)).toBe(false)
    expect(() => recovered.append([{ key: utf8('late'), value: null }], open)).toThrow(JournalError)
    await again.close()
  })
})

function nameOf({ key, transaction }: JournalEntry): string {
  const name = bytesToString(key as Uint8Array)
  return transaction ? `${name} of ${transaction.producerId} in epoch ${transaction.producerEpoch}` : name
}

/** What a journal tells, in order. */
function transactionsOf(journal: LogJournal): string[] {
  const told: string[] = []
  journal.replay({
    record: (record, transaction) => void told.push(nameOf({ ...record, transaction })),
    marker: ({ producerId, producerEpoch, commit }) =>
      void told.push(`${producerId} ${commit ? 'commits' : 'aborts'} in epoch ${producerEpoch}`),
  })
  return told
}
