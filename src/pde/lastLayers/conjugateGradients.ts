import { inner } from './kronecker.js';

/** Below this share of the first residual's norm, in the preconditioner's, nothing is gained in float32. */
const resolved = 1e-7;

/**
 * x with A x near b, from 0, in so many iterations of preconditioned conjugate gradients (Saad 2003, algorithm 9.1), float64.
 *
 * @param times A, symmetric and without an eigenvalue below 0 but by rounding.
 * @param precondition an inverse near that of A, of the same kind.
 */
export async function conjugateGradients(
  times: (direction: Float64Array) => Promise<Float64Array>,
  b: Float64Array,
  precondition: (residual: Float64Array) => Float64Array,
  iterations: number,
): Promise<Float64Array> {
  const x = new Float64Array(b.length);
  const residual = b.slice();
  let direction = precondition(residual);
  let norm = inner(residual, direction);
  const least = resolved ** 2 * norm;
  for (let i = 0; i < iterations && norm > least; i++) {
    const image = await times(direction);
    const curvature = inner(direction, image);
    if (!(curvature > 0)) break;
    const length = norm / curvature;
    for (let at = 0; at < x.length; at++) {
      x[at] += length * direction[at];
      residual[at] -= length * image[at];
    }
    const next = precondition(residual);
    const before = norm;
    norm = inner(residual, next);
    const last = direction;
    direction = next.map((value, at) => value + (norm / before) * last[at]);
  }
  return x;
}
