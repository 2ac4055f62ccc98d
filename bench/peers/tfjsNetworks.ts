/** What steps in TensorFlow.js share: parameters as variables, the CP contraction, gradients that it has to be told of. */

import * as tf from '@tensorflow/tfjs-core';
import type { EquationSetup, StepSetup } from './peer.js';
import { linearLayers } from './setup.js';

export interface Layer {
  /** W, (outputs, inputs). */
  readonly weight: tf.Variable<tf.Rank.R2>;
  /** b, (outputs). */
  readonly bias: tf.Variable<tf.Rank.R1>;
}

/** One by one, since Node cannot import the library's own `register_all_gradients`. */
export function registerGradients(gradients: readonly tf.GradConfig[]): void {
  for (const gradient of gradients) if (!tf.getGradient(gradient.kernelName)) tf.registerGradient(gradient);
}

/** Parameters as a setup has them, before the first step. */
export function networksOf(setup: StepSetup | EquationSetup): Layer[][] {
  return linearLayers(setup).map(layers =>
    layers.map(
      ({ inputs, outputs, weight, bias }): Layer => ({
        weight: tf.tidy(() => tf.variable(tf.tensor2d(weight, [outputs, inputs]))),
        bias: tf.tidy(() => tf.variable(tf.tensor1d(bias))),
      }),
    ),
  );
}

/** Z, (n_1 .. n_D), of the factors (n_d, R). */
export function combine([first, ...others]: readonly tf.Tensor2D[]): tf.Tensor {
  const grid = [first, ...others].map(f => (f as tf.Tensor2D).shape[0]);
  const rank = (first as tf.Tensor2D).shape[1];
  const khatriRao = others.reduce((left, right) => {
    const product = tf.mul(tf.expandDims(left, 1), tf.expandDims(right, 0));
    return tf.reshape(product, [left.shape[0] * right.shape[0], rank]);
  });
  return tf.reshape(tf.matMul(first as tf.Tensor2D, khatriRao, false, true), grid);
}
