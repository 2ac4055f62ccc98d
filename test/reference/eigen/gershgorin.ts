/** Minus the least left end of Gershgorin's circles, or 0. */
export function gershgorin(matrix: Float64Array, size: number): number {
  let bound = 0;
  for (let i = 0; i < size; i++) {
    let radius = 0;
    for (let j = 0; j < size; j++) if (j !== i) radius += Math.abs(matrix[i * size + j]);
    bound = Math.max(bound, radius - matrix[i * size + i]);
  }
  return bound;
}
