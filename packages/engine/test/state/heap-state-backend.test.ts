import { HeapStateBackend } from '@millrace/engine'
import { stateBackendSuite } from '@millrace/testing'
import { expect, test } from 'vitest'

stateBackendSuite({ test, factory: () => new HeapStateBackend() })

test('value state cannot be merged', () => {
  const table = new HeapStateBackend().createTable({ value: { kind: 'value', initial: undefined } })
  table.select(1)
  ;(table.handles.value as { update(value: unknown): void }).update(1)
  expect(() => table.merge('value', 0, 1)).toThrow('cannot be merged')
})
