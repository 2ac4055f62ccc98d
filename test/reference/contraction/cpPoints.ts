/** Z[i] = scale sum_r prod_d F_d[i, r]; F_d (points, rank). */
export function cpPoints(factors: readonly Float64Array[], points: number, rank: number, scale: number): Float64Array {
  return Float64Array.from({ length: points }, (_, i) => {
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += factors.reduce((product, f) => product * f[i * rank + r], 1);
    return scale * sum;
  });
}
