#!/usr/bin/env node
// The one way in: `npm start`, `npm test` and the other scripts come through here. It runs on Node 20 with nothing
// installed, brings what the command needs (packages, Node 24), and runs it. A second run finds all of it done.
import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install } from './install.mjs'
import { root, runNode, SetupError, say } from './process.mjs'
import { findNode } from './runtime.mjs'

/** What each command runs, and how much must be installed for it. */
const commands = {
  start: { needs: 'runtime', script: 'examples/word-count/main.ts' },
  millrace: { needs: 'runtime', script: 'packages/cli/src/main.ts' },
  example: { needs: 'runtime', script: 'examples/run.ts' },
  test: { needs: 'full', script: 'tools/test/main.ts' },
  check: { needs: 'full', script: 'tools/check/main.ts' },
  docs: { needs: 'full', script: 'tools/docs/main.ts', args: ['--write'] },
  build: { needs: 'full', script: 'node_modules/typescript/bin/tsc', args: ['-b'] },
  format: { needs: 'full', script: 'node_modules/@biomejs/biome/bin/biome', args: ['format', '--write', '.'] },
  bench: { needs: 'full', script: 'bench/main.ts' },
  'bench:peers': { needs: 'full', script: 'bench/peers/main.ts' },
  oracle: { needs: 'full', script: 'tools/oracle/main.ts' },
  compat: { needs: 'full', script: 'test/compat/main.ts' },
  simulate: { needs: 'full', script: 'test/simulation/main.ts' },
}

/** Runs a command of the table from the TypeScript sources. Resolves to its exit code. */
export async function main(name, args) {
  const command = commands[name]
  try {
    if (!command)
      throw new SetupError(`There is no command '${name}'.`, `Known are: ${Object.keys(commands).join(', ')}.`)
    const [node] = await Promise.all([findNode(), install(command.needs)])
    return await runNode(node, [
      '--conditions=millrace-source',
      '--disable-warning=ExperimentalWarning',
      join(root, command.script),
      ...(command.args ?? []),
      ...args,
    ])
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(`${error.message}\n${error.fix}`)
    return 1
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv[2] ?? '', process.argv.slice(3))
}
