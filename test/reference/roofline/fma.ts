/** x <- scale x + offset, `times` over, for every number. */
export function fma(x: Float64Array, scale: number, offset: number, times: number): Float64Array {
  return x.map(start => {
    let value = start;
    for (let i = 0; i < times; i++) value = scale * value + offset;
    return value;
  });
}
