export { ManualClock } from './manual-clock.ts'
export { MemoryFileSystem } from './memory-filesystem.ts'
export { type DiskOperation, SimulatedCrash, SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts'
export { stateBackendSuite, type StateBackendSuiteOptions } from './state-backend-suite.ts'
