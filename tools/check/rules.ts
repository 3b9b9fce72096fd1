import { isBuiltin } from 'node:module'
import { aboveLayers, compositionRoots, layers, packages, withoutIo } from './architecture.ts'
import { blank, importsOf, lineAt } from './source.ts'

export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

/** A tracked file: its path from the repository's root, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

const outsideModules =
  /^(node:)?(fs|fs\/promises|net|tls|dgram|dns|dns\/promises|http|http2|https|timers|timers\/promises|child_process|cluster|perf_hooks|os|readline)$/

const outsideNames =
  /\b(?:Date\.now|performance\.now|Math\.random|process\.hrtime|(?:set|clear)(?:Timeout|Interval|Immediate))\b|\bnew Date\(\s*\)/g

/** Hashes of node:crypto are computation; what is drawn from the system is not. */
const randomImport =
  /\bimport\s*\{[^}]*\b(?:random\w*|getRandomValues|webcrypto)\b[^}]*\}\s*from\s*['"](?:node:)?crypto['"]/g

/** A layer is a folder, or a file beside the folders. */
const sourcePath = /^packages\/([^/]+)\/src\/([^/]+?)(?:\/|\.ts$)/

/** Whose imports are allowed, whether the outside world is read only at the seam: for one file under packages/NAME/src. */
export function checkSource(file: SourceFile, dependencies: ReadonlySet<string>): Finding[] {
  const place = sourcePath.exec(file.path)
  if (!place || !file.path.endsWith('.ts')) return []
  const [, packageName = '', layer = ''] = place
  const { code, bare } = blank(file.text)
  const findings: Finding[] = []
  const report = (line: number, message: string) => findings.push({ path: file.path, line, message })
  const isRoot = compositionRoots.some((root) => root.test(file.path))

  for (const { specifier, line } of importsOf(code)) {
    const problem = specifier.startsWith('.')
      ? relativeProblem(file.path, packageName, layer, specifier)
      : packageProblem(packageName, specifier, dependencies)
    if (problem) report(line, problem)
    if (!isRoot && outsideModules.test(specifier)) {
      report(line, `imports ${specifier}: only std and composition roots may; take it as an interface of @millrace/std`)
    }
  }
  if (!isRoot) {
    for (const match of code.matchAll(randomImport)) {
      report(lineAt(code, match.index), 'draws from the system: take Random from @millrace/std')
    }
    for (const match of bare.matchAll(outsideNames)) {
      report(
        lineAt(bare, match.index),
        `reads the outside world (${match[0]}): take Clock, Timers or Random from @millrace/std`,
      )
    }
  }
  for (const { folder, names } of withoutIo) {
    const used = folder.test(file.path) ? names.exec(bare) : null
    if (used) report(lineAt(bare, used.index), `uses ${used[0]}: this layer has no files or sockets`)
  }
  return findings
}

function packageProblem(from: string, specifier: string, dependencies: ReadonlySet<string>): string | undefined {
  if (isBuiltin(specifier)) return undefined
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const own = name === 'millrace' ? 'cli' : name.startsWith('@millrace/') ? name.slice('@millrace/'.length) : undefined
  if (own !== undefined && !reachable(packages, from).has(own)) return `${from} must not import ${name}`
  if (!dependencies.has(name))
    return `imports ${name}, which is not among the dependencies in packages/${from}/package.json`
  return undefined
}

function relativeProblem(path: string, packageName: string, layer: string, specifier: string): string | undefined {
  const place = sourcePath.exec(resolve(path, specifier))
  if (place?.[1] !== packageName) return `reaches into another package with ${specifier}: import it by its name`
  const table = layers[packageName]
  const target = place[2] ?? ''
  if (!table || layer === target || aboveLayers[packageName]?.includes(layer)) return undefined
  if (!(layer in table)) return `${packageName}/${layer} is not in the table of tools/check/architecture.ts`
  if (!reachable(table, layer).has(target)) return `${packageName}/${layer} must not import ${packageName}/${target}`
  return undefined
}

/** What a row of a table may import, directly and through others. */
function reachable(table: Record<string, readonly string[]>, from: string): Set<string> {
  const found = new Set<string>()
  const visit = (name: string) => {
    for (const next of table[name] ?? []) {
      if (!found.has(next)) {
        found.add(next)
        visit(next)
      }
    }
  }
  visit(from)
  return found
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** Paths and hosts of one machine have no place in files that everybody gets. `local` are this machine's own. */
export function checkPortability(file: SourceFile, local: readonly string[]): Finding[] {
  const findings: Finding[] = []
  const homes = /(?:\/home\/|\/Users\/|[A-Z]:\\Users\\)[A-Za-z][\w.-]*|\/root\//g
  for (const match of file.text.matchAll(homes)) {
    findings.push({
      path: file.path,
      line: lineAt(file.text, match.index),
      message: `names a folder of one machine: ${match[0]}`,
    })
  }
  for (const text of local) {
    const index = file.text.indexOf(text)
    if (index >= 0)
      findings.push({
        path: file.path,
        line: lineAt(file.text, index),
        message: 'names a folder or registry of this machine',
      })
  }
  if (/(^|\/)package-lock\.json$/.test(file.path)) {
    const index = file.text.search(/"resolved": "[a-z+]+:\/\//)
    if (index >= 0)
      findings.push({
        path: file.path,
        line: lineAt(file.text, index),
        message: 'names a registry: install with omit-lockfile-registry-resolved',
      })
  }
  if (/(^|\/)\.npmrc$/.test(file.path)) {
    const index = file.text.search(/registry\s*=/)
    if (index >= 0) findings.push({ path: file.path, line: lineAt(file.text, index), message: 'names a registry' })
  }
  return findings
}

const longFile = 400

/** Not an error: a file this long may want to be several. */
export function longFiles(files: readonly SourceFile[]): Finding[] {
  return files
    .filter((file) => /^packages\/[^/]+\/src\/.*\.ts$/.test(file.path))
    .map((file) => ({ path: file.path, line: file.text.split('\n').length }))
    .filter(({ line }) => line > longFile)
    .sort((a, b) => b.line - a.line)
    .map(({ path, line }) => ({ path, line, message: `${line} lines: may want to be several files` }))
}
