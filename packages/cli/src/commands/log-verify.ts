import { verifyDataFolder } from '@millrace/broker'
import { MillraceError } from '@millrace/std'
import type { Command } from 'commander'
import type { CliContext, GlobalOptions } from '../context.ts'
import { dataOption, withExamples } from '../options.ts'
import { json } from '../output.ts'

/** `millrace log verify`: checks every file of a data folder. */
export function addLogVerify(log: Command, context: CliContext): void {
  const command = log
    .command('verify')
    .description(
      'Checks every file of a data folder: batches, offsets, indexes, snapshots, checkpoints, ids. Exit code 1 where something is wrong.',
    )
    .addOption(dataOption())
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions & { readonly data: string }>()
      const walk = verifyDataFolder(context.system.fileSystem, options.data)
      let step = walk.next()
      for (; !step.done; step = walk.next()) {
        const { file, position, problem } = step.value
        const place = position === undefined ? file : `${file} at ${position}`
        context.print(options.json ? json(step.value) : `${place}: ${problem}`)
        await context.printed()
      }
      const { batches, bytes, partitions, problems, records } = step.value
      if (options.json) context.print(json(step.value))
      else {
        const extent = `${partitions} partitions, ${batches} batches, ${records} records, ${bytes} bytes`
        context.print(problems === 0 ? `All is well: ${extent}` : `${problems} problems in ${extent}`)
      }
      if (problems > 0) {
        throw new MillraceError('LOG_DAMAGED', {
          message: `${options.data} has ${problems} ${problems === 1 ? 'problem' : 'problems'}.`,
          fix: 'The broker starts with damaged logs and goes on: what cannot be read is answered with an error. Index files that are deleted are made again; anything else comes back from a copy only.',
        })
      }
    })
  withExamples(command, ['millrace log verify', 'millrace log verify --data /var/lib/kafka --json'])
}
