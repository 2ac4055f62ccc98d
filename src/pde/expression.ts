/**
 * Expressions in fields, their derivatives and functions of the coordinates, as values: what a differential equation is
 * written in. They are differentiated by symbols, evaluated in float64, and written as WGSL (`residualText.ts`).
 */

import { InputError } from '../errors.js';
import { shown } from '../host/checks.js';

/** Coordinates of a point, by the axes' names. */
export type Point = Readonly<Record<string, number>>;

/** A function of the coordinates on a grid. @param index of the point, row-major, for what is known as numbers alone. */
export type TableFunction = (point: Point, index: number) => number;

/** A derivative of a field: of order `orders[axis]` by each axis named; the field itself where none is. */
export interface FieldDerivative {
  readonly field: string;
  readonly orders: Readonly<Record<string, number>>;
}

/** A function that an expression may hold, beside the operators. */
export interface Elementary {
  /** What it is called in kernels/shared/equations/elementary.wgsl, or in WGSL. */
  readonly wgsl: string;
  value(x: number): number;
  /** @param whole the function of the argument. */
  derivative(argument: Expression, whole: Expression): Expression;
}

/** What an expression is made of. */
export type Term =
  | { readonly is: 'number'; readonly value: number }
  | { readonly is: 'derivative'; readonly of: FieldDerivative }
  /** `axis` where it is a coordinate. */
  | { readonly is: 'given'; readonly at: TableFunction; readonly axis?: string }
  | { readonly is: 'sum'; readonly terms: readonly Expression[] }
  | { readonly is: 'product'; readonly factors: readonly Expression[] }
  | { readonly is: 'power'; readonly base: Expression; readonly exponent: number }
  | { readonly is: 'call'; readonly function: Elementary; readonly argument: Expression };

/** An expression, or a number that stands for one. */
export type Operand = Expression | number;

/**
 * What an equation is written in: fields, derivatives, coordinates and numbers, joined by these methods. A number may stand
 * for an expression wherever one is taken.
 */
export class Expression {
  constructor(
    /** @internal */
    readonly term: Term,
  ) {}

  /** This and all others added up. */
  plus(...others: readonly Operand[]): Expression {
    return sumOf([this, ...others.map(expressionOf)]);
  }

  /** This less all others. */
  minus(...others: readonly Operand[]): Expression {
    return sumOf([this, ...others.map(other => expressionOf(other).times(-1))]);
  }

  /** This and all others multiplied. */
  times(...others: readonly Operand[]): Expression {
    return productOf([this, ...others.map(expressionOf)]);
  }

  /** This divided by another, which must not become 0 where points are drawn. */
  over(other: Operand): Expression {
    return this.times(expressionOf(other).power(-1));
  }

  /**
   * This to a power.
   *
   * @param exponent a whole number from -64 to 64.
   * @throws InputError another.
   */
  power(exponent: number): Expression {
    if (!Number.isInteger(exponent) || Math.abs(exponent) > 64) {
      throw new InputError(`power: ${shown(exponent)}: use a whole number from -64 to 64`);
    }
    if (exponent === 0) return numberOf(1);
    if (exponent === 1) return this;
    if (this.term.is === 'number') return numberOf(this.term.value ** exponent);
    return new Expression({ is: 'power', base: this, exponent });
  }
}

/** @throws InputError what is neither an expression nor a finite number. */
export function expressionOf(value: Operand): Expression {
  if (typeof value === 'number' && Number.isFinite(value)) return numberOf(value);
  if (typeof (value as Expression | undefined)?.plus === 'function') return value as Expression;
  throw new InputError(`expression: ${shown(value)} is none: use fields, their derivatives, coordinates and numbers`);
}

export function numberOf(value: number): Expression {
  return new Expression({ is: 'number', value });
}

/** A derivative of a field, or the field itself. */
export function derivativeOf(field: string, orders: Readonly<Record<string, number>>): Expression {
  return new Expression({ is: 'derivative', of: { field, orders } });
}

/**
 * A function of the coordinates, evaluated in float64 wherever points are drawn.
 *
 * @param at of a point by the axes' names, which `given<'t' | 'x'>` has the compiler know, and of its index.
 */
export function given<A extends string = string>(
  at: (point: Readonly<Record<A, number>>, index: number) => number,
): Expression {
  return new Expression({ is: 'given', at });
}

/** Those that there are, by their names. */
export const elementary = {
  sin: { wgsl: 'sineOf', value: Math.sin, derivative: x => cos(x) },
  cos: { wgsl: 'cosineOf', value: Math.cos, derivative: x => sin(x).times(-1) },
  tanh: { wgsl: 'tanhOf', value: Math.tanh, derivative: (_, whole) => numberOf(1).minus(whole.power(2)) },
  exp: { wgsl: 'exp', value: Math.exp, derivative: (_, whole) => whole },
  sqrt: { wgsl: 'sqrt', value: Math.sqrt, derivative: (_, whole) => numberOf(0.5).over(whole) },
} as const satisfies Readonly<Record<string, Elementary>>;

