/** Small dense matrices in float64, row-major. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export function matrixOf(rows: number, columns: number, of: (row: number, column: number) => number): Matrix {
  const values = Float64Array.from({ length: rows * columns }, (_, at) => of(Math.floor(at / columns), at % columns));
  return { rows, columns, values };
}

export function times(a: Matrix, b: Matrix): Matrix {
  const values = new Float64Array(a.rows * b.columns);
  for (let i = 0; i < a.rows; i++) {
    for (let l = 0; l < a.columns; l++) {
      const x = a.values[i * a.columns + l];
      for (let j = 0; j < b.columns; j++) values[i * b.columns + j] += x * b.values[l * b.columns + j];
    }
  }
  return { rows: a.rows, columns: b.columns, values };
}

export function turned({ rows, columns, values }: Matrix): Matrix {
  return matrixOf(columns, rows, (i, j) => values[j * columns + i]);
}

/** alpha a + beta b. */
export function combined(alpha: number, a: Matrix, beta = 0, b = a): Matrix {
  return { ...a, values: a.values.map((x, i) => alpha * x + beta * b.values[i]) };
}

export function norm({ values }: Matrix): number {
  return Math.hypot(...values);
}
