/** The normal equations of one network's last layer, near enough to precondition them. */

import type { Discretisation } from '../discretisation.js';
import { featureColumns, type JetArchitecture } from '../network.js';
import { gram, type KroneckerTerm, timesTransposed } from './kronecker.js';

/**
 * The normal equations of one network's last layer as a sum of Kronecker products, each field's slope taken for the root of
 * its mean square and products of different fields left out.
 *
 * @param p the network's place among all.
 * @param squares those mean squares by weight, by grids and their fields.
 * @param features of every network, float64 as the device has them: `featureColumns` in a row of its jets.
 * @param layers [W | b] of every last layer.
 */
export function normalTerms(
  { problem, orders, counts, grids }: Discretisation,
  network: JetArchitecture,
  p: number,
  squares: readonly (readonly number[])[],
  features: readonly Float64Array[],
  layers: readonly Float64Array[],
): KroneckerTerm[] {
  const axes = Object.keys(problem.axes).length;
  const [rank, columns] = [network.rank, featureColumns(network)];
  const model = Math.floor(p / axes);
  const others = orders.flatMap((_, q) => (q !== p && Math.floor(q / axes) === model ? [q] : []));
  const jets = new Map(others.map(q => [q, timesTransposed(features[q], layers[q], columns)]));
  const grams = new Map<string, Float64Array>();
  const gramOf = (values: Float64Array, width: number, q: number, order: number, [from, to]: readonly number[]) => {
    const key = [q, width, order, from, to].join();
    const first = order * counts[q % axes];
    const found = grams.get(key) ?? gram(values.subarray((first + from) * width, (first + to) * width), width);
    grams.set(key, found);
    return found;
  };
  return grids.flatMap(({ fields, points }, i) =>
    fields.flatMap((field, f): KroneckerTerm[] => {
      if (field.model !== model || squares[i][f] === 0) return [];
      const right = new Float64Array(rank * rank).fill(1);
      for (const [q, values] of jets) {
        const own = gramOf(values, rank, q, field.orders[q % axes], points[q % axes]);
        for (let at = 0; at < right.length; at++) right[at] *= own[at];
      }
      const left = gramOf(features[p], columns, p, field.orders[p % axes], points[p % axes]);
      return [{ left, right, weight: squares[i][f] }];
    }),
  );
}
