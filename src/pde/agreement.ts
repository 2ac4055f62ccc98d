/** Whether conditions of a differential equation agree where they meet: what contradicts itself is nobody's solution. */

import { InputError } from '../errors.js';
import { mostOf } from '../host/arrays.js';
import {
  derivativeBy,
  derivativesIn,
  type Expression,
  evaluated,
  type FieldDerivative,
  nameOf,
  type Point,
} from './expression.js';
import { type AxisPoints, eachPoint } from './grid.js';

type Axes = Readonly<Record<string, readonly [number, number]>>;
/** The coordinates of those axes on which a condition stands. */
type Place = Readonly<Record<string, number | readonly number[]>>;
type Orders = FieldDerivative['orders'];

/** A condition: what is to be zero, and where. */
interface Stated {
  readonly name: string;
  readonly residual: Expression;
  readonly weight: number;
  readonly at: Place;
}

/** What a condition says a field or a derivative of it is, where it stands. */
interface Said extends Stated {
  readonly of: FieldDerivative;
  value(point: Point): number;
}

/** A number, and how far off it may be. */
type Found = (point: Point) => readonly [number, number];

/** So much of the greatest value may two conditions differ where they meet, as where a bump does not quite end at a face. */
const agreement = 0.1;
/** And so much of what the field is of that size anywhere: less is what rounding leaves of nothing. */
const rounding = 1e-9;
/** Points at which they are compared, about so many. */
const samples = 500;
/** Shares of an axis's length over which a slope is taken: by how much they differ, so much may the last be off. */
const strides = [1e-2, 1e-3, 1e-4];

/**
 * Each condition that is linear in one field or one derivative says what that is on its face, and so what its derivatives
 * along the face are, which are taken by differences: u on a side says u_t at the start too.
 *
 * @param name of the problem.
 * @returns what is worth a remark: slopes that differ where two faces meet alone. Such a problem has a solution, with a kink
 *   from there on, as a rod that begins warm towards its insulated end.
 * @throws InputError two conditions that say different things of one field or one derivative where they meet, or of a slope
 *   wherever one of them stands.
 */
export function requireAgreement(name: string, axes: Axes, conditions: readonly Stated[]): string[] {
  const remarks: string[] = [];
  const said = conditions.flatMap(saidBy);
  const valuesAt = (at: Place, ...values: readonly ((point: Point) => number | readonly number[])[]) => {
    const found: number[][] = [];
    eachPoint(sampledAxes(axes, at), point => found.push(values.flatMap(value => value(point))));
    return found.filter(own => own.every(Number.isFinite));
  };
  const greatestOf = (at: Place, found: Found) => mostOf(valuesAt(at, found), ([g]) => Math.abs(g));
  // As a field it would be of that size over the whole of the axes by which it is derived.
  const sizes = said.map(
    ({ of, at, value }) => greatestOf(at, point => [value(point), 0]) * lengthsOf(axes, of.orders),
  );
  said.forEach((one, i) => {
    for (const other of said.slice(i + 1)) {
      const orders = ordersOfBoth(axes, one.of, other.of);
      const [ofOne, ofOther] = [one, other].map(condition => foundBy(condition, orders, axes));
      if (one.of.field !== other.of.field || !ofOne || !ofOther) continue;
      const edge = valuesAt(meetingOf(one.at, other.at), ofOne, ofOther);
      const excessOf = ([a, offA, b, offB]: readonly number[]) => Math.abs(a - b) - offA - offB;
      const size = mostOf(said, ({ of }, at) => (of.field === one.of.field ? sizes[at] : 0)) / lengthsOf(axes, orders);
      if (mostOf(edge, excessOf) <= agreement * rounding * size) continue;
      const greatest = Math.max(greatestOf(one.at, ofOne), greatestOf(other.at, ofOther), rounding * size);
      const apart = edge.filter(found => excessOf(found) > agreement * greatest);
      if (apart.length === 0) continue;
      const worst = mostOf(apart, ([a, , b]) => Math.abs(a - b));
      const by = `by ${worst.toPrecision(3)} in ${nameOf({ field: one.of.field, orders })}`;
      const both = `${name}: conditions ${one.name} and ${other.name}`;
      const isOfSlope = nameOf(one.of) !== nameOf(other.of);
      if (isOfSlope && !isWithin(one.at, other.at) && !isWithin(other.at, one.at)) {
        remarks.push(`${both} differ where they meet, ${by}: the solution has a kink there`);
        continue;
      }
      throw new InputError(
        `${both} contradict each other where they meet, ${by}: let them agree, or give one weight 0`,
      );
    }
  });
  return remarks;
}

/** Whether what meets the other place is no edge of a place, but all of it. */
function isWithin(place: Place, other: Place): boolean {
  return Object.keys(other).every(axis => axis in place);
}

/** What a condition says, where it is of one field or one derivative alone, and linear in it. */
function saidBy(condition: Stated): readonly Said[] {
  const { residual, weight } = condition;
  const [of, ...more] = derivativesIn([residual]);
  if (!of || more.length > 0 || weight === 0) return [];
  const what = nameOf(of);
  if (derivativesIn([derivativeBy(residual, what)]).length > 0) return [];
  // g by the residual's values at u of 0 and of 1; none where the residual does not hold u.
  const value = (point: Point) => {
    const [zero, one] = [0, 1].map(u => evaluated(residual, { [what]: u }, point, Number.NaN));
    return zero / (zero - one);
  };
  return [{ ...condition, of, value }];
}

function lengthsOf(axes: Axes, orders: Orders): number {
  return Object.entries(orders).reduce(
    (product, [axis, order]) => product * (axes[axis][1] - axes[axis][0]) ** order,
    1,
  );
}

/** The derivative of the least orders of which both are lower ones, or it. */
function ordersOfBoth(axes: Axes, one: FieldDerivative, other: FieldDerivative): Orders {
  return Object.fromEntries(
    Object.keys(axes).map(axis => [axis, Math.max(one.orders[axis] ?? 0, other.orders[axis] ?? 0)]),
  );
}

/** A derivative as a condition gives it: what it says itself, or the slope of that along its face; undefined for others. */
function foundBy({ of, at, value }: Said, orders: Orders, axes: Axes): Found | undefined {
  const more = Object.keys(axes).flatMap(axis => Array<string>(orders[axis] - (of.orders[axis] ?? 0)).fill(axis));
  const [axis] = more;
  if (axis === undefined) return point => [value(point), 0];
  return more.length > 1 || axis in at ? undefined : slopeOf(value, axis, axes[axis]);
}

/** Differences of second order that stay on the axis. */
function slopeOf(value: (point: Point) => number, axis: string, [from, to]: readonly [number, number]): Found {
  return point => {
    const x = point[axis];
    const at = (shift: number) => value({ ...point, [axis]: x + shift });
    const slopes = strides.map(share => {
      const h = share * (to - from);
      if (x - h >= from && x + h <= to) return (at(h) - at(-h)) / (2 * h);
      const inward = x + h > to ? -h : h;
      return (4 * at(inward) - at(2 * inward) - 3 * at(0)) / (2 * inward);
    });
    const slope = slopes[slopes.length - 1];
    return [slope, 2 * mostOf(slopes, other => Math.abs(other - slope))];
  };
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
