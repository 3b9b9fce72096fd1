/**
 * Source text of one function under construction. Values (closures, literals, names) go into a table of constants and
 * are only ever named `K0`, `K1`, …: no text of a user or a query becomes part of a program, except property names that
 * are plain identifiers, see {@link Program.property}.
 */
export class Program {
  readonly #constants: unknown[] = []
  readonly #prelude: string[] = []
  #body: string[] = []
  readonly #closers: string[] = []
  #names = 0

  /** The name of `value` in the program. */
  constant(value: unknown): string {
    const known = this.#constants.findIndex((constant) => Object.is(constant, value))
    if (known !== -1) return `K${known}`
    this.#constants.push(value)
    return `K${this.#constants.length - 1}`
  }

  /** A name that nothing else in the program has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#names++}`
  }

  /** A line that runs once per batch, before the loop. */
  before(line: string): void {
    this.#prelude.push(line)
  }

  line(line: string): void {
    this.#body.push(line)
  }

  /** Lines that `emit` adds go to `lines` instead of the loop. */
  captured<R>(lines: string[], emit: () => R): R {
    const body = this.#body
    this.#body = lines
    try {
      return emit()
    } finally {
      this.#body = body
    }
  }

  /** Evaluates `code` once and names the result. */
  local(code: string, prefix = 't'): string {
    const name = this.fresh(prefix)
    this.line(`const ${name} = ${code}`)
    return name
  }

  /** Opens a block that reaches to the end of the loop's body. */
  open(line: string, close = '}'): void {
    this.#body.push(line)
    this.#closers.push(close)
  }

  /** `object.name`, or through the table when the name is no plain identifier. */
  property(object: string, name: string | number): string {
    return typeof name === 'string' && isPlain(name) ? `${object}.${name}` : `${object}[${this.constant(name)}]`
  }

  /** The name of a property in an object literal. */
  propertyKey(name: string): string {
    return isPlain(name) ? name : `[${this.constant(name)}]`
  }

  /**
   * The function. `frame` puts what was collected into the whole: the parameters are those of the function it returns.
   * A number unique to it is part of the text, so that V8 never lets two programs share type feedback.
   */
  build<F>(frame: (prelude: string, body: string) => string): F {
    const closers = this.#closers.toReversed().join('\n')
    const constants = this.#constants.map((_, i) => `const K${i} = K[${i}]`).join('\n')
    const source = `'use strict' // program ${nextProgram++}\n${constants}\n${frame(
      this.#prelude.join('\n'),
      `${this.#body.join('\n')}\n${closers}`,
    )}`
    return new Function('K', source)(this.#constants) as F
  }
}

let nextProgram = 1

/** Longer names, `__proto__` and anything that is not ASCII go through the table. */
function isPlain(name: string): boolean {
  return name.length <= 64 && name !== '__proto__' && /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name)
}
