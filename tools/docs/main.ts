/**
 * Type-checks the TypeScript in README.md, docs/ and the examples' pages: every block that starts with ```ts becomes a
 * module of its own in .cache/docs, and one run of the compiler reads them all. Errors are told with the page's line.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeBlocks, translateErrors } from './blocks.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(root, '.cache/docs')

const pages = globSync(['README.md', 'docs/**/*.md', 'examples/*/README.md', 'packages/*/README.md'], { cwd: root })
const blocks = pages.flatMap((page) => codeBlocks(page, readFileSync(join(root, page), 'utf8')))

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const block of blocks) writeFileSync(join(folder, block.file), block.code)
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({
    extends: '../../tsconfig.test.json',
    // An example may leave a value unused that it only shows.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  }),
)

const compiler = join(root, 'node_modules/typescript/bin/tsc')
const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
  cwd: folder,
  encoding: 'utf8',
})
const errors = translateErrors(stdout, blocks)
console.log(errors.length > 0 ? errors.join('\n') : `${blocks.length} code blocks on ${pages.length} pages compile`)
process.exitCode = status ?? 1
