/** What is kept, brought up to date in the places chosen: `each` numbers a place, one place after the other. */
export function intoPlaces(
  kept: Float64Array,
  fresh: Float64Array,
  chosen: readonly boolean[],
  each: number,
): Float64Array {
  return kept.map((own, i) => (chosen[Math.floor(i / each)] ? fresh[i] : own));
}
