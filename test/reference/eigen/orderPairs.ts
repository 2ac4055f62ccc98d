/** Pairs by descending value, the values times `scale`, the vectors (rows) at length 1. */
export function orderPairs(values: Float64Array, vectors: Float64Array, columns: number, scale: number) {
  const order = Array.from(values.keys()).sort((i, j) => values[j] - values[i]);
  const ordered = order.flatMap(i => {
    const row = vectors.slice(i * columns, (i + 1) * columns);
    const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    return [...row].map(x => x / length);
  });
  return { values: order.map(i => scale * values[i]), vectors: ordered };
}
