export { ManualClock } from './manual-clock.ts'
export { MemoryFileSystem } from './memory-filesystem.ts'
