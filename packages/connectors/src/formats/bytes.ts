import { copyBytes } from '@millrace/std'
import { type Format, FormatError } from './format.ts'

const bytesFormat: Format<Uint8Array> = {
  name: 'bytes',
  schema: undefined,
  // A copy: the buffer of a fetch is used again, and user code may keep what it gets.
  decode: (data, start, length) => copyBytes(data.subarray(start, start + length)),
  encode: (value, into) => {
    if (!(value instanceof Uint8Array)) throw new FormatError('bytes', 'a value that is no Uint8Array')
    into.write(value)
  },
}

/** The bytes as they are. */
export function bytes(): Format<Uint8Array> {
  return bytesFormat
}
