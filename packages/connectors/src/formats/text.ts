import { describeValue } from '@millrace/engine'
import { asBuffer } from '@millrace/std'
import { type Format, FormatError } from './format.ts'

const textFormat: Format<string> = {
  name: 'text',
  schema: undefined,
  decode: (data, start, length) => asBuffer(data).toString('utf8', start, start + length),
  encode: (value, into) => {
    if (typeof value !== 'string')
      throw new FormatError('text', `${describeValue(value)} came where a string is expected`)
    into.writeText(value)
  },
}

/**
 * UTF-8 text. Bytes that are not UTF-8 become U+FFFD.
 *
 * @example
 * kafkaSource({ topic: 'lines', value: text() }) // a stream of string
 */
export function text(): Format<string> {
  return textFormat
}
