import { expect, test } from 'vitest'
import { codeBlocks, translateErrors } from './blocks.ts'

const page = [
  '# Title',
  '',
  '```ts',
  'const a: string = 1',
  '```',
  'text',
  '```sh',
  'npm start',
  '```',
  '```ts',
  'b()',
  '```',
].join('\n')

test('each ts block is a module that knows its page and line', () => {
  expect(codeBlocks('docs/a page.md', page)).toEqual([
    { file: 'docs-a-page-md-3.ts', page: 'docs/a page.md', line: 3, code: 'const a: string = 1\nexport {}\n' },
    { file: 'docs-a-page-md-10.ts', page: 'docs/a page.md', line: 10, code: 'b()\nexport {}\n' },
  ])
})

test('errors name the page and its line', () => {
  expect(
    translateErrors(
      "docs-a-page-md-3.ts(1,7): error TS2322: Type 'number'\n  more\n",
      codeBlocks('docs/a page.md', page),
    ),
  ).toEqual(["docs/a page.md:4: error TS2322: Type 'number'", '  more'])
})
