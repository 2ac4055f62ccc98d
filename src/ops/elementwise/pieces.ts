/** Stacks cut up and put together: matrices, or ranges of their rows and columns, of one or several stacks as one. */

import { columnsOf, formatLayout, formatShape, type Layout, type Part, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import { type Operand, type Operation, secondDerivatives, type Value, withParts } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { asValue, fill } from './fill.js';

/** The first index, and the one after the last. */
export type Range = readonly [number, number];

/** A matrix of a stack, or some rows and columns of it that lie next to each other. */
export interface Piece {
  /** Which of the stacks, the first by default. */
  readonly stack?: number;
  /** Which matrix of the stack, from 0. */
  readonly part: number;
  /** Those taken; all by default. */
  readonly rows?: Range;
  /** Those taken; all by default. */
  readonly columns?: Range;
}

interface Attributes {
  readonly taken: readonly Piece[];
}

const operation: Operation<Attributes> = {
  name: 'pieces',
  shapes: (stacks, { taken }) => {
    const views = taken.map(piece => viewOf(stacks[piece.stack ?? 0], piece));
    requireApart(taken, views);
    return [stackOf(views.map(({ shape }) => shape))];
  },
  lower: ({ device, attributes: { taken }, inputs, outputs: [result] }) =>
    inputs.flatMap((input, stack) => copyPieces(device, taken, stack, input, result, false)),
  vjp: ({ attributes: { taken }, inputs, outputs: [output], cotangents: [cotangent] }) => {
    const whole = asValue(cotangent, output);
    return inputs.map((input, stack) => {
      const home = input.layout.parts.map((_, part) => taken.findIndex(piece => isWhole(piece, stack, part)));
      if (!home.includes(-1))
        return pieces(
          [whole],
          home.map(part => ({ part })),
        ); // no number is left out
      return applyOne(placement, [fill(input.graph, input.layout, 0), whole], { taken, stack });
    });
  },
};

/** The pieces of one stack written back to where they came from. */
const placement: Operation<Attributes & { stack: number }> = {
  name: 'piecesVjp',
  updates: [0],
  shapes: ([base]) => [base],
  lower: ({ device, attributes: { taken, stack }, inputs: [, cotangent], outputs: [base] }) =>
    copyPieces(device, taken, stack, base, cotangent, true),
  notDifferentiable: secondDerivatives,
};

/** The pieces of one stack, copied from there to where they stand together, or back. */
function copyPieces(
  device: Device,
  taken: readonly Piece[],
  stack: number,
  home: Operand,
  together: Operand,
  back: boolean,
): Dispatch[] {
  const own = taken.flatMap((piece, i) => ((piece.stack ?? 0) === stack ? [i] : []));
  if (own.length === 0) return [];
  const there = withParts(
    home,
    own.map(i => viewOf(home.layout, taken[i])),
  );
  const here = withParts(
    together,
    own.map(i => together.layout.parts[i]),
  );
  return back ? copyRows(device, here, there) : copyRows(device, there, here);
}

function isWhole(piece: Piece, stack: number, part: number): boolean {
  return (piece.stack ?? 0) === stack && piece.part === part && !piece.rows && !piece.columns;
}

/** Where a piece lies: a part of its stack's memory, whose rows need not begin at a quad. */
function viewOf(stack: Layout = stackOf([]), { part: index, rows, columns }: Piece): Part {
  const part = stack.parts[index];
  if (!part) throw new InputError(`pieces: there is no part ${index} in ${formatLayout(stack)}`);
  if (!rows && !columns) return part;
  const { shape, offset, stride } = part;
  const [top, bottom] = rows ?? [0, rowsOf(shape)];
  const [left, right] = columns ?? [0, columnsOf(shape)];
  const isRange = (from: number, to: number, most: number) => from >= 0 && from < to && to <= most;
  if (shape.length !== 2 || !isRange(top, bottom, shape[0]) || !isRange(left, right, shape[1])) {
    throw new InputError(
      `pieces: rows ${top} to ${bottom} and columns ${left} to ${right} of ${formatShape(shape)}: no such piece of a matrix`,
    );
  }
  return { shape: [bottom - top, right - left], offset: offset + top * stride + left, stride };
}

/** @throws InputError pieces that overlap: their cotangents would have to be added up. */
function requireApart(taken: readonly Piece[], views: readonly Part[]): void {
  const meet = (a: Range | undefined, b: Range | undefined) => !a || !b || (a[0] < b[1] && b[0] < a[1]);
  taken.forEach((piece, i) => {
    const other = taken.findIndex(
      (earlier, j) =>
        j < i &&
        (earlier.stack ?? 0) === (piece.stack ?? 0) &&
        earlier.part === piece.part &&
        meet(earlier.rows, piece.rows) &&
        meet(earlier.columns, piece.columns),
    );
    if (other < 0) return;
    throw new InputError(
      `pieces: pieces ${other} and ${i}, ${formatShape(views[other].shape)} and ${formatShape(views[i].shape)} of part ${piece.part}, overlap`,
    );
  });
}

/**
 * A stack of pieces of others, in the order given; what no piece names is left out.
 *
 * @param stacks where the pieces come from.
 * @param taken the pieces; no two may overlap.
 * @throws InputError a piece that is not there, or two that overlap.
 */
export function pieces(stacks: readonly Value[], taken: readonly Piece[]): Value {
  return applyOne(operation, stacks, { taken });
}
