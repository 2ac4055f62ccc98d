/** Vector-Jacobian products by central differences, in float64. */

export type Arrays = readonly Float64Array[];

/**
 * The gradient of <cotangent, f(inputs)> with respect to every input.
 *
 * @param step between rounding and curvature by default. Where f is linear in each number by itself, as a contraction
 *   is, differences are exact at any step, and at 1 they are rounded least.
 */
export function differenceVjp(
  f: (inputs: Arrays) => Float64Array,
  inputs: Arrays,
  cotangent: Float64Array,
  step = 1e-6,
): Float64Array[] {
  const inner = (values: Float64Array) => values.reduce((sum, value, i) => sum + value * cotangent[i], 0);
  return inputs.map((input, which) =>
    input.map((_, i) => {
      const at = (delta: number) =>
        inner(f(inputs.map((x, j) => (j === which ? x.map((value, l) => (l === i ? value + delta : value)) : x))));
      return (at(step) - at(-step)) / (2 * step);
    }),
  );
}
