/** Images of a given rank, to see what a model of some rank makes of data that are as compressible as is known. */

import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import type { Size } from '../image/size.js';

/** The nearest planes of that rank: each plane's leading singular values and vectors (Eckart and Young 1936). */
export function truncateRank(planes: Float32Array, { width, height }: Size, rank: number): Float32Array {
  const result = new Float32Array(planes.length);
  for (let start = 0; start < planes.length; start += width * height) {
    const plane = Matrix.from1DArray(height, width, [...planes.subarray(start, start + width * height)]);
    const { diagonal, leftSingularVectors, rightSingularVectors } = new SingularValueDecomposition(plane, {
      autoTranspose: true,
    });
    const scaled = leftSingularVectors
      .subMatrixColumn(diagonal.slice(0, rank).map((_, i) => i))
      .mulRowVector(diagonal.slice(0, rank));
    const right = rightSingularVectors.subMatrixColumn(diagonal.slice(0, rank).map((_, i) => i));
    result.set(scaled.mmul(right.transpose()).to1DArray(), start);
  }
  return result;
}
