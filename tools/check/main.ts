/**
 * Proves the rules of docs/architecture.md over the tracked files: who may import what, that the outside world is read
 * only at its seam, that no file names a machine or a registry. Prints `path:line message`; exit code 1 when one is
 * broken.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { checkPortability, checkSource, type Finding, longFiles, type SourceFile } from './rules.ts'

const root = join(import.meta.dirname, '../..')

const paths = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && !/\.(png|jpg|gif|ico|woff2?|bin|zip|gz|jar)$/.test(path))

const files: SourceFile[] = []
for (const path of paths) {
  try {
    files.push({ path, text: readFileSync(join(root, path), 'utf8') })
  } catch (error) {
    // Listed but removed from the working tree: nothing to check.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const dependencies = new Map<string, Set<string>>()
for (const { path, text } of files) {
  const name = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1]
  if (name) {
    const { dependencies: own = {}, peerDependencies: peers = {} } = JSON.parse(text) as Record<
      string,
      Record<string, string>
    >
    dependencies.set(name, new Set([...Object.keys(own), ...Object.keys(peers)]))
  }
}

// Asked of npm rather than written down.
const registry = execFileSync('npm', ['config', 'get', 'registry'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
})
const local = [root, homedir(), new URL(registry.trim()).host].filter((text) => text.length > 4)

const broken: Finding[] = []
for (const file of files) {
  const packageName = file.path.split('/')[1] ?? ''
  broken.push(...checkSource(file, dependencies.get(packageName) ?? new Set()))
  // The rule itself and its test name what they look for.
  if (!/^tools\/check\/(rules|check\.test)\.ts$/.test(file.path)) broken.push(...checkPortability(file, local))
}
for (const { path, line, message } of broken) console.log(`${path}:${line} ${message}`)
for (const { path, message } of longFiles(files)) console.log(`note: ${path} ${message}`)
console.log(broken.length === 0 ? `${files.length} files keep the rules` : `${broken.length} broken rules`)
process.exitCode = broken.length === 0 ? 0 : 1
