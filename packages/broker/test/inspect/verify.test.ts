import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import type { FileSystem } from '@millrace/std'
import type { Problem } from '../../src/inspect/problem.ts'
import { verifyDataFolder, type VerifySummary } from '../../src/inspect/verify.ts'
import { copyOf, filesOf, makeFolder, open, served, write } from './folder.ts'

function verify(fileSystem: FileSystem): { problems: Problem[]; summary: VerifySummary } {
  const problems: Problem[] = []
  const walk = verifyDataFolder(fileSystem, 'data')
  for (let step = walk.next(); ; step = walk.next()) {
    if (step.done) return { problems, summary: step.value }
    problems.push(step.value)
  }
}

function flip(fileSystem: FileSystem, path: string, at: number, bit: number): void {
  const byte = Uint8Array.of((fileSystem.readFile(path)[at] as number) ^ (1 << bit))
  const file = fileSystem.open(path, 'write')
  file.write(byte, at)
  file.close()
}

describe('verifyDataFolder', () => {
  test('finds nothing in a sound folder, and counts what it walked over', async () => {
    const folder = await makeFolder()
    const { problems, summary } = verify(folder)
    expect(problems).toEqual([])
    expect(summary).toMatchObject({ partitions: 5, problems: 0 })
    expect(summary.records).toBeGreaterThan(100)
  })

  test('nor in one that a broker is writing to', async () => {
    const folder = open(copyOf(await makeFolder()))
    const log = folder.logs.get('plain', 0)
    const transactions = folder.logs.get('transactions', 0)
    if (!log || !transactions) throw new Error('no log')
    const marker = { coordinatorEpoch: 1, producerEpoch: 0, transactionVersion: 1 }
    for (let i = 0; i < 30; i++) {
      write(log, `more ${i}`, { epoch: 3 })
      write(transactions, `more ${i}`, { producer: { id: 200, sequence: i, transactional: true } })
      if (i % 3 === 1) transactions.appendEndTxnMarker({ ...marker, producerId: 200, commit: i % 2 === 0 })
      await folder.clock.settle()
      expect(verify(folder.fileSystem).problems).toEqual([])
    }
    // The checkpoint still names it.
    await folder.logs.checkpoint()
    const deletion = folder.logs.deletePartition('cut', 0)
    await folder.clock.settle()
    await deletion
    expect(verify(folder.fileSystem).problems).toEqual([])
  })

  test('a bit that flips in any file is found, or changes nothing that anybody gets', { timeout: 60_000 }, async () => {
    const sound = await makeFolder()
    const files = filesOf(sound).filter((path) => (sound.stat(path)?.size ?? 0) > 0)
    const before = await served(copyOf(sound))
    const found = new Map<string, number>()
    const place = fc.record({
      file: fc.integer({ min: 0, max: files.length - 1 }),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      bit: fc.integer({ min: 0, max: 7 }),
    })
    await fc.assert(
      fc.asyncProperty(place, async ({ at, bit, file }) => {
        const path = files[file] as string
        const damaged = copyOf(sound)
        const position = Math.floor(at * (damaged.stat(path)?.size as number))
        flip(damaged, path, position, bit)
        const { problems } = verify(damaged)
        const kind = path.slice(path.lastIndexOf('.'))
        if (problems.length > 0) {
          found.set(kind, (found.get(kind) ?? 0) + 1)
          return
        }
        expect(await served(damaged), `${path} at ${position}`).toEqual(before)
      }),
      { numRuns: Number(process.env['MILLRACE_FLIP_RUNS'] ?? 500) },
    )
    for (const kind of ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'])
      expect(found.get(kind)).toBeGreaterThan(5)
  })
})
