/** Nested lists of numbers, row-major: how tensors stand in JSON. */

export type Nested = number | readonly Nested[];

export function flat(nested: Nested): number[] {
  return typeof nested === 'number' ? [nested] : nested.flatMap(flat);
}

export function nest(values: readonly number[], [first, ...rest]: readonly number[]): Nested {
  if (first === undefined) return values[0];
  const size = values.length / first;
  return Array.from({ length: first }, (_, i) => nest(values.slice(i * size, (i + 1) * size), rest));
}

export function split(values: readonly number[], shapes: readonly (readonly number[])[]): Nested[] {
  let at = 0;
  return shapes.map(shape => {
    const size = shape.reduce((product, n) => product * n, 1);
    at += size;
    return nest(values.slice(at - size, at), shape);
  });
}

export function transposed(matrix: Nested): Nested {
  const rows = matrix as number[][];
  return rows[0].map((_, column) => rows.map(row => row[column]));
}

export function identityMinus(matrix: Nested): Nested {
  return (matrix as number[][]).map((row, i) => row.map((x, j) => (i === j ? 1 : 0) - x));
}
