/**
 * How tensors lie in device memory. A layout is a stack of parts in one buffer: one part for an ordinary tensor, one a
 * network, layer or channel where many small matrices go through the same dispatch. Rows run along the last axis and
 * are padded to whole quads of four numbers, so that kernels read four at a time; what stands in the padding is never
 * looked at.
 */

import { InputError } from '../errors.js';
import { totalOf } from '../host/arrays.js';
import { isList, requireList, shown } from '../host/checks.js';

/** Sizes of the axes of an array, each from 1 to 2^31 - 1; row-major, the last axis the fastest. None for a scalar. */
export type Shape = readonly number[];

/** Where one tensor of a stack lies in the memory of all. */
export interface Part {
  /** Sizes of its axes; its rows run along the last. */
  readonly shape: Shape;
  /** Number at which the part begins; a multiple of 4 unless the layout is packed. */
  readonly offset: number;
  /** Numbers from one row to the next. */
  readonly stride: number;
}

/** How one tensor, or a stack of several, lies in memory as f32: rows padded to whole quads, or packed. */
export interface Layout {
  /** The tensors of the stack, in their order: one for an ordinary tensor. */
  readonly parts: readonly Part[];
  /** Numbers in all, padding included. */
  readonly length: number;
}

/** Numbers in a quad, the unit in which kernels read rows. */
export const quad = 4;

/** Numbers that a row of so many columns takes, to whole quads. */
export function padded(columns: number): number {
  return Math.ceil(columns / quad) * quad;
}

/** Product of all axes but the last; 1 for a vector or a scalar. */
export function rowsOf(shape: Shape): number {
  return shape.slice(0, -1).reduce((product, n) => product * n, 1);
}

/** The last axis; 1 for a scalar. */
export function columnsOf(shape: Shape): number {
  return shape.at(-1) ?? 1;
}

/** Numbers in an array of this shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return rowsOf(shape) * columnsOf(shape);
}

/** Numbers in arrays of these shapes, all together. */
export function sizeOfAll(shapes: readonly Shape[]): number {
  return totalOf(shapes, sizeOf);
}

/** Numbers in all parts, padding left out. */
export function numbersIn({ parts }: Layout): number {
  return totalOf(parts, ({ shape }) => sizeOf(shape));
}

/** A stack of parts of the given shapes, each row padded to whole quads. @throws InputError an axis that is no size. */
export function stackOf(shapes: readonly Shape[]): Layout {
  return laidOut(shapes, shape => padded(columnsOf(shape)));
}

/** The layout of one tensor, its rows padded to whole quads. */
export function layoutOf(shape: Shape): Layout {
  return stackOf([shape]);
}

/** Parts whose rows lie directly after each other, as a host has them. */
export function packedStackOf(shapes: readonly Shape[]): Layout {
  return laidOut(shapes, columnsOf);
}

function laidOut(shapes: readonly Shape[], strideOf: (shape: Shape) => number): Layout {
  let length = 0;
  requireList('shape', shapes, 'give one such as [128, 128]');
  const parts = shapes.map(shape => {
    requireShape(shape);
    const part = { shape, offset: length, stride: strideOf(shape) };
    length += rowsOf(shape) * part.stride;
    return part;
  });
  return { parts, length };
}

/** Whether there is no padding. */
export function isPacked(layout: Layout): boolean {
  return layout.length === numbersIn(layout);
}

/** Whether every row begins at a quad, so that a kernel may read it four numbers at a time. */
export function isQuadAligned(layout: Layout): boolean {
  return layout.parts.every(part => part.stride % quad === 0 && part.offset % quad === 0);
}

/** Whether two stacks have the same shapes in the same places. */
export function sameLayout(a: Layout, b: Layout): boolean {
  return (
    a.length === b.length &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, i) => {
      const other = b.parts[i] as Part;
      return part.offset === other.offset && part.stride === other.stride && sameShape(part.shape, other.shape);
    })
  );
}

/** Whether two shapes have the same axes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** The only part of a layout. @throws InputError if it is a stack of several. */
export function onlyPart(what: string, layout: Layout): Part {
  if (layout.parts.length !== 1) {
    throw new InputError(`${what}: takes one tensor, got a stack of ${layout.parts.length}`);
  }
  return layout.parts[0] as Part;
}

/** A shape for a message: (128, 128). */
export function formatShape(shape: Shape): string {
  return `(${shape.join(', ')})`;
}

/** The shapes of a layout for a message: (128, 128), or [(128, 2), (2)] of a stack. */
export function formatLayout(layout: Layout): string {
  const shapes = layout.parts.map(part => formatShape(part.shape));
  return shapes.length === 1 ? (shapes[0] as string) : `[${shapes.join(', ')}]`;
}

/** @throws InputError unless there are as many numbers as the parts take. */
export function requireNumbersOf(layout: Layout, values: ArrayLike<number>): void {
  const expected = numbersIn(layout);
  const got = isList(values) ? values.length : shown(values);
  if (got === expected) return;
  throw new InputError(`tensor of shape ${formatLayout(layout)}: takes ${expected} numbers, got ${got}`);
}

function requireShape(shape: Shape): void {
  requireList('shape', shape, 'give one such as [128, 128]');
  for (const n of shape) {
    if (!Number.isInteger(n) || n < 1 || n > 0x7fffffff) {
      throw new InputError(`shape ${formatShape(shape)}: ${n} is no size of an axis: use whole numbers from 1`);
    }
  }
}

/** Numbers of all parts, rows after each other, from padded memory. */
export function unpad(layout: Layout, stored: Float32Array): Float32Array {
  if (isPacked(layout)) return stored;
  const values = new Float32Array(numbersIn(layout));
  eachRow(layout, (start, columns, at) => values.set(stored.subarray(start, start + columns), at));
  return values;
}

/** Padded memory from the numbers of all parts, rows after each other; the padding is zero. */
export function pad(layout: Layout, values: ArrayLike<number> & Iterable<number>): Float32Array {
  const source = values instanceof Float32Array ? values : Float32Array.from(values);
  if (isPacked(layout)) return source;
  const stored = new Float32Array(layout.length);
  eachRow(layout, (start, columns, at) => stored.set(source.subarray(at, at + columns), start));
  return stored;
}

/** @param visit told where a row begins in memory, how many numbers it has, and how many stand before it. */
function eachRow(layout: Layout, visit: (start: number, columns: number, at: number) => void): void {
  let at = 0;
  for (const { shape, offset, stride } of layout.parts) {
    const columns = columnsOf(shape);
    for (let row = 0; row < rowsOf(shape); row++, at += columns) visit(offset + row * stride, columns, at);
  }
}
