import { activationDerivatives, composed, type JetActivation, multiplied } from './jetNetwork.js';

/** (1 - S) U + S V with S = a(omega Z), and its derivatives, with the column of ones: U, V like Z without it. */
export function gatedJet(
  z: Float64Array,
  closed: Float64Array,
  open: Float64Array,
  points: number,
  columns: number,
  order: number,
  omega: number,
  name: JetActivation,
): Float64Array {
  const result = new Float64Array((order + 1) * points * (columns + 1));
  for (let i = 0; i < points; i++) {
    for (let j = 0; j < columns; j++) {
      const [own, u, v] = [z, closed, open].map(array =>
        Array.from({ length: order + 1 }, (_, k) => array[(k * points + i) * columns + j]),
      );
      const s = composed(activationDerivatives(name, omega, own[0]), own);
      const [left, right] = [
        multiplied(
          s.map((x, k) => (k === 0 ? 1 : 0) - x),
          u,
        ),
        multiplied(s, v),
      ];
      for (let k = 0; k <= order; k++) result[(k * points + i) * (columns + 1) + j] = left[k] + right[k];
    }
    result[i * (columns + 1) + columns] = 1;
  }
  return result;
}
