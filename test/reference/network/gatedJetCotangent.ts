import { gatedJet } from './gatedJet.js';
import { differences } from './jetCotangent.js';
import type { JetActivation } from './jetNetwork.js';

/** The cotangents at Z, U and V from that at H' = (1 - S) U + S V: by central differences, point by point. */
export function gatedJetCotangent(
  z: Float64Array,
  closed: Float64Array,
  open: Float64Array,
  cotangent: Float64Array,
  points: number,
  columns: number,
  order: number,
  omega: number,
  name: JetActivation,
): Float64Array[] {
  return [z, closed, open].map((varied, which) =>
    differences(varied, points, columns, order, place => {
      const [own, u, v] = [z, closed, open].map((array, i) =>
        i === which ? place.z : Float64Array.from(place.of(array)),
      );
      const h = gatedJet(own, u, v, 1, 1, order, omega, name);
      return place.of(cotangent).reduce((sum, g, k) => sum + g * h[2 * k], 0);
    }),
  );
}
