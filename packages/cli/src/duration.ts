import { type Duration, durationMs } from '@millrace/engine'
import { InvalidArgumentError } from 'commander'

/** `500ms`, `10s`, `2min`, `1h`, or a number of milliseconds. */
export function duration(text: string): number {
  try {
    return durationMs((/^\d+$/.test(text) ? Number(text) : text) as Duration, 'The value')
  } catch {
    throw new InvalidArgumentError(`'${text}' is not a duration, as in 500ms, 10s or 2min.`)
  }
}
