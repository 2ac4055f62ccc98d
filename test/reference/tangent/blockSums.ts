/** K[i, j] = sum over blocks a and b of T[a points + i, b points + j], for i and j below `rows`; T (blocks points)^2. */
export function blockSums(t: Float64Array, points: number, blocks: number, rows: number): Float64Array {
  return Float64Array.from({ length: rows * rows }, (_, at) => {
    const [i, j] = [Math.floor(at / rows), at % rows];
    let sum = 0;
    for (let a = 0; a < blocks; a++) {
      for (let b = 0; b < blocks; b++) sum += t[(a * points + i) * blocks * points + b * points + j];
    }
    return sum;
  });
}
