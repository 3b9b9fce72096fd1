import { joinPath } from '@millrace/std'
import { replaceFile, syncFile, writeFile } from './durable-file.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { LogFile, LogSuffix, segmentFile } from './log-files.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerState } from './producer-state.ts'
import type { SegmentHome } from './segment.ts'
import type { SegmentFiles } from './segment-files.ts'
import type { SegmentList } from './segment-list.ts'
import { formatLeaderEpochs } from './text-files.ts'

/** Replaces the leader epoch checkpoint, durably, if the epochs changed. */
export async function writeLeaderEpochs(home: SegmentHome, epochs: LeaderEpochs): Promise<void> {
  if (!epochs.dirty) return
  epochs.dirty = false
  try {
    const path = joinPath(home.folder, LogFile.leaderEpochs)
    await replaceFile(home.fileSystem, path, formatLeaderEpochs(epochs.entries))
  } catch (cause) {
    epochs.dirty = true
    throw cause
  }
}

/**
 * Writes, durably, what lets the next start trust the files of a log that is flushed: the indexes of the active segment,
 * the producers as of the end, the leader epochs.
 */
export async function writeCleanState(log: {
  readonly home: SegmentHome
  readonly segments: SegmentList
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly files: SegmentFiles
}): Promise<void> {
  const { files, home, segments } = log
  const { active } = segments
  const snapshot = segmentFile(home.folder, active.endOffset, LogSuffix.snapshot)
  active.writeIndexes()
  writeFile(home.fileSystem, snapshot, encodeProducerSnapshot(log.producers))
  files.addSnapshot(active.endOffset)
  const bases = new Set([...segments].map((segment) => segment.baseOffset))
  files.removeSnapshots((offset) => offset === active.endOffset || bases.has(offset))
  await Promise.all([active.syncIndexes(), syncFile(home.fileSystem, snapshot), writeLeaderEpochs(home, log.epochs)])
  await home.fileSystem.syncDirectory(home.folder)
}
