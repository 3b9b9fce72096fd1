import type { Command } from 'commander'
import { hostSystem } from '@millrace/std'
import { exitCodes, exitCodeTexts } from '../../packages/cli/src/errors.ts'
import { createProgram } from '../../packages/cli/src/program.ts'

/** The page on the command line: the help of every verb. */
export async function commandPage(): Promise<string> {
  const program = await createProgram({
    system: hostSystem,
    stdin: (async function* () {})(),
    print: () => {},
    printed: () => Promise.resolve(),
    note: () => {},
    cwd: '.',
    env: {},
    stopping: new AbortController().signal,
  })
  const lines = [
    '# Command line',
    '',
    'In a clone `npx millrace …` runs the sources (after the first `npm start`, which installs what it needs); installed, the package `millrace` brings the command. Job files are TypeScript modules whose default export is a job; they run as they are.',
    '',
    '`--json` makes every verb print for machines, one JSON value per line, errors included. Results go to stdout, everything else to stderr.',
    '',
    'Exit codes:',
    '',
    ...Object.entries(exitCodes).map(
      ([name, code]) => `- \`${code}\`: ${exitCodeTexts[name as keyof typeof exitCodes]}`,
    ),
    '',
  ]
  for (const [name, command] of verbs(program)) lines.push(`## ${name}`, '', '```', helpOf(command), '```', '')
  return `${lines.join('\n')}`
}

/** The verbs that do something: also one that has verbs of its own below it, as `broker` has. */
function verbs(command: Command, name = command.name()): [string, Command][] {
  if (command.commands.length === 0) return [[name, command]]
  const below = command.commands.flatMap((child) => verbs(child, `${name} ${child.name()}`))
  return command.parent && command.options.length > 0 ? [[name, command], ...below] : below
}

function helpOf(command: Command): string {
  let text = ''
  // Not wrapped for somebody's terminal.
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => 110,
    getOutHasColors: () => false,
  })
  command.outputHelp()
  return text.trimEnd()
}
