/** Whether conditions of a differential equation agree where they meet: what contradicts itself is nobody's solution. */

import { InputError } from '../errors.js';
import { mostOf } from '../host/arrays.js';
import { derivativeBy, derivativesIn, type Expression, evaluated, nameOf, type Point } from './expression.js';
import { type AxisPoints, eachPoint } from './grid.js';

type Axes = Readonly<Record<string, readonly [number, number]>>;
/** The coordinates of those axes on which a condition stands. */
type Place = Readonly<Record<string, number | readonly number[]>>;

/** A condition: what is to be zero, and where. */
interface Stated {
  readonly name: string;
  readonly residual: Expression;
  readonly weight: number;
  readonly at: Place;
}

/** So much of the greatest value may two conditions differ where they meet, as where a bump does not quite end at a face. */
const agreement = 0.1;
/** Points at which they are compared, about so many. */
const samples = 500;

/**
 * @param name of the problem.
 * @throws InputError two conditions, each linear in one field or in one derivative, that say different things of it
 *   where they meet.
 */
export function requireAgreement(name: string, axes: Axes, conditions: readonly Stated[]): void {
  const said = conditions.flatMap(condition => {
    const [only, ...more] = derivativesIn([condition.residual]);
    if (!only || more.length > 0 || condition.weight === 0) return [];
    const what = nameOf(only);
    const isLinear = derivativesIn([derivativeBy(condition.residual, what)]).length === 0;
    if (!isLinear) return [];
    // g by the residual's values at u of 0 and of 1; none where the residual does not hold u.
    const value = (point: Point) => {
      const [zero, one] = [0, 1].map(u => evaluated(condition.residual, { [what]: u }, point, Number.NaN));
      return zero / (zero - one);
    };
    return [{ ...condition, what, value }];
  });
  const valuesAt = (at: Place, ...values: readonly ((point: Point) => number)[]) => {
    const found: number[][] = [];
    eachPoint(sampledAxes(axes, at), point => found.push(values.map(value => value(point))));
    return found.filter(own => own.every(Number.isFinite));
  };
  const greatestOf = said.map(({ at, value }) => mostOf(valuesAt(at, value), ([g]) => Math.abs(g)));
  said.forEach((one, i) => {
    for (const [j, other] of said.entries()) {
      if (j <= i || one.what !== other.what) continue;
      const greatest = Math.max(greatestOf[i], greatestOf[j]);
      const edge = valuesAt(meetingOf(one.at, other.at), one.value, other.value);
      const worst = mostOf(edge, ([a, b]) => Math.abs(a - b));
      if (worst > agreement * greatest) {
        throw new InputError(
          `${name}: conditions ${one.name} and ${other.name} contradict each other where they meet, by ${worst.toPrecision(3)} in ${one.what}: let them agree, or give one weight 0`,
        );
      }
    }
  });
}

/** Where two conditions stand at once: on an axis of both at the coordinates of both, which may be none. */
function meetingOf(one: Place, other: Place): Place {
  const shared = Object.keys(one).filter(axis => axis in other);
  const common = shared.map(axis => [axis, [one[axis]].flat().filter(x => [other[axis]].flat().includes(x))] as const);
  return { ...one, ...other, ...Object.fromEntries(common) };
}

/** A few points of each axis, or those at which a condition stands. */
function sampledAxes(axes: Axes, at: Place): AxisPoints {
  const each = Math.round(samples ** (1 / Object.keys(axes).length));
  return Object.fromEntries(
    Object.entries(axes).map(([axis, range]) => [axis, axis in at ? [at[axis]].flat() : between(range, each)]),
  );
}

/** Points at equal distances, none of which is an end or the middle, where much is zero. */
function between([from, to]: readonly [number, number], n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => from + ((to - from) * (i + 0.37)) / n);
}
