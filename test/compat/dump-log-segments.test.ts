import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultLogConfig, LogManager } from '../../packages/broker/src/log/index.ts'
import { type CompressionType, RecordBatchBuilder } from '@millrace/kafka'
import { hostSystem, utf8 } from '@millrace/std'
import { afterAll, describe, expect, test } from 'vitest'

/** Kafka's own reader of log files, as an oracle of the format. */
const script = fileURLToPath(new URL('kafka.sh', import.meta.url))
const tool = 'org.apache.kafka.tools.DumpLogSegments'

function whyNot(): string | undefined {
  for (const program of ['java', 'mvn']) {
    if (spawnSync(program, ['-version']).error) return `${program} is not installed`
  }
  const jars = spawnSync('bash', [script, 'classpath'], { encoding: 'utf8', timeout: 300_000 })
  return jars.status === 0 ? undefined : `Kafka's jars could not be had: ${jars.stderr.trim().split('\n').at(-1)}`
}

const reason = whyNot()
const suite = reason === undefined ? describe : describe.skip

/** The tool takes the offset before a file's first one for -1, and finds every segment but the first to start with a gap. */
function complaints(output: string): string[] {
  return output
    .replace(/^Non-consecutive offsets in \S*?0*(\d+)\.log\n {2}-1 is followed by \1$/gm, '')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('SLF4J'))
}

suite(`DumpLogSegments${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-dump-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  function dump(files: readonly string[], flags: readonly string[] = []): string {
    const result = spawnSync('bash', [script, 'tool', tool, ...flags, '--files', files.join(',')], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    })
    expect(complaints(result.stderr)).toEqual([])
    expect(result.status).toBe(0)
    return result.stdout
  }

  test('reads our logs, indexes and snapshots and finds no mismatch', { timeout: 120_000 }, async () => {
    const open = () =>
      LogManager.open({
        ...hostSystem,
        folder,
        nodeId: 1,
        configOf: () => ({
          ...defaultLogConfig,
          segmentBytes: 60_000,
          indexIntervalBytes: 2_000,
          messageTimestampAfterMaxMs: 1e15,
        }),
      })
    const first = open()
    const log = await first.createPartition('dumped', 0, new Uint8Array(16).fill(9))
    let sequence = 0
    const append = (count: number, compression: CompressionType, timestamp: number, epoch: number) => {
      const builder = new RecordBatchBuilder({ compression })
      for (let i = 0; i < count; i++) {
        // Within and between batches, timestamps go back and forth.
        builder.append(utf8(`key-${sequence + i}`), utf8(`value-${'x'.repeat(i % 90)}`), timestamp + ((i * 7) % 13))
      }
      const bytes = builder.finish({ producerId: 4_000, producerEpoch: 2, baseSequence: sequence })
      sequence += count
      expect(log.append(Uint8Array.from(bytes), { leaderEpoch: epoch }).errorCode).toBe(0)
    }
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
    for (let i = 0; i < 600; i++) {
      append(
        1 + ((i * 17) % 60),
        codecs[i % 5] as CompressionType,
        1_700_000_000_000 + ((i * 37) % 400) * 50,
        1 + (i >> 8),
      )
      if (i % 50 === 0) await log.flushed()
    }
    expect(log.segmentCount).toBeGreaterThan(3)
    await first.close()

    const partition = join(folder, 'dumped-0')
    const names = readdirSync(partition)
    const of = (suffix: string) => names.filter((name) => name.endsWith(suffix)).map((name) => join(partition, name))
    const logs = dump(of('.log'), ['--deep-iteration', '--print-data-log'])
    expect(logs.match(/^\| offset: /gm)?.length).toBe(log.endOffset)
    expect(logs).toContain(`| offset: ${log.endOffset - 1} `)
    expect(logs).toContain(`payload: value-`)
    expect(logs).not.toMatch(/isvalid: false/)
    expect(logs).not.toMatch(/Found|mismatch|corrupt/i)

    const indexes = dump([...of('.index'), ...of('.timeindex')])
    expect(indexes.match(/^offset: /gm)?.length).toBeGreaterThan(20)
    expect(indexes.match(/^timestamp: /gm)?.length).toBeGreaterThan(20)
    expect(indexes).not.toMatch(/mismatch|Found|out of order|not found/i)
    dump([...of('.index'), ...of('.timeindex')], ['--index-sanity-check'])

    const snapshots = dump(of('.snapshot'))
    expect(snapshots).toContain('producerId: 4000 producerEpoch: 2')
    expect(snapshots).toContain(`lastSequence: ${sequence - 1} lastOffset: ${log.endOffset - 1}`)
  })
})
