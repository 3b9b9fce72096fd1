import { expect, test } from 'vitest'
import { isComplete } from './install.mjs'

const lock = {
  '': { version: '1.0.0' },
  'packages/std': { version: '0.1.0' },
  'node_modules/@millrace/std': { link: true },
  'node_modules/commander': { version: '15.1.0' },
  'node_modules/vitest': { version: '5.1.0', dev: true },
  'node_modules/fsevents': { version: '2.0.0', optional: true },
}
const { 'node_modules/vitest': _vitest, ...runtime } = lock

test('what was installed is compared with the lock file, package by package', () => {
  expect(isComplete(lock, lock, 'full')).toBe(true)
  expect(isComplete(lock, runtime, 'full')).toBe(false)
  expect(isComplete(lock, runtime, 'runtime')).toBe(true)
  expect(isComplete(lock, { ...lock, 'node_modules/commander': { version: '15.0.0' } }, 'runtime')).toBe(false)
  expect(isComplete(lock, { ...lock, 'node_modules/@millrace/std': { version: '0.1.0' } }, 'runtime')).toBe(false)
  expect(isComplete(lock, {}, 'runtime')).toBe(false)
})

test('packages for other systems may be missing, others may be there', () => {
  const { 'node_modules/fsevents': _other, ...here } = lock
  expect(isComplete(lock, { ...here, 'node_modules/extra': { version: '1.0.0' } }, 'full')).toBe(true)
})
