/**
 * A differential equation stated as values: axes with their ranges, fields, equations, conditions each on a grid of its
 * own, and a solution to be measured against where there is one.
 */

import { InputError } from '../errors.js';
import { mostOf } from '../host/arrays.js';
import { requireNumber, requireOptions, shown, spelled } from '../host/checks.js';
import { mostOrder } from '../ops/network/jetNetwork.js';
import {
  derivativeOf,
  derivativesIn,
  type Expression,
  evaluated,
  expressionOf,
  given,
  nameOf,
  type Operand,
  type Point,
} from './expression.js';
import { type AxisPoints, eachPoint } from './grid.js';

/** A field and its derivatives: u, u.dt, u.dxx, u.dxy. */
export type Field = Expression & { readonly [derivative: `d${string}`]: Expression };

/** Fields and coordinates, by their names. */
export type Symbols<A extends string, F extends string> = Readonly<Record<F, Field> & Record<A, Expression>>;

/** Something that is to be zero on a grid; the loss has the mean of its squares. */
export interface Equation {
  readonly name?: string;
  readonly residual: Operand;
  /** In the loss, 1 by default. */
  readonly weight?: number;
}

export interface Condition<A extends string = string> extends Equation {
  readonly name: string;
  /** One coordinate of an axis, or several; on axes that are not named the points are those of the equations. */
  readonly at: Readonly<Partial<Record<A, number | readonly number[]>>>;
}

/** A solution known as numbers, on a grid of its own. */
export interface Reference {
  readonly axes: AxisPoints;
  /** By fields, row-major. */
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
}

export interface ProblemOptions<A extends string, F extends string> {
  readonly name: string;
  /** From and to, by the axes' names: a letter each, or a letter and a number. Two to six. */
  readonly axes: Readonly<Record<A, readonly [number, number]>>;
  readonly fields: readonly F[];
  readonly equations: (symbols: Symbols<A, F>) => readonly (Equation | Operand)[];
  readonly conditions: (symbols: Symbols<A, F>) => readonly Condition<A>[];
  /** The solution, by fields. */
  readonly exact?: Readonly<Partial<Record<F, (point: Readonly<Record<A, number>>) => number>>>;
  /** The solution as numbers, where it is not known as a function; made when it is first wanted. */
  readonly reference?: () => Reference;
}

export interface SettledEquation {
  readonly name: string;
  readonly residual: Expression;
  readonly weight: number;
}

export interface SettledCondition extends SettledEquation {
  readonly at: Readonly<Record<string, number | readonly number[]>>;
}

/** A problem that was checked. */
export interface Problem {
  readonly name: string;
  readonly axes: Readonly<Record<string, readonly [number, number]>>;
  readonly fields: readonly string[];
  readonly equations: readonly SettledEquation[];
  readonly conditions: readonly SettledCondition[];
  readonly exact: Readonly<Record<string, (point: Point) => number>>;
  readonly reference?: () => Reference;
}

const known = {
  name: true,
  axes: true,
  fields: true,
  equations: true,
  conditions: true,
  exact: true,
  reference: true,
} as const;

/**
 * @throws InputError a range of no length, a residual that names a derivative which networks do not carry or a field that
 * there is not, a condition on no axis, weights of 0 everywhere, conditions that contradict each other where they meet.
 */
export function defineProblem<A extends string, F extends string>(options: ProblemOptions<A, F>): Problem {
  requireOptions('defineProblem', options, known);
  const { name, axes, fields, exact = {}, reference } = options;
  const names = Object.keys(axes);
  if (names.length < 2 || names.length > 6) {
    throw new InputError(`${name}: ${names.length} axes: use 2 to 6`);
  }
  for (const axis of names) {
    if (!/^[a-z]\d*$/i.test(axis)) throw new InputError(`${name}: axis ${shown(axis)}: use a letter, or x1, x2`);
    const [from, to] = axes[axis as A];
    requireNumber(`${name}: axis ${axis}, from`, from);
    requireNumber(`${name}: axis ${axis}, to`, to);
    if (!(from < to))
      throw new InputError(`${name}: axis ${axis} goes from ${from} to ${to}: use a range with a length`);
  }
  const symbols = symbolsOf(name, names, fields) as Symbols<A, F>;
  const equations = options.equations(symbols).map((one, i) => settledEquation(name, one, `equation${i + 1}`));
  const conditions = options.conditions(symbols).map(condition => ({
    ...settledEquation(name, condition, condition.name),
    at: condition.at as SettledCondition['at'],
  }));
  for (const { name: own, at } of conditions) {
    const unknown = Object.keys(at).find(axis => !names.includes(axis));
    if (unknown !== undefined || Object.keys(at).length === 0) {
      throw new InputError(`${name}: condition ${own} is at ${unknown ?? 'no axis'}: use ${names.join(', ')}`);
    }
    for (const value of Object.values(at).flat()) requireNumber(`${name}: condition ${own}`, value as number);
  }
  if (equations.length === 0) throw new InputError(`${name}: has no equations: give one or more`);
  if ([...equations, ...conditions].every(({ weight }) => weight === 0)) {
    throw new InputError(`${name}: every weight is 0: give one above`);
  }
  const problem = {
    name,
    axes,
    fields,
    equations,
    conditions,
    exact: exact as Problem['exact'],
    ...(reference && { reference }),
  };
  requireAgreement(problem);
  return problem;
}

