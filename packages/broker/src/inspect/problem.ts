/** Something in a data folder that is not as it must be. */
export interface Problem {
  readonly file: string
  /** Where in the file, bytes; undefined when it is about the file as a whole. */
  readonly position?: number | undefined
  readonly problem: string
}

/** Collects problems of one walk. */
export class Problems {
  readonly found: Problem[] = []

  add(file: string, problem: string, position?: number): void {
    this.found.push({ file, position, problem })
  }
}
