import { watch } from 'node:fs'
import type { TimerHandle, Timers } from '@millrace/std'

const quietMs = 80
const sourceFile = /\.(ts|mts|cts|js|mjs|cjs|json)$/
const ignoredFolder = /(^|[\\/])(node_modules|dist|\.[^\\/]+)[\\/]/

export interface FolderWatcher {
  /** Source files have changed and then rested for a moment; called once, with the last of them. */
  changed(file: string): void
  /** The system has given the watch up. */
  failed(error: Error): void
}

/** Watches the source files of a folder, those in its folders as well, until it is disposed of. */
export function watchFolder(folder: string, timers: Timers, { changed, failed }: FolderWatcher): Disposable {
  let pending: TimerHandle | undefined
  const watcher = watch(folder, { recursive: true }, (_event, file) => {
    if (file === null || !sourceFile.test(file) || ignoredFolder.test(file)) return
    if (pending) timers.cancel(pending)
    pending = timers.schedule(quietMs, () => {
      pending = undefined
      changed(file)
    })
  })
  watcher.on('error', failed)
  return {
    [Symbol.dispose]: () => {
      if (pending) timers.cancel(pending)
      watcher.close()
    },
  }
}
