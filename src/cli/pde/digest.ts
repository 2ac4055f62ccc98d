/** What a file records of a problem of a host's own, part by part: a module may be changed while its run is away. */

import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import { mostOf } from '../../host/arrays.js';
import { isRecord, shown } from '../../host/checks.js';
import { type Expression, nameOf, type Point, type TableFunction } from '../../pde/expression.js';
import { eachPoint, evenPoints } from '../../pde/grid.js';
import type { Problem } from '../../pde/problem.js';
import type { NamedProblem } from './problem.js';

/** The key of a file's settings where it stands. */
export const digestKey = 'digest';

/** Of each part a text, or the digest of one that is long. */
export type Digest = Readonly<Record<string, string>>;

/** A problem by the name that files have for it; with its digest where it is a host's own. */
export interface DigestedProblem {
  readonly name: string;
  readonly digest?: Digest;
}

/** A text of so many characters stands as it is, so that an error can tell of it. */
const mostLetters = 40;
/** Points of each axis at which functions are sampled, none of which is likely to be a zero of theirs. */
const samples = 3;
/** Of the greatest, values that differ by less are one: other processors round otherwise. */
const resolution = 1e4;

/** A problem with its digest where a module exports it: of one that ships, the version of this package decides what it is. */
export function digested({ name, problem, isOwn }: NamedProblem, withReference: boolean): DigestedProblem {
  return { name, ...(isOwn && { digest: digestOf(problem, withReference) }) };
}

/** @param withReference whether a reference is data of the training. */
function digestOf(problem: Problem, withReference: boolean): Digest {
  const { axes, fields, equations, conditions, exact, reference } = problem;
  const { axes: points, values } = (withReference && reference?.()) || { axes: {}, values: {} };
  const all: readonly (readonly [string, unknown])[] = [
    ...Object.entries(axes).map(([axis, range]) => [`axis ${axis}`, range.join(' to ')] as const),
    ['fields', fields.join(', ')],
    ...equations.map(({ name, weight, residual }, i) => {
      const own = equations.findIndex(one => one.name === name) === i ? name : `${name} (${i + 1})`;
      return [`equation ${own}`, [weight, termOf(problem, residual)]] as const;
    }),
    ...conditions.map(
      ({ name, at, weight, residual }) => [`condition ${name}`, [at, weight, termOf(problem, residual)]] as const,
    ),
    ...Object.entries(exact).map(
      ([field, solution]) => [`solution of ${field}`, functionOf(problem, solution)] as const,
    ),
    ...Object.entries(values).map(
      ([field, own]) => [`reference of ${field}`, [Object.values(points).map(rounded), rounded(own)]] as const,
    ),
  ];
  return Object.fromEntries(all.map(([part, value]) => [part, shortened(value)]));
}

/**
 * @param who begins the error's line.
 * @param recorded in a file; files of versions before have none.
 * @param problem its name, and its own digest; one that ships has none.
 * @param parts of it alone that begin with one of these words, where they are given.
 * @throws InputError another problem than the recorded one: which parts of it differ.
 */
export function requireSameProblem(
  who: string,
  recorded: unknown,
  { name, digest: own }: DigestedProblem,
  parts: RegExp = /^/,
): void {
  if (recorded === undefined || own === undefined) return;
  if (!isRecord(recorded)) throw new InputError(`${who}: its digest is ${shown(recorded)}: give a file of sepnn pde`);
  const differences = [...new Set([...Object.keys(recorded), ...Object.keys(own)])].flatMap(part => {
    const [was, is] = [recorded[part], own[part]];
    if (was === is || !parts.test(part)) return [];
    if (was === undefined) return [`${part} is new`];
    if (is === undefined) return [`${part} is gone`];
    const isShort = /^(axis|fields)/.test(part);
    return [isShort ? `${part} was ${shown(was)} and is ${shown(is)}` : `${part} is another`];
  });
  if (differences.length === 0) return;
  // On other axes functions have other values.
  const first = differences.filter(text => /^axis/.test(text));
  const told = first.length > 0 ? first : differences;
  throw new InputError(
    `${who}: is of ${name} as it was before its module was changed: ${told.join(', ')}: give the module as it was, or begin anew`,
  );
}

function shortened(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (typeof value === 'string' && text.length <= mostLetters) return text;
  return createHash('sha256').update(text).digest('hex').slice(0, mostLetters);
}

/** An expression as nested lists. */
function termOf(problem: Problem, { term }: Expression): unknown {
  const inner = (one: Expression) => termOf(problem, one);
  switch (term.is) {
    case 'number':
      return term.value;
    case 'derivative':
      return nameOf(term.of);
    case 'given':
      return term.axis ?? functionOf(problem, term.at);
    case 'sum':
      return [term.is, ...term.terms.map(inner)];
    case 'product':
      return [term.is, ...term.factors.map(inner)];
    case 'power':
      return [term.is, term.exponent, inner(term.base)];
    case 'call':
      return [term.function.wgsl, inner(term.argument)];
  }
}

/** The text of a function, and its values at a few points: they tell of what it only refers to. */
function functionOf({ axes }: Problem, at: TableFunction | ((point: Point) => number)): unknown {
  const inside = Object.entries(axes).map(([axis, range]) => {
    const [, ...points] = evenPoints(range, samples + 2);
    return [axis, points.slice(0, -1).map((x, i) => x + (range[1] - range[0]) / (17 + 10 * i))] as const;
  });
  const values: number[] = [];
  eachPoint(Object.fromEntries(inside), (point, index) => values.push(Number(at(point, index))));
  return [at.toString().replace(/\s+/g, ' '), rounded(values)];
}

function rounded(values: ArrayLike<number>): unknown[] {
  const all = Array.from(values);
  const greatest = mostOf(all.filter(Number.isFinite), Math.abs);
  // No value where there is none: a reference has NaN outside its domain.
  return [greatest.toPrecision(4), ...all.map(x => (greatest > 0 ? Math.round((x / greatest) * resolution) : x))];
}
