import { jacobi } from '../eigen/jacobi.js';
import { modeProduct } from '../linear/modeProduct.js';
import { modulate } from './modulate.js';

/** S = I - V^T C V from V and C V, (k, n) each. */
export function preconditioner(vectors: Float64Array, scaled: Float64Array, k: number, n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let u = 0; u < k; u++) sum += vectors[u * n + i] * scaled[u * n + j];
    return (i === j ? 1 : 0) - sum;
  });
}

/** S = I - V^T diag(1 - l_k / l_i) V of a kernel (n, n), V being its k leading eigenvectors. */
export function preconditionerOf(kernel: Float64Array, n: number, k: number): Float64Array {
  const { values, vectors } = jacobi(kernel, n);
  return preconditioner(vectors, modulate(values, vectors, n, k, 'flat', 1).scaled, k, n);
}

/** sum_d G x_d S_d, or G x_1 S_1 .. x_D S_D. */
export function precondition(
  cotangent: Float64Array,
  shape: readonly number[],
  matrices: readonly Float64Array[],
  combination: 'sum' | 'product',
): Float64Array {
  const apply = (tensor: Float64Array, axis: number) => modeProduct(tensor, shape, matrices[axis], shape[axis], axis);
  if (combination === 'product') return shape.reduce((tensor, _, axis) => apply(tensor, axis), cotangent);
  const result = new Float64Array(cotangent.length);
  shape.forEach((_, axis) => {
    apply(cotangent, axis).forEach((x, i) => {
      result[i] += x;
    });
  });
  return result;
}
