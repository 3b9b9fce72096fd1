import type { Logger } from '@millrace/broker'
import type { CliContext, GlobalOptions } from './context.ts'
import { json } from './output.ts'

/** What the broker says goes to stderr: warnings and errors always, the rest with --debug. */
export function stderrLogger(context: CliContext, options: GlobalOptions): Logger {
  const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
    if (options.json) context.note(json({ level, message, ...fields }))
    else context.note(`${level}: ${message}${fields === undefined ? '' : ` ${json(fields)}`}`)
  }
  const nothing = () => {}
  return { info: options.debug ? write('info') : nothing, warn: write('warn'), error: write('error') }
}
