/** K + T * (D D^T), elementwise product; K and T (n, n), D (n, width). */
export function layerKernel(
  k: Float64Array,
  t: Float64Array,
  d: Float64Array,
  rows: number,
  width: number,
): Float64Array {
  return k.map((value, at) => {
    const [i, j] = [Math.floor(at / rows), at % rows];
    let sum = 0;
    for (let u = 0; u < width; u++) sum += d[i * width + u] * d[j * width + u];
    return value + t[at] * sum;
  });
}
