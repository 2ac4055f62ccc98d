/** A training step on a differential equation in TensorFlow.js: jets by the chain rule, written in its operations. */

import * as tf from '@tensorflow/tfjs-core';
import { addGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Add_grad.js';
import { sliceGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Slice_grad.js';
import { squareGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Square_grad.js';
import { subGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sub_grad.js';
import { sumGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Sum_grad.js';
import { tanhGradConfig } from '@tensorflow/tfjs-core/dist/gradients/Tanh_grad.js';
import type { EquationSetup, PeerStep } from './peer.js';
import { adam } from './setup.js';
import { combine, type Layer, networksOf, registerGradients } from './tfjsNetworks.js';

/** Values and derivatives of a layer, each (n, columns). */
type Jet = readonly [value: tf.Tensor2D, first: tf.Tensor2D, second: tf.Tensor2D];

registerGradients([addGradConfig, sliceGradConfig, squareGradConfig, subGradConfig, sumGradConfig, tanhGradConfig]);

export function equationStep(setup: EquationSetup, flush: () => void): PeerStep {
  const { grid, learningRate } = setup;
  const [one, two] = [tf.scalar(1), tf.scalar(2)];
  const coordinates = setup.coordinates.map(x => tf.tensor2d(x, [x.length, 1]));
  const slopes = setup.coordinates.map(x => tf.ones([x.length, 1]) as tf.Tensor2D);
  const bends = setup.coordinates.map(x => tf.zeros([x.length, 1]) as tf.Tensor2D);
  const source = tf.tensor(setup.source, [...grid]);
  const scale = tf.scalar(1 / source.size);
  const conditions = setup.conditions.map(({ ranges, target, weight }) => ({
    ranges,
    target: tf.tensor(
      target,
      ranges.map(([from, to]) => to - from),
    ),
    scale: tf.scalar(weight / target.length),
  }));
  const networks = networksOf(setup);
  const variables = networks.flat().flatMap(({ weight, bias }) => [weight, bias]);
  const optimiser = tf.train.adam(learningRate, adam.b1, adam.b2, adam.epsilon);

  /** Through one layer of tanh, or the last, which has none. */
  const layerOf = ([h, h1, h2]: Jet, { weight, bias }: Layer, isLast: boolean): Jet => {
    const z = tf.fused.matMul({ a: h, b: weight, transposeB: true, bias }) as tf.Tensor2D;
    const [z1, z2] = [h1, h2].map(own => tf.matMul(own, weight, false, true) as tf.Tensor2D);
    if (isLast) return [z, z1, z2];
    const a = tf.tanh(z);
    const slope = tf.sub(one, tf.square(a)) as tf.Tensor2D;
    const curved = tf.mul(two, tf.mul(a, tf.square(z1)));
    return [a, tf.mul(slope, z1), tf.mul(slope, tf.sub(z2, curved))];
  };
  const jets = () =>
    networks.map((layers, d) =>
      layers.reduce<Jet>(
        (jet, layer, l) => layerOf(jet, layer, l === layers.length - 1),
        [coordinates[d] as tf.Tensor2D, slopes[d] as tf.Tensor2D, bends[d] as tf.Tensor2D],
      ),
    );
  const rows = (factor: tf.Tensor2D, [from, to]: readonly [number, number]) =>
    tf.slice(factor, [from, 0], [to - from, factor.shape[1]]);
  const loss = (): tf.Scalar => {
    const all = jets();
    const inside = all.map((jet, d) => jet.map(one => rows(one, [0, grid[d] as number])));
    const field = (axis: number, order: number) =>
      combine(inside.map((jet, d) => jet[d === axis ? order : 0] as tf.Tensor2D));
    const u = field(0, 0);
    const wave = tf.sub(tf.sub(field(0, 2), field(1, 2)), field(2, 2));
    const residual = tf.sub(tf.add(wave, tf.square(u)), source);
    const terms = [
      tf.mul(scale, tf.sum(tf.square(residual))),
      ...conditions.map(({ ranges, target, scale }) => {
        const found = combine(all.map(([value], d) => rows(value, ranges[d] as readonly [number, number])));
        return tf.mul(scale, tf.sum(tf.square(tf.sub(found, target))));
      }),
    ];
    return terms.reduce((sum, term) => tf.add(sum, term)) as tf.Scalar;
  };

  return {
    async submit(times) {
      for (let i = 0; i < times; i++) optimiser.minimize(loss, false, variables);
      flush();
    },
    async loss() {
      const found = tf.tidy(loss);
      const [value] = await found.data();
      found.dispose();
      return value as number;
    },
    dispose() {
      optimiser.dispose();
      const held = conditions.flatMap(condition => [condition.target, condition.scale]);
      tf.dispose([one, two, scale, source, ...held, ...variables, ...coordinates, ...slopes, ...bends]);
    },
  };
}
