import type { DecoderLayers, DecoderShape } from './decode.js';

/** The gradients of both layers but for W_0, whose are 0, from the sums C of all pieces. */
export function decodeGradient(
  pieces: readonly Float64Array[],
  { second }: DecoderLayers,
  { hidden, outputs, products }: DecoderShape,
): DecoderLayers {
  const columns = 2 * hidden + 1;
  const sum = (row: number, column: number) =>
    pieces.reduce((total, piece) => total + piece[row * columns + column], 0);
  const ofFirst = Float64Array.from({ length: hidden * (products + 1) }, (_, at) => {
    if (at % (products + 1) < products) return 0;
    const h = Math.floor(at / (products + 1));
    let total = 0;
    for (let o = 0; o < outputs; o++) total += second[o * (hidden + 1) + h] * sum(o, hidden + h);
    return total;
  });
  const ofSecond = Float64Array.from({ length: outputs * (hidden + 1) }, (_, at) => {
    const [o, h] = [Math.floor(at / (hidden + 1)), at % (hidden + 1)];
    return sum(o, h === hidden ? 2 * hidden : h);
  });
  return { first: ofFirst, second: ofSecond };
}
