/** A (n, n) with what stands below its diagonal taken from above. */
export function mirror(a: Float64Array, n: number): Float64Array {
  return a.map((_, at) => a[Math.min(at, (at % n) * n + Math.floor(at / n))]);
}
