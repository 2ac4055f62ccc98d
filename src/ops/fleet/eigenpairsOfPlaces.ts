/**
 * The leading eigenpairs of a fleet's kernels. Those of small ones are what a fleet takes longest over, so that a batch of them
 * is turned to diagonals in workgroup memory, from their lower triangles: to the same pairs as of one, but for rounding.
 */

import { rowsOf, stackOf } from '../../buffer/layout.js';
import { apply } from '../../graph/apply.js';
import { noGradientFlows, type Operation, type Value } from '../../graph/operation.js';
import { allPairsOfSmall } from '../eigen/eigh.js';
import { isDirect, type LeadingAttributes, leadingEigenpairs } from '../eigen/leadingEigenpairs.js';

const operation: Operation<undefined> = {
  name: 'eigenpairsOfPlaces',
  shapes: ([matrix]) => [stackOf(matrix.parts.map(({ shape }) => [rowsOf(shape)])), matrix],
  lower: ({ device, inputs: [matrix], outputs: [values, vectors] }) => [
    allPairsOfSmall(device, matrix, values, vectors),
  ],
  notDifferentiable: noGradientFlows,
};

/** As `leadingEigenpairs`. */
export function eigenpairsOfPlaces(
  matrix: Value,
  start: Value,
  attributes: LeadingAttributes,
): { values: Value; vectors: Value } {
  if (!isDirect(start.layout)) return leadingEigenpairs(matrix, start, attributes);
  const [values, vectors] = apply(operation, [matrix], undefined);
  return { values, vectors };
}
