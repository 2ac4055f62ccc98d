/**
 * SepPGD where the output's cotangent G is never whole: it comes in slabs of the first axis, G_s.
 *
 * Every S_d but the first acts within a slab. S_1 = I - W^T V (W = C V, k rows each) couples them; as all that follows
 * is linear in G and in each factor matrix, it is applied where the whole first axis is at hand and small:
 *
 *   product   (dZ/dF)^T [G x_1 S_1 ..] is the VJP at S_1 F_1 instead of F_1, its cotangent at F_1 brought through S_1.
 *   sum       (dZ/dF)^T [G x_1 S_1] = (dZ/dF)^T [G] - (dZ/dF)^T [H x_1 W^T], H = V G (k, n_2 .. n_D) added up over the
 *             slabs; the last is the VJP at W F_1 instead of F_1, with cotangent H, brought through W.
 *
 * So no slab is visited twice, and a step costs 2 N k (1 + D R / n_1) operations more than on the whole grid at the most.
 */

import type { Value } from '../graph/operation.js';
import type { Model } from '../model/model.js';
import { coordinateAxes } from '../model/outputAxis.js';
import { scale, subtract } from '../ops/elementwise/linearCombination.js';
import { type Piece, pieces, type Range } from '../ops/elementwise/pieces.js';
import { type Combine, type ModulatedBasis, precondition } from '../ops/precondition/precondition.js';
import { projection } from '../ops/precondition/projection.js';
import type { AppliedInSlabs } from './preconditioner.js';

/** How the preconditioners of the axes are applied. */
export interface AlongAxes {
  readonly combine: Combine;
  /** k of each axis. */
  readonly topK: readonly number[];
}

/** SepPGD at one moment, for the graphs that work on slabs. */
export function inSlabs(model: Model, { vectors, scaled }: ModulatedBasis, how: AlongAxes): AppliedInSlabs {
  const { axes } = model.domain;
  const [firstK, ...otherK] = how.topK;
  /** Of every axis but the first. */
  const others = (all: Value) =>
    pieces(
      [all],
      everyPart(all).filter(({ part }) => part % axes > 0),
    );
  /** The k leading eigenvectors of the first axis, of each member; some of them, and some of their columns. */
  const first = (all: Value, columns?: Range, rows: Range = [0, firstK]) =>
    pieces(
      [all],
      everyPart(all)
        .filter(({ part }) => part % axes === 0)
        .map(({ part }) => ({ part, rows, ...(columns && { columns }) })),
    );
  const transform = (cotangent: Value): Value =>
    precondition(cotangent, others(vectors), others(scaled), {
      combine: how.combine,
      topK: otherK,
      axes: coordinateAxes(axes, model.readout.outputs).slice(1),
      identities: 1,
    });
  if (how.combine === 'product') {
    return {
      transform,
      // S_1 F_1 instead of F_1.
      lift(factors) {
        const own = firstOf(factors, axes);
        const taken = projection(projection(own, first(vectors)), first(scaled), { transpose: true });
        return withFirst(factors, subtract(own, taken), axes);
      },
    };
  }
  return {
    transform,
    projection: {
      rows: firstK,
      // V_1 of the slab's rows times G_s: its share of H.
      project: (cotangent, rows, some) => projection(cotangent, first(vectors, rows, some)),
      // -W F_1 instead of F_1, on which the VJP with cotangent H takes away what S_1 does.
      reduce: factors => withFirst(factors, scale(projection(firstOf(factors, axes), first(scaled)), -1), axes),
    },
  };
}

/** F_1 of each member. */
function firstOf(factors: Value, axes: number): Value {
  return pieces(
    [factors],
    everyPart(factors).filter(({ part }) => part % axes === 0),
  );
}

/** The factor matrices with others instead of the F_1. */
function withFirst(factors: Value, first: Value, axes: number): Value {
  return pieces(
    [first, factors],
    everyPart(factors).map(({ part }) => (part % axes === 0 ? { stack: 0, part: part / axes } : { stack: 1, part })),
  );
}

function everyPart({ layout }: Value): readonly Piece[] {
  return layout.parts.map((_, part) => ({ part }));
}