function settledEquation(problem: string, given: Equation | Operand, name: string): SettledEquation {
  const isEquation = typeof given === 'object' && 'residual' in given;
  const { residual, weight = 1, name: own = name } = isEquation ? given : { residual: given };
  requireNumber(`${problem}: weight of ${own}`, weight, { from: 0 });
  return { name: own, residual: expressionOf(residual), weight };
}

/** Fields and coordinates by their names; another name is refused. */
function symbolsOf(problem: string, axes: readonly string[], fields: readonly string[]) {
  const all = new Map<string, Expression>([
    ...axes.map((axis): [string, Expression] => [axis, given(point => point[axis])]),
    ...fields.map((field): [string, Expression] => [field, fieldOf(problem, field, axes)]),
  ]);
  return new Proxy(Object.fromEntries(all), {
    get: (_, name) => {
      const found = all.get(String(name));
      if (found) return found;
      throw new InputError(`${problem}: there is no ${spelled(String(name))}: use ${[...all.keys()].join(', ')}`);
    },
  });
}

/** A field, whose members d and axes' names are its derivatives. */
function fieldOf(problem: string, field: string, axes: readonly string[]): Expression {
  const own = derivativeOf(field, {});
  return new Proxy(own, {
    get: (target, name) => {
      if (typeof name !== 'string' || name in target || !/^d[a-z]/i.test(name)) return Reflect.get(target, name);
      const orders: Record<string, number> = {};
      for (const [axis] of name.slice(1).matchAll(/[a-z]\d*/gi)) {
        if (!axes.includes(axis)) {
          throw new InputError(`${problem}: ${field}.${name}: there is no axis ${axis}: use ${axes.join(', ')}`);
        }
        orders[axis] = (orders[axis] ?? 0) + 1;
        if (orders[axis] > mostOrder) {
          throw new InputError(
            `${problem}: ${field}.${name}: networks carry derivatives by an axis up to order ${mostOrder}`,
          );
        }
      }
      return derivativeOf(field, orders);
    },
  });
}

/** So much of the greatest value may two conditions differ where they meet, as where a bump does not quite end at a face. */
const agreement = 0.1;
/** Points at which they are compared, about so many. */
const samples = 500;

/** @throws InputError two conditions of the form u = g that say different things where they meet. */
function requireAgreement({ name, axes, conditions }: Problem): void {
  const said = conditions.flatMap(condition => {
    const [only, ...more] = derivativesIn([condition.residual]);
    if (!only || more.length > 0 || nameOf(only) !== only.field || condition.weight === 0) return [];
    // g of a residual that is linear in u, by its values at 0 and at 1.
    const value = (point: Point) => {
      const [zero, one] = [0, 1].map(u => evaluated(condition.residual, { [only.field]: u }, point, Number.NaN));
      return zero / (zero - one);
    };
    return [{ ...condition, field: only.field, value }];
  });
  const valuesAt = (at: SettledCondition['at'], ...values: readonly ((point: Point) => number)[]) => {
    const found: number[][] = [];
    eachPoint(sampledAxes(axes, at), point => found.push(values.map(value => value(point))));
    return found;
  };
  const greatestOf = said.map(({ at, value }) => mostOf(valuesAt(at, value), ([g]) => Math.abs(g)));
  said.forEach((one, i) => {
    for (const [j, other] of said.entries()) {
      const meet = !Object.keys(one.at).some(axis => axis in other.at);
      if (j <= i || one.field !== other.field || !meet) continue;
      const greatest = Math.max(greatestOf[i], greatestOf[j]);
      const edge = valuesAt({ ...one.at, ...other.at }, one.value, other.value);
      const worst = mostOf(edge, ([a, b]) => Math.abs(a - b));
      if (worst > agreement * greatest) {
        throw new InputError(
          `${name}: conditions ${one.name} and ${other.name} contradict each other where they meet, by ${worst.toPrecision(3)} in ${one.field}: let them agree, or give one weight 0`,
        );
      }
    }
  });
}

/** A few points of each axis, or those at which a condition stands. */
function sampledAxes(axes: Problem['axes'], at: SettledCondition['at']): AxisPoints {
  const each = Math.round(samples ** (1 / Object.keys(axes).length));
  return Object.fromEntries(
    Object.entries(axes).map(([axis, range]) => [axis, axis in at ? [at[axis]].flat() : between(range, each)]),
  );
}

/** Points at equal distances, none of which is an end or the middle, where much is zero. */
function between([from, to]: readonly [number, number], n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => from + ((to - from) * (i + 0.37)) / n);
}
