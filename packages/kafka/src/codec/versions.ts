/** An inclusive range of versions; `to` is Infinity for an open one. */
export interface VersionRange {
  readonly from: number
  readonly to: number
}

const RANGE = /^(\d+)(?:(\+)|-(\d+))?$/

/** Reads `'3'`, `'3+'` or `'3-7'`. */
export function parseVersions(text: string): VersionRange {
  const match = RANGE.exec(text)
  if (match === null) throw new TypeError(`'${text}' is no range of versions: write '3', '3+' or '3-7'.`)
  const from = Number(match[1])
  const to = match[2] !== undefined ? Number.POSITIVE_INFINITY : match[3] !== undefined ? Number(match[3]) : from
  return { from, to }
}

export function includesVersion(range: string | true | undefined, version: number, whenAbsent: boolean): boolean {
  if (range === undefined) return whenAbsent
  if (range === true) return true
  const { from, to } = parseVersions(range)
  return version >= from && version <= to
}
