/** The modulated eigenvectors of a preconditioner S = I - V^T C V: C V, C = diag(1 - g(l_i) / l_i) for i <= k, else 0. */

import { columnsOf, formatLayout, layoutOf, rowsOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply } from '../../graph/apply.js';
import { noGradientFlows, type Operation, type Value } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { requireCount } from '../../host/checks.js';
import { dispatch } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/precondition.js';
import { soloWorkgroup } from '../eigen/workgroups.js';
import { placesOf } from '../linear/product.js';

export const modulationNumbers = {
  flat: kernels.modulateConstants.FLAT,
  sqrt: kernels.modulateConstants.SQRT,
} as const;
/** g of the leading eigenvalues of K (Luo and Meng). flat: g(l) = l_k, their g1. sqrt: g(l) = sqrt(l), their g2. */
export type Modulation = keyof typeof modulationNumbers;
export const modulations = Object.keys(modulationNumbers) as readonly Modulation[];

export interface ModulateAttributes {
  /** k of each matrix. */
  readonly topK: readonly number[];
  readonly modulation: Modulation;
  /** Factor of the eigenvalues of each matrix, on which g = sqrt depends. */
  readonly scale: readonly number[];
}

/** A fleet's kernel takes a k of each matrix besides. */
export const modulateOperation: Operation<ModulateAttributes> = {
  name: 'modulate',
  shapes: ([values, vectors], { topK, scale }) => {
    const heights = [values, vectors].map(formatLayout);
    if (
      values.parts.length !== vectors.parts.length ||
      topK.length !== values.parts.length ||
      scale.length !== topK.length
    ) {
      throw new InputError(
        `modulate: takes values, vectors, k and scale of every matrix, got ${heights.join(' and ')}`,
      );
    }
    topK.forEach((k, i) => {
      requireCount('modulate: k', k, 1, rowsOf(vectors.parts[i].shape));
    });
    return [vectors, layoutOf([topK.length])];
  },
  lower: ({ device, attributes: { topK, modulation, scale }, inputs: [values, vectors], outputs: [result, used] }) => {
    const problems = vectors.layout.parts.map((part, i) => ({
      rows: rowsOf(part.shape),
      columns: columnsOf(part.shape),
      top: topK[i],
      scale: scale[i],
      values: values.layout.parts[i].offset,
      ...placesOf({ vectors: part, result: result.layout.parts[i] }),
      used: used.layout.parts[0].offset + i,
    }));
    return [
      dispatch(kernels.modulate, {
        constants: { WORKGROUP: soloWorkgroup(device, 64), MODULATION: modulationNumbers[modulation] },
        problems,
        buffers: {
          values: values.storage,
          vectors: vectors.storage,
          result: result.storage,
          used: used.storage,
        },
        workgroups: [mostOf(problems, p => p.rows), 1, problems.length],
      }),
    ];
  },
  notDifferentiable: noGradientFlows,
};

/**
 * The rows of V scaled by 1 - g(l_i) / l_i up to k, and by 0 after it; k ends before an eigenvalue that is not
 * positive.
 *
 * @param values eigenvalues, descending, (b) for each matrix.
 * @param vectors V, (b, n) for each matrix.
 * @returns `scaled`, V's shapes; `used`, (matrices): how many pairs each used, as u32.
 */
export function modulate(
  values: Value,
  vectors: Value,
  attributes: ModulateAttributes,
): { scaled: Value; used: Value } {
  const [scaled, used] = apply(modulateOperation, [values, vectors], attributes);
  return { scaled, used };
}

/** How a preconditioner's eigenvectors are modulated: by one k for each axis, or in a fleet by one for each model too. */
export type Modulate = typeof modulate;
