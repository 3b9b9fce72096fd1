// Child processes for the bootstrap. Plain JavaScript that runs on Node 20 with nothing installed.
import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Something that the user can mend: shown without a stack trace. */
export class SetupError extends Error {
  constructor(message, fix) {
    super(message)
    this.fix = fix
  }
}

/** Progress goes to stderr, so that a command's own output can be piped. */
export function say(text) {
  process.stderr.write(`${text}\n`)
}

/** Runs npm in the repository's root, silently; what it printed comes with the error when it fails. */
export function npm(args) {
  // npm tells its children where it is; without it (the `millrace` command, say) the one on the path is taken.
  const script = process.env.npm_execpath
  const [command, prefix, shell] = script?.endsWith('npm-cli.js')
    ? [process.execPath, [script], false]
    : ['npm', [], process.platform === 'win32']
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...prefix, ...args], { cwd: root, shell, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (cause) =>
      reject(new SetupError(`npm cannot be started: ${cause.message}`, 'Install npm, which comes with Node.')),
    )
    child.on('close', (code) => {
      if (code === 0) resolve()
      else
        reject(
          new SetupError(
            `npm ${args[0]} failed with exit code ${code}:\n${output.trim()}`,
            'Is the registry reachable? The first run needs it, or a warm package cache.',
          ),
        )
    })
  })
}

/** Runs a script with `node`, in this terminal. Resolves to the exit code that a shell would report. */
export function runNode(node, args) {
  const child = spawn(node, args, {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
      // Stripping types and compiling take half of a short command's time; this keeps their results.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, '.cache', 'compile'),
    },
  })
  // A terminal sends Ctrl-C to every process of the foreground; anything else reaches only this one.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(signal ? 128 + (signalNumbers[signal] ?? 0) : code))
  })
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGABRT: 6, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }
