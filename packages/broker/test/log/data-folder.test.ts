import { utf8 } from '@millrace/std'
import { ManualClock, MemoryFileSystem } from '@millrace/testing'
import { expect, test } from 'vitest'
import { closeLogs, openLogs, start } from './fixture.ts'

test('a folder that is full of other things, or has lost its meta.properties, is not taken for a new one', async () => {
  const clock = new ManualClock({ now: start })
  const fileSystem = new MemoryFileSystem({ clock })
  fileSystem.makeDirectory('data/lost+found')
  fileSystem.makeDirectory('data/.snapshots')
  const first = openLogs({ clock, fileSystem })
  await first.logs.createPartition('t', 0, new Uint8Array(16).fill(7))
  await closeLogs(first)
  fileSystem.remove('data/meta.properties')
  expect(() => openLogs({ clock, fileSystem })).toThrow(expect.objectContaining({ code: 'BROKER_DATA_UNUSABLE' }))
})

test.each(['data/bootstrap.checkpoint', 'data/__cluster_metadata-0/quorum-state'])(
  'the folder of an Apache Kafka is not written to: %s',
  async (path) => {
    const first = openLogs()
    await closeLogs(first)
    const { clock, fileSystem } = first
    fileSystem.makeDirectory('data/__cluster_metadata-0')
    const file = fileSystem.open(path, 'create')
    file.write(utf8('{}'), 0)
    file.close()
    expect(() => openLogs({ clock, fileSystem })).toThrow(
      expect.objectContaining({
        code: 'BROKER_DATA_FOREIGN',
        fix: expect.stringContaining('broker import --from data'),
      }),
    )
  },
)
