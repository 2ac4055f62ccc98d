/**
 * One network of all D coordinates, the plain multilayer perceptron, to compare with:
 * Z[i_1 .. i_D] = scale f(x_1[i_1] .. x_D[i_D]). There is nothing to contract: its output is put into shape.
 */

import type { Shape } from '../../buffer/layout.js';
import type { Value } from '../../graph/operation.js';
import { requireOptions } from '../../host/checks.js';
import { scale as scaleBy } from '../../ops/elementwise/linearCombination.js';
import { reshape } from '../../ops/elementwise/reshape.js';
import type { Contraction, ContractionForm } from './contraction.js';
import { requireScale } from './scale.js';

/** What the network is multiplied by. */
export interface JointNetworkOptions {
  /** c, not 0, 1 by default. */
  readonly scale?: number;
}

/**
 * One network of all D coordinates instead of one an axis: a plain multilayer perceptron, to compare with.
 *
 * @throws InputError naming what is out of range, its value and what would do.
 */
export function jointNetwork(options: JointNetworkOptions = {}): Contraction {
  requireOptions('jointNetwork', options, { scale: true });
  const { scale = 1 } = options;
  requireScale(scale);
  const shaped = (outputs: Value, shape: Shape): Value => {
    const result = reshape(outputs, Array<Shape>(outputs.layout.parts.length).fill(shape));
    return scale === 1 ? result : scaleBy(result, scale);
  };
  const form: ContractionForm = {
    output: (outputs, _, { shape }) => shaped(outputs, shape),
    jvp: (tangents, _, { shape }) => shaped(tangents, shape),
    slabs: false,
    between: () => 0,
  };
  return {
    name: 'joint-network',
    settings: { scale },
    networks: axes => [{ axes: Array.from({ length: axes }, (_, axis) => axis), outputs: 1 }],
    onGrid: form,
    onPoints: form,
  };
}
