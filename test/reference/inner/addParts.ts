import type { ProductInput } from '../linear/product.js';

/** C = alpha (P_1 + P_2 + ..) + beta C0, of one array of numbers a part; they are added in their order. */
export function addParts(
  partial: readonly Float64Array[],
  { alpha = 1, beta = 0, before }: Pick<ProductInput, 'alpha' | 'beta' | 'before'> = {},
): Float64Array {
  return partial[0].map((_, i) => {
    const sum = partial.reduce((total, part) => total + part[i], 0);
    return alpha * sum + (before ? beta * before[i] : 0);
  });
}

/** How often a part is rounded as parts are added, multiplied by alpha and added to beta C0. */
export function roundingsOfSum(parts: number): number {
  return parts + 2;
}
