/** Where each number of G (slots, blocks) stands in T (grid), row-major; -1 behind an axis's end. */
export function groupedIndices(grid: readonly number[], block: readonly number[]): number[] {
  const blocks = grid.map((n, d) => Math.ceil(n / block[d]));
  const points = (counts: readonly number[]) => {
    const all = counts.reduce((product, n) => product * n, 1);
    return Array.from({ length: all }, (_, i) => {
      let rest = i;
      const at = counts.map(() => 0);
      for (let d = counts.length - 1; d >= 0; d--) {
        at[d] = rest % counts[d];
        rest = Math.floor(rest / counts[d]);
      }
      return at;
    });
  };
  return points(block).flatMap(slot =>
    points(blocks).map(group => {
      const at = grid.map((_, d) => group[d] * block[d] + slot[d]);
      return at.some((x, d) => x >= grid[d]) ? -1 : at.reduce((sum, x, d) => sum * grid[d] + x, 0);
    }),
  );
}

/** G from T; 0 where a block reaches past an axis's end. */
export function groupPoints(tensor: Float64Array, grid: readonly number[], block: readonly number[]): Float64Array {
  return Float64Array.from(groupedIndices(grid, block), at => (at < 0 ? 0 : tensor[at]));
}

/** T from G. */
export function ungroupPoints(grouped: Float64Array, grid: readonly number[], block: readonly number[]): Float64Array {
  const tensor = new Float64Array(grid.reduce((product, n) => product * n, 1));
  groupedIndices(grid, block).forEach((at, i) => {
    if (at >= 0) tensor[at] = grouped[i];
  });
  return tensor;
}
