export { type DumpEntry, type DumpOptions, dumpLog } from './dump.ts'
export type { InternalRecord } from './internal-records.ts'
export type { Problem } from './problem.ts'
export { verifyDataFolder, type VerifySummary } from './verify.ts'
