/** decay A + (1 - decay) G G^T for G (rows, columns), or G^T G where that is the smaller. A new array. */
export function gramMean(
  a: Float64Array,
  g: Float64Array,
  [rows, columns]: readonly [number, number],
  decay: number,
): Float64Array {
  const tall = rows > columns;
  const [side, inner] = tall ? [columns, rows] : [rows, columns];
  const at = (i: number, u: number) => (tall ? g[u * columns + i] : g[i * columns + u]);
  return a.map((old, place) => {
    const [i, j] = [Math.floor(place / side), place % side];
    let sum = 0;
    for (let u = 0; u < inner; u++) sum += at(i, u) * at(j, u);
    return decay * old + (1 - decay) * sum;
  });
}
