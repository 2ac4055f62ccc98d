/** Setups in the form that the peers share. */

import type { EquationSetup, StepSetup } from './peer.js';

/** One linear layer z = W h + b. */
export interface LinearLayer {
  /** Inputs of the layer. */
  readonly inputs: number;
  /** Outputs of the layer. */
  readonly outputs: number;
  /** W, (outputs, inputs). */
  readonly weight: Float32Array;
  /** b, (outputs). */
  readonly bias: Float32Array;
}

export const adam = { b1: 0.9, b2: 0.999, epsilon: 1e-8 } as const;

/** The layers of each axis' factor network, their [W | b] taken apart. */
export function linearLayers({
  width,
  parameters,
}: Pick<StepSetup | EquationSetup, 'width' | 'parameters'>): LinearLayer[][] {
  return parameters.map(layers => layers.map((joined, l) => separate(joined, l === 0 ? 1 : width)));
}

function separate(joined: Float32Array, inputs: number): LinearLayer {
  const stride = inputs + 1;
  const outputs = joined.length / stride;
  const weight = new Float32Array(outputs * inputs);
  const bias = new Float32Array(outputs);
  for (let o = 0; o < outputs; o++) {
    weight.set(joined.subarray(o * stride, o * stride + inputs), o * inputs);
    bias[o] = joined[o * stride + inputs] as number;
  }
  return { inputs, outputs, weight, bias };
}
