import { type DecoderLayers, type DecoderShape, hiddenUnits } from './decode.js';

/** The cotangent at z: (sum_o W_1[o, h] G[i, o, s]) a'(z[i, h, s] + b_0[h]). */
export function decodeCotangent(
  z: Float64Array,
  cotangent: Float64Array,
  layers: DecoderLayers,
  shape: DecoderShape,
): Float64Array {
  const { others, hidden, outputs } = shape;
  return hiddenUnits(z, layers, shape).slopes.map((slope, at) => {
    const [i, h, s] = [Math.floor(at / (hidden * others)), Math.floor(at / others) % hidden, at % others];
    let sum = 0;
    for (let o = 0; o < outputs; o++)
      sum += layers.second[o * (hidden + 1) + h] * cotangent[(i * outputs + o) * others + s];
    return sum * slope;
  });
}
