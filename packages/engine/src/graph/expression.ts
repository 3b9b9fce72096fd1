/**
 * Field expressions: what `field('price').times(0.908).greaterThan(100)` builds. Data, so that the planner can generate
 * code over columns from it. Literals and names never become program text: they go through tables.
 */
export type Expression =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'literal'; readonly value: number | string | boolean | null }
  | {
      readonly kind: 'arithmetic'
      readonly op: '+' | '-' | '*' | '/' | '%'
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'comparison'
      readonly op: '=' | '<>' | '<' | '<=' | '>' | '>='
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'logical'; readonly op: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not'; readonly operand: Expression }
  | { readonly kind: 'isNull'; readonly operand: Expression }
