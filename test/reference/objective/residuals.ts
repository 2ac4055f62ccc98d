/** One equation's residual at a point of values of the fields and of the tables, with its derivatives by the fields. */
export interface TwinEquation {
  readonly weight: number;
  residual(u: readonly number[], g: readonly number[]): number;
}

/**
 * Residuals, their loss and the cotangents at the fields; derivatives by central differences.
 *
 * @param fields one array a field, of a number a point; so are tables.
 */
export function residuals(
  fields: readonly Float64Array[],
  tables: readonly Float64Array[],
  equations: readonly TwinEquation[],
  scale: number,
) {
  const [{ length: points }] = fields;
  const step = 1e-5;
  const at = (i: number) => [fields, tables].map(arrays => arrays.map(array => array[i]));
  const found = equations.map(({ residual }) =>
    Float64Array.from({ length: points }, (_, i) => residual(at(i)[0], at(i)[1])),
  );
  const loss = found.reduce(
    (sum, r, e) => sum + r.reduce((inner, x) => inner + (equations[e].weight * x * x) / 2, 0),
    0,
  );
  const cotangents = fields.map((_, which) =>
    Float64Array.from({ length: points }, (_, i) => {
      const [u, g] = at(i);
      return equations.reduce((sum, { weight, residual }, e) => {
        const value = (delta: number) =>
          residual(
            u.map((x, j) => (j === which ? x + delta : x)),
            g,
          );
        return sum + (scale * weight * found[e][i] * (value(step) - value(-step))) / (2 * step);
      }, 0);
    }),
  );
  return { loss: scale * loss, residuals: found, cotangents };
}
