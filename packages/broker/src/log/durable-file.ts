import { type FileSystem, parentOf } from '@millrace/std'

/** Replaces the content of a file. Not on the device before {@link syncFile}. */
export function writeFile(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const handle = fs.open(path, 'create')
  try {
    if (handle.size() > bytes.byteLength) handle.truncate(bytes.byteLength)
    if (bytes.byteLength > 0) handle.write(bytes, 0)
  } finally {
    handle.close()
  }
}

/** Resolves when the file's content is on the device. */
export async function syncFile(fs: FileSystem, path: string): Promise<void> {
  const handle = fs.open(path, 'write')
  try {
    await handle.sync()
  } finally {
    handle.close()
  }
}

/** As std's `writeFileAtomic`, without blocking the event loop: a crash leaves the old or the new content. */
export async function replaceFile(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`
  writeFile(fs, temporary, bytes)
  await syncFile(fs, temporary)
  fs.rename(temporary, path)
  await fs.syncDirectory(parentOf(path))
}
