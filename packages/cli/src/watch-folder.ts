import { watch } from 'node:fs'
import type { TimerHandle, Timers } from '@millrace/std'

const quietMs = 80
const sourceFile = /\.(ts|mts|cts|js|mjs|cjs|json)$/
const ignoredFolder = /(^|[\\/])(node_modules|dist|\.[^\\/]+)[\\/]/

/** Calls `changed` once when source files in a folder have changed and then rested for a moment. */
export function watchFolder(folder: string, timers: Timers, changed: (file: string) => void): { close(): void } {
  let pending: TimerHandle | undefined
  const watcher = watch(folder, { recursive: true }, (_event, file) => {
    if (file === null || !sourceFile.test(file) || ignoredFolder.test(file)) return
    if (pending) timers.cancel(pending)
    pending = timers.schedule(quietMs, () => {
      pending = undefined
      changed(file)
    })
  })
  return {
    close: () => {
      if (pending) timers.cancel(pending)
      watcher.close()
    },
  }
}
