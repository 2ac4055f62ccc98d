export function shift(x: Float64Array, vectors: Float64Array, by: number): Float64Array {
  return x.map((value, i) => value + by * vectors[i]);
}
