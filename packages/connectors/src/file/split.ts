import type { SourceSplit, SplitSerializer } from '@millrace/engine'

/** A file, to be read from a byte position on. */
export interface FileSplit extends SourceSplit {
  /** Also the split's id. */
  readonly path: string
  /** Bytes from the start: where the next line begins. */
  readonly position: number
}

export function fileSplit(path: string, position = 0): FileSplit {
  return { splitId: path, path, position }
}

export const fileSplitSerializer: SplitSerializer<FileSplit> = {
  version: 1,
  serialize: ({ path, position }) => {
    const name = Buffer.from(path)
    const bytes = Buffer.alloc(8 + name.byteLength)
    bytes.writeDoubleBE(position, 0)
    name.copy(bytes, 8)
    return bytes
  },
  deserialize: (_version, bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return fileSplit(Buffer.from(bytes.subarray(8)).toString(), view.getFloat64(0))
  },
}
