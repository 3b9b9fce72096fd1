import { MillraceError } from '@millrace/std'

/** A number of records: a whole number from 1. @throws MillraceError `API_BAD_COUNT` */
export function recordCount(count: number, where: string): number {
  if (Number.isInteger(count) && count >= 1) return count
  throw new MillraceError('API_BAD_COUNT', {
    message: `${where} was given ${String(count)}, which is not a number of records.`,
    fix: 'Give a whole number from 1.',
  })
}
