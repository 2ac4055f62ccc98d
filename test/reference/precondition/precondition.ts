import { modeProduct } from '../linear/modeProduct.js';

/** S = I - V^T C V from V and C V, (k, n) each. */
export function preconditioner(vectors: Float64Array, scaled: Float64Array, k: number, n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let u = 0; u < k; u++) sum += vectors[u * n + i] * scaled[u * n + j];
    return (i === j ? 1 : 0) - sum;
  });
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
