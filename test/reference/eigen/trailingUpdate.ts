/** A - u w^T - w u^T, and its product with the next reflector v. */
export function trailingUpdate(
  matrix: Float64Array,
  size: number,
  u: Float64Array,
  w: Float64Array,
  v: Float64Array,
): { matrix: Float64Array; image: Float64Array } {
  const updated = matrix.map((a, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return a - u[i] * w[j] - w[i] * u[j];
  });
  const image = v.map((_, i) => v.reduce((sum, x, j) => sum + updated[i * size + j] * x, 0));
  return { matrix: updated, image };
}
