/** Matrices of a known spectrum. */

import { product } from '../../test/reference/linear/product.js';

/** Rows of the discrete cosine transform: an orthonormal basis. */
export function cosineBasis(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return Math.sqrt((i === 0 ? 1 : 2) / size) * Math.cos((Math.PI * (j + 0.5) * i) / size);
  });
}

/** V^T diag(values) V, rounded to float32. */
export function matrixOf(basis: Float64Array, values: ArrayLike<number>, size: number): Float32Array {
  const scaled = basis.map((x, at) => x * values[Math.floor(at / size)]);
  const square = { rows: size, columns: size, inner: size };
  return Float32Array.from(product({ ...square, a: basis, b: scaled, transposeLeft: true }));
}
