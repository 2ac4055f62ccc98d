/**
 * A differential equation stated as values: axes with their ranges, fields, equations, conditions each on a grid of its
 * own, and a solution to be measured against where there is one.
 */

import { InputError, isInputError } from '../errors.js';
import { isList, isRecord, requireNumber, requireOptions, shown, spelled } from '../host/checks.js';
import { mostOrder } from '../ops/network/jetNetwork.js';
import { requireAgreement } from './agreement.js';
import { derivativeOf, Expression, expressionOf, type Operand, type Point } from './expression.js';
import type { AxisPoints } from './grid.js';

/** Names of derivatives by some of these axes, up to the fourth. */
type Derivative<A extends string> = `d${A}` | `d${A}${A}` | `d${A}${A}${A}` | `d${A}${A}${A}${A}`;

/** A field and its derivatives: u, u.dt, u.dxx, u.dxy. @typeParam A the names of the axes, where they are known. */
export type Field<A extends string = string> = Expression & {
  readonly [derivative in Derivative<A>]: Expression;
} & { readonly [derivative: `d${string}`]: Expression };

/** Fields and coordinates, by their names. */
export type Symbols<A extends string, F extends string> = Readonly<Record<F, Field<A>> & Record<A, Expression>>;

/** Something that is to be zero on a grid; the loss has the mean of its squares. */
export interface Equation {
  /** By which messages call it; 'equation1', 'equation2' and so on by default. */
  readonly name?: string;
  /** What is to be zero. */
  readonly residual: Operand;
  /** In the loss, from 0, which leaves it out; 1 by default. */
  readonly weight?: number;
}

/** What holds on a part of the domain: at a start, on a face. */
export interface Condition<A extends string = string> extends Equation {
  /** Of its own, by which `ProblemTrainer.evaluate` gives its loss; 'equations' is taken. */
  readonly name: string;
  /** One coordinate of an axis, or several; on axes that are not named the points are those of the equations. */
  readonly at: Readonly<Partial<Record<A, number | readonly number[]>>>;
}

/** A solution known as numbers, on a grid of its own. */
export interface Reference {
  /** Points of each axis, by the axes' names and within their ranges; every combination is a point of the grid. */
  readonly axes: AxisPoints;
  /** Of each field, by its name: row-major in the order of the axes, NaN where none is known. */
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
}

/** A differential equation as it is stated. */
export interface ProblemOptions<A extends string, F extends string> {
  /** By which messages and files name it. */
  readonly name: string;
  /** From and to, by the axes' names: a letter each, or a letter and a number. Two to six. */
  readonly axes: Readonly<Record<A, readonly [number, number]>>;
  /** Names of the functions looked for: letters and digits. */
  readonly fields: readonly F[];
  /** What is to be zero everywhere: residuals by themselves, or with a name and a weight. */
  readonly equations: (symbols: Symbols<A, F>) => readonly (Equation | Operand)[];
  /** What holds on parts of the domain: at a start, at ends. `() => []` for none. */
  readonly conditions: (symbols: Symbols<A, F>) => readonly Condition<A>[];
  /** The solution, by fields. */
  readonly exact?: Readonly<Partial<Record<F, (point: Readonly<Record<A, number>>) => number>>>;
  /** The solution as numbers, where it is not known as a function; made when it is first wanted. */
  readonly reference?: () => Reference;
}

/** An equation as `defineProblem` has checked it. */
export interface SettledEquation {
  /** By which messages call it. */
  readonly name: string;
  /** What is to be zero on the grid. */
  readonly residual: Expression;
  /** Of its squares in the loss, from 0. */
  readonly weight: number;
}

/** A condition as `defineProblem` has checked it. */
export interface SettledCondition extends SettledEquation {
  /** Coordinates by the axes' names; on axes that are not named the points are those of the equations. */
  readonly at: Readonly<Record<string, number | readonly number[]>>;
}

