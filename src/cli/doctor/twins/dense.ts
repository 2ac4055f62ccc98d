/** Small dense matrices in float64, row-major. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly values: Float64Array;
}

export function matrixOf(rows: number, columns: number, of: (row: number, column: number) => number): Matrix {
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) values[i * columns + j] = of(i, j);
  return { rows, columns, values };
}

export function times(a: Matrix, b: Matrix): Matrix {
  const [rows, columns] = [a.rows, b.columns];
  const values = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const row = values.subarray(i * columns, (i + 1) * columns);
    for (let l = 0; l < a.columns; l++) {
      const x = a.values[i * a.columns + l];
      const at = l * columns;
      for (let j = 0; j < columns; j++) row[j] += x * b.values[at + j];
    }
  }
  return { rows, columns, values };
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
