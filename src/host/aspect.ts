/** Sizes that keep the ratio of their sides to whole numbers. */

/** The longest side brought to `longest`, the others in proportion and at least 1. */
export function followLongest(sides: readonly number[], longest: number): readonly number[] {
  const most = Math.max(...sides);
  return sides.map(side => Math.max(1, Math.round((side * longest) / most)));
}

/** Whether sizes have one ratio of their sides, but for what rounding makes of it. */
export function keepsAspect(from: readonly number[], to: readonly number[]): boolean {
  const scales = from.map((side, i) => [(to[i] - 0.5) / side, (to[i] + 0.5) / side]);
  return Math.max(...scales.map(([least]) => least)) <= Math.min(...scales.map(([, most]) => most));
}
