/** It lives in std, because the broker's in-memory mode runs on it too. */
export { MemoryFileSystem } from '@millrace/std'
