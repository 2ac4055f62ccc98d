import { activation, slope, type TwinActivation } from '../network/activation.js';

/** Sizes of one model: points of the first axis, points of all others together. */
export interface DecoderShape {
  readonly first: number;
  readonly others: number;
  readonly hidden: number;
  readonly outputs: number;
  readonly products: number;
  readonly name: TwinActivation;
}

/** [W_0 | b_0], (hidden, products + 1), and [W_1 | b_1], (outputs, hidden + 1). */
export interface DecoderLayers {
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/** a(z + b_0) and a'(z + b_0), z (first, hidden, others). */
export function hiddenUnits(z: Float64Array, { first }: DecoderLayers, shape: DecoderShape) {
  const { hidden, others, products, name } = shape;
  const biased = z.map((x, at) => x + first[(Math.floor(at / others) % hidden) * (products + 1) + products]);
  return { values: biased.map(x => activation(name, 1, x)), slopes: biased.map(x => slope(name, 1, x)) };
}

/** Z[i, o, s] = sum_h W_1[o, h] a(z[i, h, s] + b_0[h]) + b_1[o]. */
export function decode(z: Float64Array, layers: DecoderLayers, shape: DecoderShape): Float64Array {
  const { first, others, hidden, outputs } = shape;
  const { values } = hiddenUnits(z, layers, shape);
  const result = new Float64Array(first * outputs * others);
  for (let i = 0; i < first; i++) {
    for (let o = 0; o < outputs; o++) {
      const weights = layers.second.subarray(o * (hidden + 1), (o + 1) * (hidden + 1));
      for (let s = 0; s < others; s++) {
        let sum = weights[hidden];
        for (let h = 0; h < hidden; h++) sum += weights[h] * values[(i * hidden + h) * others + s];
        result[(i * outputs + o) * others + s] = sum;
      }
    }
  }
  return result;
}
