/** Eigenvalues, descending, of a symmetric tridiagonal matrix: bisection by Sturm's count (Golub and Van Loan, 8.4.1). */
export function tridiagonalQl(diagonal: ArrayLike<number>, offDiagonal: ArrayLike<number>): Float64Array {
  const n = diagonal.length;
  let most = 0;
  for (let i = 0; i < n; i++) most = Math.max(most, Math.abs(diagonal[i]) + 2 * Math.abs(offDiagonal[i]));
  const countBelow = (x: number) => {
    let count = 0;
    let q = 1;
    for (let i = 0; i < n; i++) {
      q = diagonal[i] - x - (i === 0 ? 0 : offDiagonal[i - 1] ** 2 / q);
      if (q === 0) q = 1e-300;
      if (q < 0) count++;
    }
    return count;
  };
  return Float64Array.from({ length: n }, (_, i) => {
    let [low, high] = [-2 * most, 2 * most];
    for (let turn = 0; turn < 80; turn++) {
      const middle = (low + high) / 2;
      if (countBelow(middle) <= n - 1 - i) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  });
}
