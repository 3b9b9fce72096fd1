import { type FileSystem, joinPath } from '@millrace/std'
import type { DataFolder } from './data-folder.ts'
import { deletedFolderSuffix, LogFile, parsePartitionFolder } from './log-files.ts'
import { parsePartitionMetadata, readTextFile } from './text-files.ts'

export interface FoundPartition {
  readonly name: string
  readonly topic: string
  readonly partition: number
  /** Undefined where the making of the folder did not come to its end. */
  readonly topicId: Uint8Array | undefined
}

/** The partitions in a data folder, each with its folder on the device. Removes what is left of those that were deleted. */
export function* foundPartitions(fs: FileSystem, folder: DataFolder): Iterable<FoundPartition> {
  if (!folder.wasClean) fs.syncDirectoryNow(folder.path)
  for (const name of fs.list(folder.path)) {
    const path = folder.file(name)
    if (name.endsWith(deletedFolderSuffix)) {
      fs.remove(path)
      continue
    }
    const parsed = parsePartitionFolder(name)
    if (!parsed || fs.stat(path)?.kind !== 'directory') continue
    const metadata = readTextFile(fs, joinPath(path, LogFile.partitionMetadata))
    if (!folder.wasClean && !folder.isNoted(name)) syncFolder(fs, path)
    yield { name, ...parsed, topicId: metadata === undefined ? undefined : parsePartitionMetadata(metadata) }
  }
}

/** The process that made the folder may have ended before it was on the device. */
function syncFolder(fs: FileSystem, path: string): void {
  const metadata = joinPath(path, LogFile.partitionMetadata)
  if (fs.stat(metadata)) {
    const handle = fs.open(metadata, 'write')
    try {
      handle.syncNow()
    } finally {
      handle.close()
    }
  }
  fs.syncDirectoryNow(path)
}
