import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The programs that judge the broker: clients that we did not write. Each is installed by its own package manager when
 * it is missing; where that cannot be done, the tests that need it are skipped and say why.
 */
export const peersHome = process.env.PEERS_HOME ?? join(homedir(), '.cache/millrace-peers')

export type Peer<T> =
  | { readonly available: true; readonly value: T }
  | { readonly available: false; readonly why: string }

export function run(
  command: string,
  args: readonly string[],
  cwd?: string,
  limitMs = 300_000,
): { ok: boolean; output: string } {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: limitMs, maxBuffer: 1 << 28 })
  return {
    ok: result.status === 0,
    output: `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`,
  }
}

export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}

/** kcat (librdkafka), from Debian's packages. */
export function kcat(): Peer<string> {
  if (run('kcat', ['-V']).ok) return { available: true, value: 'kcat' }
  if (!run('apt-get', ['--version']).ok)
    return { available: false, why: 'kcat is not installed and there is no apt-get' }
  run('apt-get', ['update'])
  const installed = run('apt-get', ['install', '-y', 'kcat'])
  if (installed.ok && run('kcat', ['-V']).ok) return { available: true, value: 'kcat' }
  return { available: false, why: `kcat could not be installed: ${lastLine(installed.output)}` }
}

/** A package of the npm registry, in a folder of its own so that the project's lock file does not carry it. */
export function npmFolder(name: string, version: string): Peer<string> {
  const folder = join(peersHome, 'npm', name.replace('/', '-'))
  if (existsSync(join(folder, `.installed-${version}`))) return { available: true, value: folder }
  // Test files run side by side: each installs for itself, and the first one to be done gives it to all.
  const own = `${folder}.${process.pid}`
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'package.json'), '{ "private": true }\n')
  const installed = run('npm', ['install', '--no-save', '--no-audit', '--no-fund', `${name}@${version}`], own)
  if (installed.ok) {
    writeFileSync(join(own, `.installed-${version}`), '')
    if (!existsSync(join(folder, `.installed-${version}`))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(own, folder)
    }
  }
  rmSync(own, { recursive: true, force: true })
  if (!installed.ok) return { available: false, why: `${name} could not be installed: ${lastLine(installed.output)}` }
  return { available: true, value: folder }
}

/** A package with a part that is built for one Node, and that Node. */
export interface NativePackage {
  readonly folder: string
  readonly node: string
}

/**
 * @confluentinc/kafka-javascript: its prebuilt binary for this Node, or one that is built here (some minutes) for the
 * Node on the path, linked with the libraries of the system.
 */
export function confluentNode(version: string): Peer<NativePackage> {
  const name = '@confluentinc/kafka-javascript'
  const folder = join(peersHome, 'npm', name.replace('/', '-'))
  const marker = join(folder, `.installed-${version}`)
  if (!existsSync(marker)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const fetched = run(
      'npm',
      ['install', '--ignore-scripts', '--no-save', '--no-audit', '--no-fund', `${name}@${version}`],
      folder,
    )
    if (!fetched.ok) return { available: false, why: `${name} could not be fetched: ${lastLine(fetched.output)}` }
    const module = join(folder, 'node_modules', name)
    const tool = join(folder, 'node_modules/.bin/node-pre-gyp')
    let node = process.execPath
    if (!run(node, [tool, 'install'], module).ok) {
      const found = run('sh', ['-c', 'command -v -a node | grep -v node_modules | head -1']).output.trim()
      const headers = join(found, '../..')
      if (!existsSync(join(headers, 'include/node/node.h')))
        return {
          available: false,
          why: `${name}: no prebuilt binary could be fetched, and there are no headers of Node to build it`,
        }
      const built = run(
        'env',
        ['CKJS_LINKING=dynamic', found, tool, 'install', '--build-from-source', `--nodedir=${headers}`],
        module,
        1_800_000,
      )
      if (!built.ok) return { available: false, why: `${name} could not be built: ${lastLine(built.output)}` }
      node = found
    }
    writeFileSync(marker, node)
  }
  return { available: true, value: { folder, node: readFileSync(marker, 'utf8') } }
}

/** The package itself, loaded into this process. */
export function npmPackage<T>(name: string, version: string): Peer<T> {
  const folder = npmFolder(name, version)
  if (!folder.available) return folder
  return { available: true, value: createRequire(join(folder.value, 'package.json'))(name) as T }
}

/** A Python that has the package, in a virtual environment of its own. */
export function pythonPackage(name: string, version: string): Peer<string> {
  const folder = join(peersHome, 'python', name)
  const python = join(folder, 'bin', 'python')
  const marker = join(folder, `.installed-${version}`)
  if (!existsSync(marker)) {
    const made = run('python3', ['-m', 'venv', folder])
    if (!made.ok) return { available: false, why: `python3 with venv is needed: ${lastLine(made.output)}` }
    const installed = run(python, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      `${name}==${version}`,
    ])
    if (!installed.ok) return { available: false, why: `${name} could not be installed: ${lastLine(installed.output)}` }
    writeFileSync(marker, '')
  }
  return { available: true, value: python }
}

/** Apache Kafka's own jars: `kafka.sh` starts a broker of them and runs Kafka's tools. */
export function apacheKafka(): Peer<string> {
  for (const command of ['java', 'mvn']) {
    if (!run(command, [command === 'java' ? '-version' : '--version']).ok) {
      return { available: false, why: `${command} is not installed` }
    }
  }
  return { available: true, value: fileURLToPath(new URL('./kafka.sh', import.meta.url)) }
}
