import { Heap } from '@millrace/std'
import fc from 'fast-check'
import { expect, it } from 'vitest'

it('gives what was put in, in order, whatever comes and goes between', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 50 }), { freq: 3 })), (steps) => {
      const heap = new Heap<number>((a, b) => a < b)
      let model: number[] = []
      for (const step of steps) {
        if (step === null) {
          model.sort((a, b) => a - b)
          expect(heap.first).toBe(model[0])
          expect(heap.pop()).toBe(model.shift())
        } else {
          heap.push(step)
          model.push(step)
        }
        expect(heap.size).toBe(model.length)
      }
      expect(heap.drain().sort((a, b) => a - b)).toEqual(model.sort((a, b) => a - b))
      model = []
      expect(heap.pop()).toBeUndefined()
    }),
  )
})
