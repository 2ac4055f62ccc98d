/** Products of stored matrices: where operands and results lie in memory, and the dispatches that multiply them. */

import { columnsOf, type Part, quad, rowsOf } from '../../buffer/layout.js';
import type { Storage } from '../../buffer/memory.js';
import type { Device } from '../../device/device.js';
import type { Operand } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { productDispatch, productDispatches } from '../../schedule/product.js';
import * as kernels from '../../wgsl/linear.js';

/** A stored matrix as kernels address it: its first quad, and the quads from row to row. */
interface Stored {
  readonly first: number;
  readonly stride: number;
}

export function quadsOf(part: Part): Stored {
  return { first: part.offset / quad, stride: part.stride / quad };
}

/** The same of parts by the names that a kernel's table has for them: `left` and `leftStride`, say. */
export function placesOf<N extends string>(parts: Readonly<Record<N, Part>>) {
  const places = Object.entries<Part>(parts).flatMap(([name, part]) => {
    const { first, stride } = quadsOf(part);
    return [
      [name, first],
      [`${name}Stride`, stride],
    ];
  });
  return Object.fromEntries(places) as Readonly<Record<N | `${N}Stride`, number>>;
}

/**
 * result (rows, columns) = alpha op(left) (rows, inner) op(right) (inner, columns) + beta result, as an entry of a kernel's
 * table: of each matrix its first quad, and the quads from row to row.
 */
export interface StoredProduct extends ReturnType<typeof placesOf<'left' | 'right' | 'result'>> {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly alpha: number;
  /** 0 where the result is only written. */
  readonly beta: number;
}

/** The product c = alpha op(a) op(b) + beta c of whole parts. */
export function productOfParts(
  a: Part,
  b: Part,
  c: Part,
  { transposeLeft = false, alpha = 1, beta = 0 } = {},
): StoredProduct {
  return {
    rows: rowsOf(c.shape),
    columns: columnsOf(c.shape),
    inner: transposeLeft ? rowsOf(a.shape) : columnsOf(a.shape),
    ...placesOf({ left: a, right: b, result: c }),
    alpha,
    beta,
  };
}

/**
 * A batch of products in one dispatch.
 *
 * @param options which operands are stored transposed; `upper` where the results are symmetric, of which only what lies
 * on and above the diagonal is then made.
 */
export function multiplyStored(
  device: Device,
  products: readonly StoredProduct[],
  buffers: Readonly<Record<'left' | 'right' | 'result', Storage>>,
  options: StoredOptions = {},
): Dispatch {
  return productDispatch(device, kernels.product, described(products, buffers, options));
}

/** The same, in two where the inner axis is worth cutting: what is long or deep, as sums over points are. */
export function multiplyDeep(
  device: Device,
  products: readonly StoredProduct[],
  buffers: Readonly<Record<'left' | 'right' | 'result', Storage>>,
  options: StoredOptions = {},
): readonly Dispatch[] {
  return productDispatches(device, kernels.product, described(products, buffers, options));
}

interface StoredOptions {
  readonly transposeLeft?: boolean | undefined;
  readonly transposeRight?: boolean | undefined;
  readonly upper?: boolean;
}

function described(
  products: readonly StoredProduct[],
  buffers: Readonly<Record<'left' | 'right' | 'result', Storage>>,
  { transposeLeft = false, transposeRight = false, upper = false }: StoredOptions,
) {
  return {
    constants: {
      LEFT_TRANSPOSED: transposeLeft,
      RIGHT_TRANSPOSED: transposeRight,
      BLEND: products.some(({ beta }) => beta !== 0),
    },
    problems: products,
    buffers,
    upper,
  };
}

/** Such products of stacks, part by part: c = alpha op(a) op(b) + beta c. */
export function multiplyStacks(
  device: Device,
  a: Operand,
  b: Operand,
  c: Operand,
  options: StoredOptions & { readonly alpha?: number; readonly beta?: number } = {},
): readonly Dispatch[] {
  return multiplyDeep(
    device,
    c.layout.parts.map((part, i) => productOfParts(a.layout.parts[i], b.layout.parts[i], part, options)),
    { left: a.storage, right: b.storage, result: c.storage },
    options,
  );
}
