/**
 * Last layers of separable models of three axes solved by alternating least squares, float64: every normal equation written
 * out, and solved by Gaussian elimination.
 */

export interface LeastSquaresGrid {
  /** Of each axis, by their places among its points. */
  readonly points: readonly (readonly number[])[];
  /** Orders of the derivatives that the residual takes. */
  readonly fields: readonly (readonly number[])[];
  readonly weight: number;
  /** R at the point (i, j, k) of the grid, with its derivatives by the fields. */
  readonly residual: (u: readonly number[], at: readonly number[]) => { value: number; slopes: readonly number[] };
}

/** What a last layer takes: of an axis, by order and point, W + 1 numbers. */
export type Features = readonly (readonly (readonly number[])[])[];

export interface LeastSquares {
  readonly features: readonly Features[];
  readonly grids: readonly LeastSquaresGrid[];
  /** A share of the mean of the diagonal, fields taken one by one with the mean squares of their slopes. */
  readonly damping: number;
}

type Layer = readonly (readonly number[])[];

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, one, i) => sum + one * b[i], 0);
}

/** Residuals of all grids with their weights, fields' slopes, and the factors of each field: of every axis by r. */
function pointsOf({ features, grids }: LeastSquares, layers: readonly Layer[]) {
  const factors = features.map((own, d) => own.map(points => points.map(h => layers[d].map(row => dot(row, h)))));
  return grids.map(({ points: [a, b, c], fields, weight, residual }) => {
    const all = a.flatMap((_, i) => b.flatMap((_, j) => c.map((_, k) => [i, j, k])));
    return all.map(at => {
      const places = [a[at[0]], b[at[1]], c[at[2]]];
      const parts = fields.map(orders => orders.map((order, d) => factors[d][order][places[d]]));
      const u = parts.map(([x, y, z]) => x.reduce((sum, one, r) => sum + one * y[r] * z[r], 0));
      return { ...residual(u, at), places, parts, scale: (2 * weight) / all.length };
    });
  });
}

/** sum over grids of the mean of weight R^2. */
export function lossOf(problem: LeastSquares, layers: readonly Layer[]): number {
  return pointsOf(problem, layers)
    .flat()
    .reduce((sum, { value, scale }) => sum + (scale * value * value) / 2, 0);
}

/** The layers after one turn through the axes. */
export function alternatingLeastSquares(problem: LeastSquares, layers: readonly Layer[]): Layer[] {
  const found = [...layers];
  found.forEach((layer, d) => {
    const [rows, columns] = [layer.length, layer[0].length];
    const n = rows * columns;
    const normal = Array.from({ length: n }, () => Array<number>(n + 1).fill(0));
    let diagonal = 0;
    pointsOf(problem, found).forEach((points, g) => {
      const { fields } = problem.grids[g];
      const squares = fields.map((_, f) => points.reduce((sum, { slopes }) => sum + slopes[f] ** 2, 0) / points.length);
      for (const { value, slopes, places, parts, scale } of points) {
        const own = fields.map((orders, f) => {
          const h = problem.features[d][orders[d]][places[d]];
          const others = layer.map((_, r) =>
            parts[f].reduce((product, factor, e) => (e === d ? product : product * factor[r]), 1),
          );
          return others.flatMap(other => h.map(one => one * other));
        });
        const slope = own[0].map((_, at) => own.reduce((sum, one, f) => sum + slopes[f] * one[at], 0));
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) normal[i][j] += scale * slope[i] * slope[j];
          normal[i][n] -= scale * slope[i] * value;
        }
      }
      // The mean squares stand for the slopes, and the sums over each axis's points are taken apart.
      fields.forEach((_, f) => {
        const { scale } = points[0];
        const sum = points.reduce((total, { places, parts }) => {
          const h = problem.features[d][fields[f][d]][places[d]];
          const others = layer.map((_, r) =>
            parts[f].reduce((product, factor, e) => (e === d ? product : product * factor[r] ** 2), 1),
          );
          return total + dot(h, h) * others.reduce((a, b) => a + b);
        }, 0);
        diagonal += scale * squares[f] * sum;
      });
    });
    for (let i = 0; i < n; i++) normal[i][i] += (problem.damping * diagonal) / n;
    const step = eliminated(normal);
    found[d] = layer.map((row, r) => row.map((value, c) => value + step[r * columns + c]));
  });
  return found;
}

/** x of A x = b, from [A | b], positive definite. */
function eliminated(matrix: number[][]): number[] {
  const n = matrix.length;
  for (let i = 0; i < n; i++) {
    for (let row = 0; row < n; row++) {
      if (row === i) continue;
      const factor = matrix[row][i] / matrix[i][i];
      for (let j = i; j <= n; j++) matrix[row][j] -= factor * matrix[i][j];
    }
  }
  return matrix.map((row, i) => row[n] / row[i]);
}
