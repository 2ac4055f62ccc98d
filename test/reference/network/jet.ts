import type { JetActivation } from './jetNetwork.js';
import { activationDerivatives, composed } from './jetNetwork.js';

/** H' = a(omega Z) and its derivatives, with the column of ones: Z and H' ((order + 1) points, columns [+ 1]). */
export function jet(
  z: Float64Array,
  points: number,
  columns: number,
  order: number,
  omega: number,
  name: JetActivation,
) {
  const result = new Float64Array((order + 1) * points * (columns + 1));
  for (let i = 0; i < points; i++) {
    for (let j = 0; j < columns; j++) {
      const own = Array.from({ length: order + 1 }, (_, k) => z[(k * points + i) * columns + j]);
      composed(activationDerivatives(name, omega, own[0]), own).forEach((value, k) => {
        result[(k * points + i) * (columns + 1) + j] = value;
      });
    }
    result[i * (columns + 1) + columns] = 1;
  }
  return result;
}
