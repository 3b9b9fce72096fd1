import { userFrame } from '@millrace/engine'
import { expect, it } from 'vitest'

const ours = new URL('../../src/api/data-stream.ts', import.meta.url).href
const stackOf = (...frames: string[]) => ['Error: no', ...frames.map((frame) => `    at ${frame}`)].join('\n')

it.each<[string, string[], string | undefined, number | undefined]>([
  ['a function', ['lower (file:///jobs/words.ts:12:5)'], '/jobs/words.ts', 12],
  ['a module', ['file:///jobs/words.ts:3:1'], '/jobs/words.ts', 3],
  ['after an await', ['async file:///jobs/words.ts:4:1'], '/jobs/words.ts', 4],
  ['a path with a blank', ['file:///my%20jobs/words.ts:4:1'], '/my jobs/words.ts', 4],
  ['a caller of ours', [`DataStream.map (${ours}:64:5)`, 'file:///jobs/words.ts:7:3'], '/jobs/words.ts', 7],
  [
    'a caller of a library',
    ['parse (file:///jobs/node_modules/zod/index.js:1:1)', 'at (file:///jobs/words.ts:8:3)'],
    '/jobs/words.ts',
    8,
  ],
  ['nobody', [`DataStream.map (${ours}:64:5)`, 'async node:internal/modules/esm/loader:647:26'], undefined, undefined],
])("the user's line: %s", (_what, frames, file, line) => {
  const found = userFrame(stackOf(...frames))
  expect(found?.file).toBe(file)
  expect(found?.line).toBe(line)
})
