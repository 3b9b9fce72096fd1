import type { FileSystem } from '@millrace/std'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogEventListener } from './log-event.ts'
import { LogSuffix, segmentFile } from './log-files.ts'
import type { ProducerState } from './producer-state.ts'
import { readQuarantine } from './quarantine.ts'
import { Segment, type SegmentHome } from './segment.ts'

export interface LoadOptions {
  readonly home: SegmentHome
  readonly config: LogConfig
  /** Wall clock, milliseconds. */
  readonly now: number
  /** The broker was shut down in order: the files are what it left. */
  readonly clean: boolean
  /** From the checkpoints of the data folder; 0 when there is none. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
  /** Compaction may have taken records out: offsets that are missing are no damage. */
  readonly mayHaveGaps: boolean
  readonly report: LogEventListener
}

/** A log as found on disk, repaired where it had to be. */
export interface LoadedLog {
  readonly segments: Segment[]
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly logStartOffset: number
  /** Offsets of the producer snapshots in the folder. */
  readonly snapshots: Set<number>
  /** The files are complete as they are: a clean shutdown left them, and nothing had to be repaired. */
  readonly clean: boolean
  /** A file was made: the folder must be synced before anything in it is acknowledged. */
  readonly folderChanged: boolean
  /** Up to where the next start need not look, and where that lies in the last segment, in bytes. */
  readonly recoveryPoint: { readonly offset: number; readonly position: number }
}

/** What is known of a log while it is being loaded. */
export interface LoadState extends LoadedLog {
  logStartOffset: number
  clean: boolean
  folderChanged: boolean
  recoveryPoint: { readonly offset: number; readonly position: number }
}

export function openSegment(options: LoadOptions, base: number): { segment: Segment; fileSize: number } {
  const { home } = options
  const segment = new Segment(home, base, options.now)
  segment.quarantine = readQuarantine(home.fileSystem, home.folder, base)
  return { segment, fileSize: home.fileSystem.stat(segmentFile(home.folder, base, LogSuffix.log))?.size ?? 0 }
}

/** Opens a segment that needs no check. Its indexes are made again when they are missing or broken. */
export function openTrusted(options: LoadOptions, base: number, nextBase: number): Segment {
  const { segment, fileSize } = openSegment(options, base)
  if (!segment.openClosed(fileSize, nextBase)) {
    segment.rebuildIndexes(options.config.indexIntervalBytes)
    segment.writeIndexes()
    segment.releaseIndexes()
    options.report({ kind: 'index-rebuilt', file: segment.file.path, offset: base })
  }
  return segment
}

export function removeSnapshot(fs: FileSystem, folder: string, state: LoadState, offset: number): void {
  state.snapshots.delete(offset)
  fs.remove(segmentFile(folder, offset, LogSuffix.snapshot))
}
