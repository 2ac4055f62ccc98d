/**
 * The leading eigenpairs of a fleet's kernels. Of small ones a trainer of one finds all pairs from nothing at every refresh,
 * which is most of what a fleet of them takes: here those of the last refresh are turned on, to the same pairs but for
 * rounding.
 */

import { rowsOf, stackOf } from '../../buffer/layout.js';
import { apply } from '../../graph/apply.js';
import { noGradientFlows, type Operation, scratch, type Value } from '../../graph/operation.js';
import { allPairsOfSmall } from '../eigen/eigh.js';
import { isDirect, type LeadingAttributes, leadingEigenpairs } from '../eigen/leadingEigenpairs.js';
import { multiplyStacks } from '../linear/product.js';
import { addedProduct } from '../optimiser/muon.js';

/** Elements left standing, in sqrt(l_i l_j): what rounding leaves of the products is no less. */
const tolerance = 1e-6;

const allPairs: Operation<undefined> = {
  name: 'allPairs',
  shapes: ([matrix]) => [stackOf(matrix.parts.map(({ shape }) => [rowsOf(shape)])), matrix],
  lower: ({ device, inputs: [matrix], outputs: [values, vectors] }) => [
    allPairsOfSmall(device, matrix, values, vectors),
  ],
  notDifferentiable: noGradientFlows,
};

/**
 * V of the last time makes V A V^T nearly a diagonal, of which two or three sweeps of Jacobi's leave nothing. Rounding of
 * one refresh after the other would turn the rows of V from each other, but for one Newton-Schulz step at the end.
 */
const turnedOn: Operation<undefined> = {
  ...allPairs,
  name: 'turnedOn',
  updates: [undefined, 1],
  lower: ({ device, inputs: [matrix, start], outputs: [values, vectors] }) => {
    const own = () => scratch(start.layout);
    const [image, small, rotation, turned, gram] = [own(), own(), own(), own(), own()];
    return [
      multiplyStacks(device, start, matrix, image),
      multiplyStacks(device, image, start, small, { transposeRight: true }),
      allPairsOfSmall(device, small, values, rotation, tolerance),
      multiplyStacks(device, rotation, start, turned),
      multiplyStacks(device, turned, turned, gram, { transposeRight: true }),
      addedProduct(device, { left: gram, right: turned, added: turned, result: vectors }, [-0.5, 1.5]),
    ];
  },
};

/**
 * As `leadingEigenpairs`.
 *
 * @param start of which those of the last refresh are orthonormal, where it is not cold.
 */
export function eigenpairsOfPlaces(
  matrix: Value,
  start: Value,
  attributes: LeadingAttributes,
  { cold }: { readonly cold: boolean },
): { values: Value; vectors: Value } {
  if (!isDirect(start.layout)) return leadingEigenpairs(matrix, start, attributes);
  const [values, vectors] = cold ? apply(allPairs, [matrix], undefined) : apply(turnedOn, [matrix, start], undefined);
  return { values, vectors };
}
