/**
 * A^(-1/2) |A|_F^(1/2) as polynomials a x + b x^3 + c x^5 give it, for A = V diag(values) V^T with V = I - 2 v v^T.
 *
 * @param v of norm 1.
 * @returns A and its inverse root, row-major.
 */
export function inverseRoot(
  values: Float64Array,
  v: Float64Array,
  polynomials: readonly (readonly [number, number, number])[],
): { a: Float64Array; root: Float64Array } {
  const n = values.length;
  const norm = Math.hypot(...values);
  const roots = values.map(value => {
    const x = Math.sqrt(value / norm);
    return polynomials.reduce((y, [a, b, c]) => a * y + b * y ** 3 + c * y ** 5, x) / x;
  });
  const reflector = (i: number, j: number) => Number(i === j) - 2 * v[i] * v[j];
  const withValues = (diagonal: Float64Array) =>
    Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return diagonal.reduce((sum, value, u) => sum + reflector(i, u) * value * reflector(j, u), 0);
    });
  return { a: withValues(values), root: withValues(roots) };
}