/** Of every copy of this package. */
const brand: unique symbol = Symbol.for('sepnn.problem');

/** A problem that was checked. */
export interface Problem {
  /** What `defineProblem` gives has it. */
  readonly [brand]: true;
  /** By which messages and files call it. */
  readonly name: string;
  /** From and to, by the axes' names, two to six. */
  readonly axes: Readonly<Record<string, readonly [number, number]>>;
  /** Names of the functions looked for. */
  readonly fields: readonly string[];
  /** What is to be zero everywhere, one or more. */
  readonly equations: readonly SettledEquation[];
  /** What holds on parts of the domain. */
  readonly conditions: readonly SettledCondition[];
  /** The solution, for fields of which it is known as a function of the coordinates. */
  readonly exact: Readonly<Record<string, (point: Point) => number>>;
  /** Makes the solution known as numbers, and checks it. @throws InputError what does not fit the problem. */
  readonly reference?: () => Reference;
  /** Of conditions whose slopes differ at an edge, a line each: its solution is not smooth there. */
  readonly remarks: readonly string[];
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
 * A problem of these equations and conditions, checked; nothing is allocated.
 *
 * @throws InputError options of other kinds, a name that stands for two things, a range of no length, a residual that names a
 * derivative which networks do not carry or a field that there is not, a condition on no axis or at no coordinate, weights of
 * 0 everywhere, conditions that contradict each other where they meet.
 */
export function defineProblem<A extends string, F extends string>(options: ProblemOptions<A, F>): Problem {
  requireOptions('defineProblem', options, known);
  const { name, axes, fields, exact = {}, reference } = options;
  if (typeof name !== 'string') throw new InputError(`defineProblem: name: ${shown(name)}: give a text`);
  if (!isRecord(axes)) throw new InputError(`${name}: axes: ${shown(axes)}: give { x: [0, 1], t: [0, 1] }`);
  const names = Object.keys(axes);
  if (names.length < 2 || names.length > 6) {
    throw new InputError(`${name}: ${names.length} axes: use 2 to 6`);
  }
  for (const axis of names) {
    if (!/^[a-z]\d*$/i.test(axis)) throw new InputError(`${name}: axis ${shown(axis)}: use a letter, or x1, x2`);
    const range: unknown = axes[axis as A];
    if (!isList(range)) throw new InputError(`${name}: axis ${axis}: ${shown(range)}: give [from, to]`);
    const [from, to] = range as readonly [number, number];
    requireNumber(`${name}: axis ${axis}, from`, from);
    requireNumber(`${name}: axis ${axis}, to`, to);
    if (!(from < to))
      throw new InputError(`${name}: axis ${axis} goes from ${from} to ${to}: use a range with a length`);
  }
  requireFields(name, fields, names);
  const symbols = symbolsOf(name, names, fields) as Symbols<A, F>;
  const listOf = <T>(
    what: 'equations' | 'conditions',
    make: (symbols: Symbols<A, F>) => readonly T[],
  ): readonly T[] => {
    const made: unknown = typeof make === 'function' ? make(symbols) : make;
    if (Array.isArray(made)) return made;
    throw new InputError(`${name}: ${what}: ${shown(made)}: give a function that makes a list of them`);
  };
  const equations = listOf('equations', options.equations).map((one, i) =>
    settledEquation(name, one, `equation${i + 1}`),
  );
  const taken = new Set(['equations']);
  const conditions = listOf('conditions', options.conditions).map(one => settledCondition(name, one, axes, taken));
  for (const [field, solution] of Object.entries(exact)) {
    if (fields.includes(field as F) && typeof solution === 'function') continue;
    throw new InputError(`${name}: exact: ${spelled(field)}: ${shown(solution)}: give a function of one of the fields`);
  }
  if (reference !== undefined && typeof reference !== 'function') {
    throw new InputError(`${name}: reference: ${shown(reference)}: give a function that makes it`);
  }
  requireEquations({ name, equations });
  if ([...equations, ...conditions].every(({ weight }) => weight === 0)) {
    throw new InputError(`${name}: every weight is 0: give one above`);
  }
  return {
    [brand]: true,
    name,
    axes,
    fields,
    equations,
    conditions,
    exact: exact as Problem['exact'],
    ...(reference && { reference: () => settledReference(name, axes, fields, reference) }),
    remarks: requireAgreement(name, axes, conditions),
  };
}

/** Whether a value is what `defineProblem` gives, of whichever copy of this package. */
export function isProblem(value: unknown): value is Problem {
  return isRecord(value) && (value as Partial<Problem>)[brand] === true;
}

/** @throws InputError something else than a problem, or one without equations. */
export function requireProblem(problem: Problem): void {
  if (!isProblem(problem)) throw new InputError(`problem: ${shown(problem)} is none: give what defineProblem gives`);
  requireEquations(problem);
}

function requireEquations({ name, equations }: Pick<Problem, 'name' | 'equations'>): void {
  if (equations.length === 0) throw new InputError(`${name}: has no equations: give one or more`);
}

function settledEquation(problem: string, given: Equation | Operand, name: string): SettledEquation {
  const isEquation = (one: Equation | Operand): one is Equation => isRecord(one) && 'residual' in one;
  const { residual, weight = 1, name: own = name } = isEquation(given) ? given : { residual: given };
  requireNumber(`${problem}: weight of ${own}`, weight, { from: 0 });
  return { name: own, residual: expressionOf(residual), weight };
}

/** @param taken the names of others, to which its own is added. */
function settledCondition(
  problem: string,
  given: Condition,
  axes: Problem['axes'],
  taken: Set<string>,
): SettledCondition {
  const { name, at } = isRecord(given) ? given : ({} as Partial<Condition>);
  if (typeof name !== 'string' || taken.has(name)) {
    throw new InputError(`${problem}: condition ${shown(name)}: give each a name of its own, such as start`);
  }
  taken.add(name);
  const coordinates = isRecord(at) ? Object.entries(at) : [];
  const unknown = coordinates.find(([axis]) => !Object.hasOwn(axes, axis));
  if (unknown || coordinates.length === 0) {
    const use = Object.keys(axes).join(', ');
    throw new InputError(`${problem}: condition ${name} is at ${unknown?.[0] ?? 'no axis'}: use ${use}`);
  }
  for (const [axis, values] of coordinates) {
    const all = [values].flat();
    if (all.length === 0) {
      throw new InputError(`${problem}: condition ${name} is at no coordinate of ${axis}: give one or more`);
    }
    for (const value of all) requireNumber(`${problem}: condition ${name}`, value as number);
    requireWithin(`${problem}: condition ${name}`, axis, axes[axis], all as readonly number[]);
  }
  return { ...settledEquation(problem, given, name), at: at as SettledCondition['at'] };
}

/** What rounding takes a coordinate past an axis's end, in its lengths. */
const rounding = 1e-6;

/** @throws InputError coordinates that are no numbers, or lie outside an axis: nothing is trained there. */
function requireWithin(
  who: string,
  axis: string,
  [from, to]: readonly [number, number],
  coordinates: ArrayLike<number>,
): void {
  const slack = rounding * (to - from);
  for (let i = 0; i < coordinates.length; i++) {
    const x: unknown = coordinates[i];
    if (typeof x === 'number' && x >= from - slack && x <= to + slack) continue;
    throw new InputError(`${who}: ${axis} = ${shown(x)}: use coordinates from ${from} to ${to}`);
  }
}

/** @throws InputError what throws, axes or fields that the problem has not, points outside them, or other than a number a point. */
function settledReference(
  problem: string,
  axes: Problem['axes'],
  fields: readonly string[],
  make: () => Reference,
): Reference {
  let reference: Reference;
  try {
    reference = make();
  } catch (error) {
    if (isInputError(error)) throw error;
    const said = shown(error instanceof Error ? error.message : error);
    throw new InputError(`${problem}: reference: throws ${said}: give a function that makes it`);
  }
  const { axes: points, values } = reference ?? {};
  const names = Object.keys(axes);
  if (!isRecord(points) || !isRecord(values) || !names.every(axis => isList(points[axis]) && points[axis].length > 0)) {
    throw new InputError(`${problem}: reference: give its points on each of ${names.join(', ')}, and values`);
  }
  for (const axis of names) requireWithin(`${problem}: reference`, axis, axes[axis], points[axis]);
  const size = names.reduce((product, axis) => product * points[axis].length, 1);
  for (const [field, numbers] of Object.entries(values)) {
    if (!fields.includes(field) || !isList(numbers) || numbers.length !== size) {
      throw new InputError(
        `${problem}: reference: ${isList(numbers) ? numbers.length : shown(numbers)} for ${spelled(field)}: give ${size} numbers for ${fields.join(', ')}`,
      );
    }
    const bad = Array.from<unknown>(numbers).findIndex(value => typeof value !== 'number');
    if (bad < 0) continue;
    throw new InputError(
      `${problem}: reference: ${field}: number ${bad + 1} is ${shown(numbers[bad])}: give a number, or NaN where none is known`,
    );
  }
  return reference;
}

/** @throws InputError names of which one would be taken for another: u_x is the derivative of u. */
function requireFields(problem: string, fields: readonly unknown[], axes: readonly string[]): void {
  if (!isList(fields) || fields.length === 0) {
    throw new InputError(`${problem}: fields: ${shown(fields)}: give their names, such as ['u']`);
  }
  for (const [i, field] of fields.entries()) {
    if (typeof field !== 'string' || !/^[a-z][a-z0-9]*$/i.test(field)) {
      throw new InputError(`${problem}: field ${shown(field)}: use letters and digits`);
    }
    if (axes.includes(field) || fields.indexOf(field) < i) {
      throw new InputError(`${problem}: ${field} stands for two things: give each field and axis a name of its own`);
    }
  }
}

/** Fields and coordinates by their names; another name is refused. */
function symbolsOf(problem: string, axes: readonly string[], fields: readonly string[]) {
  const all = new Map<string, Expression>([
    ...axes.map((axis): [string, Expression] => [axis, coordinate(axis)]),
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

function coordinate(axis: string): Expression {
  return new Expression({ is: 'given', at: point => point[axis], axis });
}

/** A field, whose members d and axes' names are its derivatives. */
function fieldOf(problem: string, field: string, axes: readonly string[]): Expression {
  const own = derivativeOf(field, {});
  return new Proxy(own, {
    get: (target, name) => {
      if (typeof name !== 'string' || name in target) return Reflect.get(target, name);
      if (!/^d([a-z]\d*)+$/i.test(name)) {
        // Another package may ask a value for a name of its own; these are meant for a derivative.
        if (!/^[a-z]+_/i.test(name) && !axes.includes(name)) return undefined;
        const [axis] = axes;
        throw new InputError(
          `${problem}: ${field}.${spelled(name)}: is no derivative: write ${field}.d${axis}, ${field}.d${axis}${axis}`,
        );
      }
      const orders: Record<string, number> = Object.fromEntries(axes.map(axis => [axis, 0])); // in one order: dxy is dyx
      for (const [axis] of name.slice(1).matchAll(/[a-z]\d*/gi)) {
        if (!axes.includes(axis)) {
          throw new InputError(`${problem}: ${field}.${name}: there is no axis ${axis}: use ${axes.join(', ')}`);
        }
        orders[axis]++;
        if (orders[axis] > mostOrder) {
          throw new InputError(
            `${problem}: ${field}.${name}: networks carry derivatives by an axis up to order ${mostOrder}`,
          );
        }
      }
      return derivativeOf(field, Object.fromEntries(Object.entries(orders).filter(([, order]) => order > 0)));
    },
  });
}
