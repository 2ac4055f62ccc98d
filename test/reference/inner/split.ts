import type { ProductInput } from '../linear/product.js';

export interface Cut {
  /** Of the inner axis, at the most. */
  readonly parts: number;
  /** Numbers of the inner axis that are summed in a row. */
  readonly block: number;
}

/** Numbers of the inner axis in each part but the last: whole turns of 32. */
export function partLength(inner: number, parts: number): number {
  return 32 * Math.ceil(inner / (32 * parts));
}

/**
 * op(A) op(B) over each part of the inner axis: every block of a part is summed by itself, and added to those before it.
 *
 * @returns one (rows, columns) a part; a short axis has fewer than `parts`.
 */
export function split(input: Omit<ProductInput, 'alpha' | 'beta' | 'before'>, { parts, block }: Cut): Float64Array[] {
  const { rows, columns, inner, a, b, transposeLeft, transposeRight } = input;
  const length = partLength(inner, parts);
  return Array.from({ length: Math.ceil(inner / length) }, (_, part) => {
    const end = Math.min(inner, (part + 1) * length);
    const kept = new Float64Array(rows * columns);
    for (let from = part * length; from < end; from += block) {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          let sum = 0;
          for (let u = from; u < Math.min(end, from + block); u++) {
            const left = transposeLeft ? a[u * rows + i] : a[i * inner + u];
            const right = transposeRight ? b[j * inner + u] : b[u * columns + j];
            sum += left * right;
          }
          kept[i * columns + j] += sum;
        }
      }
    }
    return kept;
  });
}

/**
 * What n roundings of float32 do to a sum at the most, in units of the sum of its terms without their signs (Higham,
 * Accuracy and Stability of Numerical Algorithms, 3.1).
 */
export function rounded(n: number): number {
  return (n * 2 ** -24) / (1 - n * 2 ** -24);
}

/** How often a term is rounded in a part at the most: as it is multiplied, as its block is summed, as the blocks are. */
export function roundingsOfPart(inner: number, { parts, block }: Cut): number {
  const length = Math.min(inner, partLength(inner, parts));
  return 1 + Math.min(block, length) + Math.ceil(length / block);
}