/** sin(z) of an expression. */
export const sin = (argument: Operand): Expression => call(elementary.sin, argument);
/** cos(z) of an expression. */
export const cos = (argument: Operand): Expression => call(elementary.cos, argument);
/** tanh(z) of an expression. */
export const tanh = (argument: Operand): Expression => call(elementary.tanh, argument);
/** exp(z) of an expression. */
export const exp = (argument: Operand): Expression => call(elementary.exp, argument);
/** The square root of an expression, which must not become negative where points are drawn. */
export const sqrt = (argument: Operand): Expression => call(elementary.sqrt, argument);

export function call(of: Elementary, argument: Operand): Expression {
  return new Expression({ is: 'call', function: of, argument: expressionOf(argument) });
}

/** Numbers are added up, and sums in sums opened. */
export function sumOf(all: readonly Expression[]): Expression {
  const terms = all.flatMap(one => (one.term.is === 'sum' ? one.term.terms : [one]));
  const rest = terms.filter(({ term }) => term.is !== 'number');
  const constant = terms.reduce((sum, { term }) => sum + (term.is === 'number' ? term.value : 0), 0);
  const kept = constant === 0 ? rest : [...rest, numberOf(constant)];
  if (kept.length === 0) return numberOf(0);
  return kept.length === 1 ? kept[0] : new Expression({ is: 'sum', terms: kept });
}

/** Numbers are multiplied, and products in products opened. */
export function productOf(all: readonly Expression[]): Expression {
  const factors = all.flatMap(one => (one.term.is === 'product' ? one.term.factors : [one]));
  const rest = factors.filter(({ term }) => term.is !== 'number');
  const constant = factors.reduce((product, { term }) => product * (term.is === 'number' ? term.value : 1), 1);
  if (constant === 0) return numberOf(0);
  const kept = constant === 1 ? rest : [numberOf(constant), ...rest];
  if (kept.length === 0) return numberOf(1);
  return kept.length === 1 ? kept[0] : new Expression({ is: 'product', factors: kept });
}

/** One text for a derivative, such as u, u_t or u_xx. */
export function nameOf({ field, orders }: FieldDerivative): string {
  const suffix = Object.entries(orders)
    .filter(([, order]) => order > 0)
    .map(([axis, order]) => axis.repeat(order))
    .join('');
  return suffix === '' ? field : `${field}_${suffix}`;
}

/** Every derivative that stands in an expression, each once, in the order in which they are met. */
export function derivativesIn(expressions: readonly Expression[]): FieldDerivative[] {
  const found = new Map<string, FieldDerivative>();
  const visit = ({ term }: Expression): void => {
    if (term.is === 'derivative') found.set(nameOf(term.of), term.of);
    for (const part of partsOf(term)) visit(part);
  };
  expressions.forEach(visit);
  return [...found.values()];
}

/** The functions of the coordinates that stand in an expression. */
export function givenIn(expression: Expression): TableFunction[] {
  const { term } = expression;
  return term.is === 'given' ? [term.at] : partsOf(term).flatMap(givenIn);
}

/** The expressions that a term is made of. */
export function partsOf(term: Term): readonly Expression[] {
  switch (term.is) {
    case 'sum':
      return term.terms;
    case 'product':
      return term.factors;
    case 'power':
      return [term.base];
    case 'call':
      return [term.argument];
    default:
      return [];
  }
}

/** The derivative of an expression by one of those that stand in it, taken for a variable. */
export function derivativeBy(expression: Expression, variable: string): Expression {
  const { term } = expression;
  switch (term.is) {
    case 'number':
    case 'given':
      return numberOf(0);
    case 'derivative':
      return numberOf(nameOf(term.of) === variable ? 1 : 0);
    case 'sum':
      return sumOf(term.terms.map(one => derivativeBy(one, variable)));
    case 'product':
      return sumOf(
        term.factors.map((factor, i) => {
          const others = term.factors.filter((_, j) => j !== i);
          return productOf([derivativeBy(factor, variable), ...others]);
        }),
      );
    case 'power':
      return productOf([
        numberOf(term.exponent),
        term.base.power(term.exponent - 1),
        derivativeBy(term.base, variable),
      ]);
    case 'call':
      return productOf([term.function.derivative(term.argument, expression), derivativeBy(term.argument, variable)]);
  }
}

/** NaN for what is no number, which would count for one: null for 0, "3" for 3. */
export function numeric(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

/**
 * An expression's value in float64 at a point of a grid.
 *
 * @param fields the values of the derivatives that stand in it, by `nameOf`.
 * @throws InputError a derivative that has none.
 */
export function evaluated(
  expression: Expression,
  fields: Readonly<Record<string, number>>,
  point: Point,
  index: number,
): number {
  const { term } = expression;
  const inner = (one: Expression) => evaluated(one, fields, point, index);
  switch (term.is) {
    case 'number':
      return term.value;
    case 'given':
      return numeric(term.at(point, index));
    case 'derivative': {
      const value = fields[nameOf(term.of)];
      if (value === undefined) throw new InputError(`expression: ${nameOf(term.of)} has no value here`);
      return value;
    }
    case 'sum':
      return term.terms.reduce((sum, one) => sum + inner(one), 0);
    case 'product':
      return term.factors.reduce((product, one) => product * inner(one), 1);
    case 'power':
      return inner(term.base) ** term.exponent;
    case 'call':
      return term.function.value(inner(term.argument));
  }
}
