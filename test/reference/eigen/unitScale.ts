/** A divided by the power of two that brings its largest element into [1, 2), and that power; 1 for zero. */
export function unitScale(matrix: Float64Array): { scaled: Float64Array; scale: number } {
  const most = matrix.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  const scale = most === 0 ? 1 : 2 ** Math.floor(Math.log2(most));
  return { scaled: matrix.map(x => x / scale), scale };
}
