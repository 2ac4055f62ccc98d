/** (x, 1), or with frequencies (cos 2 pi B x, sin 2 pi B x, 1), for every coordinate. */
export function features(coordinates: Float64Array, frequencies: Float64Array): Float64Array {
  if (frequencies.length === 0) return Float64Array.from([...coordinates].flatMap(x => [x, 1]));
  return Float64Array.from(
    [...coordinates].flatMap(x => [
      ...frequencies.map(b => Math.cos(2 * Math.PI * b * x)),
      ...frequencies.map(b => Math.sin(2 * Math.PI * b * x)),
      1,
    ]),
  );
}
