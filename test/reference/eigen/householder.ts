/**
 * Column k of Householder's tridiagonalisation (Golub and Van Loan, 8.3.1), reflectors 1 - u u^T: `row` is row k of the
 * matrix before the reflector u_{k-1} = `previous`, of whose product with that matrix `image` is.
 */
export function householder(
  row: Float64Array,
  k: number,
  previous: Float64Array,
  image: Float64Array,
): { pending: Float64Array; reflector: Float64Array; diagonal: number; offDiagonal: number } {
  const half = previous.reduce((sum, u, i) => sum + u * image[i], 0) / 2;
  const pending = image.map((y, i) => y - half * previous[i]);
  const x = row.map((a, j) => a - previous[k] * pending[j] - pending[k] * previous[j]);
  const end = x.map((value, j) => (j > k ? value : 0));
  const length = Math.hypot(...end);
  if (k + 2 >= row.length || length === 0) {
    return { pending, reflector: new Float64Array(row.length), diagonal: x[k], offDiagonal: x[k + 1] };
  }
  // v = x + sign(x_1) |x| e_1, brought to the length sqrt(2).
  const sign = end[k + 1] < 0 ? -1 : 1;
  const v = end.map((value, j) => (j === k + 1 ? value + sign * length : value));
  const reflector = v.map(value => (Math.SQRT2 * value) / Math.hypot(...v));
  return { pending, reflector, diagonal: x[k], offDiagonal: -sign * length };
}
