/**
 * Keeps the documentation true. Pages that are made from the sources must equal what the sources say now (`npm run
 * docs` writes them). TypeScript in README.md, docs/ and the examples' pages must compile: every block that opens with
 * ```ts becomes a module of its own in .cache/docs, and one run of the compiler reads them all.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { codeBlocks, translateErrors } from './blocks.ts'
import { generatedPages } from './pages.ts'

const root = join(import.meta.dirname, '../..')
const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })

const problems = [...(await checkGenerated(values.write)), ...checkBlocks()]
for (const problem of problems) console.log(problem)
process.exitCode = problems.length === 0 ? 0 : 1

async function checkGenerated(write: boolean): Promise<string[]> {
  const stale: string[] = []
  for (const [page, generate] of Object.entries(generatedPages)) {
    const path = join(root, page)
    const content = await generate(root)
    if (write) writeFileSync(path, content)
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== content) {
      stale.push(`${page} is not what the sources say now: run npm run docs`)
    }
  }
  return stale
}

function checkBlocks(): string[] {
  const folder = join(root, '.cache/docs')
  const pages = globSync(['README.md', 'docs/**/*.md', 'examples/*/README.md', 'packages/*/README.md'], { cwd: root })
  const blocks = pages.flatMap((page) => codeBlocks(page, readFileSync(join(root, page), 'utf8')))
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const block of blocks) writeFileSync(join(folder, block.file), block.code)
  const config = {
    extends: '../../tsconfig.test.json',
    // An example may leave a value unused that it only shows.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status === 0) console.log(`${blocks.length} code blocks on ${pages.length} pages compile`)
  return status === 0 ? [] : translateErrors(stdout, blocks)
}
