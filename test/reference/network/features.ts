/** (x, 1), or with frequencies B (m, axes) (cos 2 pi B x, sin 2 pi B x, 1), for every point x of `axes` coordinates. */
export function features(coordinates: Float64Array, frequencies: Float64Array, axes = 1): Float64Array {
  const points = Array.from({ length: coordinates.length / axes }, (_, i) =>
    coordinates.slice(i * axes, (i + 1) * axes),
  );
  if (frequencies.length === 0) return Float64Array.from(points.flatMap(x => [...x, 1]));
  const rows = Array.from({ length: frequencies.length / axes }, (_, i) => frequencies.slice(i * axes, (i + 1) * axes));
  return Float64Array.from(
    points.flatMap(x => {
      const phases = rows.map(b => 2 * Math.PI * b.reduce((sum, f, d) => sum + f * x[d], 0));
      return [...phases.map(Math.cos), ...phases.map(Math.sin), 1];
    }),
  );
}
