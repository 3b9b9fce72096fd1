import { FileSystemError } from '@millrace/std'

/** Codes of refusals that leave everything as it was: no room, no file descriptor. What they refuse may be tried again. */
const refusals = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

/** Does the file system lack room or descriptors, rather than being broken? */
export function isOutOfRoom(cause: unknown): boolean {
  return cause instanceof FileSystemError && refusals.has(cause.code)
}
