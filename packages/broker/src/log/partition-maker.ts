import { type FileSystem, joinPath } from '@millrace/std'
import { syncFile, writeFile } from './durable-file.ts'
import { LogFile } from './log-files.ts'
import { formatPartitionMetadata } from './text-files.ts'

/**
 * Makes the folders of partitions, each when it is first written to: that a partition exists is known from the metadata log.
 * So thousands of partitions are created with one write, and those that nobody uses cost neither files nor memory.
 */
export class PartitionMaker {
  readonly #fs: FileSystem
  readonly #dataFolder: string
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(fileSystem: FileSystem, dataFolder: string) {
    this.#fs = fileSystem
    this.#dataFolder = dataFolder
  }

  /**
   * Makes the folder, the first file of the log, and what tells the id of the topic: where there is no room for that, nothing
   * is left behind. What is returned brings all of it to the device: to be called before anything in the log is acknowledged.
   */
  make(folder: string, topicId: Uint8Array, createLog: () => void): () => Promise<void> {
    const metadata = joinPath(folder, LogFile.partitionMetadata)
    try {
      this.#fs.makeDirectory(folder)
      writeFile(this.#fs, metadata, formatPartitionMetadata(topicId))
      createLog()
    } catch (cause) {
      this.#fs.remove(folder)
      throw cause
    }
    return async () => {
      await Promise.all([syncFile(this.#fs, metadata), this.#syncDataFolder()])
      await this.#fs.syncDirectory(folder)
    }
  }

  /** Many folders are made at a time: who comes while a sync runs shares the next one with all others who do. */
  #syncDataFolder(): Promise<void> {
    if (this.#running) {
      this.#next ??= this.#running.then(
        () => this.#syncNext(),
        () => this.#syncNext(),
      )
      return this.#next
    }
    const running = this.#fs.syncDirectory(this.#dataFolder).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  #syncNext(): Promise<void> {
    this.#next = undefined
    return this.#syncDataFolder()
  }
}
