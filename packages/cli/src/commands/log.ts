import type { Command } from 'commander'
import type { CliContext } from '../context.ts'
import { addLogDump } from './log-dump.ts'
import { addLogVerify } from './log-verify.ts'

/** `millrace log …`: what lies in the files of a data folder, without a broker. */
export function addLog(program: Command, context: CliContext): void {
  const log = program
    .command('log')
    .summary('look into the files of a data folder, and check them')
    .description(
      'Looks into the files of a data folder, also one that a broker uses at the moment, or one of Apache Kafka. Only reads.',
    )
  addLogDump(log, context)
  addLogVerify(log, context)
}
