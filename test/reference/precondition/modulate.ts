export type ModulationName = 'flat' | 'sqrt';

/** Rows of V times 1 - g(l_i) / l_i up to k, which ends before an eigenvalue that is not positive or not finite; 0 from there on. */
export function modulate(
  values: Float64Array,
  vectors: Float64Array,
  columns: number,
  top: number,
  name: ModulationName,
  scale: number,
): { scaled: Float64Array; used: number } {
  let used = 0;
  while (used < top && values[used] > 0 && values[used] < Number.POSITIVE_INFINITY) used++;
  const share = (i: number) => {
    if (i >= used) return 0;
    if (name === 'flat') return 1 - values[used - 1] / values[i];
    return 1 - Math.sqrt(scale * values[i]) / (scale * values[i]);
  };
  return { scaled: vectors.map((x, at) => share(Math.floor(at / columns)) * x), used };
}
