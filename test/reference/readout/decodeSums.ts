import { type DecoderLayers, type DecoderShape, hiddenUnits } from './decode.js';

/**
 * C, (outputs, 2 hidden + 1): the sums over points of G a(z + b_0), of G a'(z + b_0), and of G.
 *
 * @param isIn whether a point counts, by its indices i and s.
 */
export function decodeSums(
  z: Float64Array,
  cotangent: Float64Array,
  layers: DecoderLayers,
  shape: DecoderShape,
  isIn: (i: number, s: number) => boolean = () => true,
): Float64Array {
  const { first, others, hidden, outputs } = shape;
  const { values, slopes } = hiddenUnits(z, layers, shape);
  const columns = 2 * hidden + 1;
  const result = new Float64Array(outputs * columns);
  for (let i = 0; i < first; i++) {
    for (let s = 0; s < others; s++) {
      if (!isIn(i, s)) continue;
      for (let o = 0; o < outputs; o++) {
        const g = cotangent[(i * outputs + o) * others + s];
        for (let h = 0; h < hidden; h++) {
          result[o * columns + h] += g * values[(i * hidden + h) * others + s];
          result[o * columns + hidden + h] += g * slopes[(i * hidden + h) * others + s];
        }
        result[o * columns + 2 * hidden] += g;
      }
    }
  }
  return result;
}
