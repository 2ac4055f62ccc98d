import { jet } from './jet.js';
import type { JetActivation } from './jetNetwork.js';

/** The cotangent at Z from that at H' = a(omega Z), without its column of ones: by central differences, point by point. */
export function jetCotangent(
  z: Float64Array,
  cotangent: Float64Array,
  points: number,
  columns: number,
  order: number,
  omega: number,
  name: JetActivation,
): Float64Array {
  return differences(z, points, columns, order, own => {
    const h = jet(own.z, 1, 1, order, omega, name);
    return own.of(cotangent).reduce((sum, g, k) => sum + g * h[2 * k], 0);
  });
}

/** One number of one point with its derivatives, and the same place in other arrays of that shape. */
export interface Place {
  readonly z: Float64Array;
  of(other: Float64Array): number[];
}

/** The derivative of a sum over the numbers of points by each number of Z and its derivatives. */
export function differences(
  z: Float64Array,
  points: number,
  columns: number,
  order: number,
  f: (place: Place) => number,
): Float64Array {
  const step = 1e-5;
  return z.map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const [k, point] = [Math.floor(row / points), row % points];
    const of = (array: Float64Array) =>
      Array.from({ length: order + 1 }, (_, j) => array[(j * points + point) * columns + column]);
    const value = (delta: number) => f({ z: Float64Array.from(of(z), (x, j) => (j === k ? x + delta : x)), of });
    return (value(step) - value(-step)) / (2 * step);
  });
}
