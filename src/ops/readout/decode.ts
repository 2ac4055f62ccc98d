/**
 * The second layer of a decoder: a small network that reads the R products p of a contraction at every point,
 *
 *   Z = W_1 a(z + b_0) + b_1, z = W_0 p,
 *
 * from z, which the contraction makes of W_0 as it mixes outputs. Of a(z + b_0) and its derivative nothing is stored: they
 * are made again where they are needed, and the cotangent at z is written over it.
 */

import {
  columnsOf,
  formatLayout,
  formatShape,
  type Layout,
  type Part,
  rowsOf,
  sameShape,
  sizeOf,
  stackOf,
} from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { apply, applyOne } from '../../graph/apply.js';
import { type Operation, scratch, secondDerivatives, type Value } from '../../graph/operation.js';
import { dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/readout.js';
import { asValue } from '../elementwise/fill.js';
import { quadsOf } from '../linear/product.js';

/** What stands between the layers of a decoder. */
export interface DecodeAttributes {
  /** a: WGSL `text` that defines activate(omega, z), the pair of a(omega z) and its derivative by z; omega is 1. */
  readonly activation: { readonly text: SlotText };
}

/** Sums over points go in pieces of so many stored numbers at the least, and no more pieces than this. */
const [leastPiece, mostPieces] = [2048, 256];

/** Where z and the layers of one model lie. */
export interface Decoded {
  readonly hidden: Part;
  /** [W_0 | b_0]. */
  readonly first: Part;
  /** [W_1 | b_1]. */
  readonly second: Part;
}

const decoding: Operation<DecodeAttributes> = {
  name: 'decode',
  shapes: ([hidden, layers]) => [stackOf(modelsOf(hidden, layers).map(outputShape))],
  lower: ({ device, attributes: { activation }, inputs: [hidden, layers], outputs: [result] }) => [
    productDispatch(device, kernels.decode, {
      slots: { activation: activation.text },
      problems: modelsOf(hidden.layout, layers.layout).map((model, i) => decodeProblem(model, result.layout.parts[i])),
      buffers: { parameter: layers.storage, number: layers.storage, hidden: hidden.storage, result: result.storage },
    }),
  ],
  vjp: ({ attributes, inputs: [hidden, layers], outputs: [output], cotangents: [cotangent] }) =>
    apply(decodingVjp, [asValue(cotangent, output), hidden, layers], attributes),
};

const decodingVjp: Operation<DecodeAttributes> = {
  name: 'decodeVjp',
  updates: [1],
  shapes: ([, hidden, layers]) => [hidden, layers],
  lower: ({ device, attributes: { activation }, inputs: [cotangent, , layers], outputs: [hidden, gradient] }) => {
    const models = modelsOf(hidden.layout, layers.layout);
    const slots = { activation: activation.text };
    const parameter = layers.storage;
    const own = models.map(piecesOf);
    const sums = scratch(stackOf(models.flatMap(({ second }, m) => own[m].map(() => sumsShape(second)))));
    let at = 0;
    const sumProblems = models.flatMap((model, m) =>
      own[m].map(piece => sumsProblem(model, cotangent.layout.parts[m], sums.layout.parts[at++], piece)),
    );
    let first = 0;
    const gradientProblems = models.map((model, m) => {
      const problem = gradientProblem(model, sums.layout.parts[first], own[m].length);
      first += own[m].length;
      return problem;
    });
    return [
      productDispatch(device, kernels.decodeSums, {
        slots,
        problems: sumProblems,
        buffers: { number: parameter, hidden: hidden.storage, cotangent: cotangent.storage, result: sums.storage },
      }),
      dispatch(kernels.decodeGradient, {
        ...oneThreadEachOf(
          device,
          models.map(({ first, second }) => sizeOf(first.shape) + sizeOf(second.shape)),
        ),
        problems: gradientProblems,
        buffers: { parameter, sums: sums.storage, gradient: gradient.storage },
      }),
      // The last, since it writes over z.
      productDispatch(device, kernels.decodeCotangent, {
        slots,
        problems: models.map((model, m) => cotangentProblem(model, cotangent.layout.parts[m])),
        buffers: { parameter, number: parameter, cotangent: cotangent.storage, hidden: hidden.storage },
      }),
    ];
  },
  notDifferentiable: secondDerivatives,
};

/** What the problems of all products begin with. */
function hiddenProblem({ hidden, first }: Decoded) {
  return {
    span: spanOf(hidden),
    hidden: quadsOf(hidden).first,
    bias: first.offset + columnsOf(first.shape) - 1,
    biasStride: first.stride,
  };
}

/** What those of both products through the second layer have. @param output Z, or the cotangent at it. */
function layersProblem(model: Decoded, output: Part) {
  const { hidden, second } = model;
  const { first, stride } = quadsOf(second);
  return {
    columns: hidden.shape[0] * spanOf(hidden),
    ...hiddenProblem(model),
    weight: first,
    weightStride: stride,
    output: quadsOf(output).first,
  };
}

/** The problem of kernels/readout/decode.wgsl. */
export function decodeProblem(model: Decoded, result: Part) {
  return { rows: rowsOf(model.second.shape), inner: model.hidden.shape[1], ...layersProblem(model, result) };
}

/** The problem of kernels/readout/decodeCotangent.wgsl. */
export function cotangentProblem(model: Decoded, cotangent: Part) {
  return { rows: model.hidden.shape[1], inner: rowsOf(model.second.shape), ...layersProblem(model, cotangent) };
}

/** The problem of kernels/readout/decodeSums.wgsl. @param piece the first stored number, and how many. */
export function sumsProblem(model: Decoded, cotangent: Part, result: Part, [start, inner]: readonly [number, number]) {
  const { hidden, second } = model;
  const { first, stride } = quadsOf(result);
  return {
    rows: rowsOf(second.shape),
    columns: columnsOf(result.shape),
    inner,
    start,
    units: hidden.shape[1],
    points: columnsOf(hidden.shape),
    width: hidden.stride,
    ...hiddenProblem(model),
    cotangent: quadsOf(cotangent).first,
    result: first,
    resultStride: stride,
  };
}

/** The problem of kernels/readout/decodeGradient.wgsl. @param sums those of the first piece. */
export function gradientProblem({ hidden, first, second }: Decoded, sums: Part, pieces: number) {
  return {
    outputs: rowsOf(second.shape),
    units: hidden.shape[1],
    products: columnsOf(first.shape) - 1,
    pieces,
    sums: sums.offset,
    sumsStride: sums.stride,
    first: first.offset,
    firstStride: first.stride,
    second: second.offset,
    secondStride: second.stride,
  };
}

/** C of one piece: (outputs, 2 hidden + 1). */
export function sumsShape({ shape: [outputs, columns] }: Part): readonly number[] {
  return [outputs, 2 * columns - 1];
}

/** The stretches of a model's points, in stored numbers of n_1 span: where each begins, and how long it is. */
function piecesOf({ hidden }: Decoded): (readonly [number, number])[] {
  const all = hidden.shape[0] * spanOf(hidden);
  const length = 4 * Math.ceil(Math.max(leastPiece, all / mostPieces) / 4);
  return Array.from({ length: Math.ceil(all / length) }, (_, i) => [i * length, Math.min(length, all - i * length)]);
}

/** Stored numbers of z[i_1, h]. */
function spanOf({ shape, stride }: Part): number {
  return sizeOf(shape.slice(2, -1)) * stride;
}

function outputShape({ hidden: { shape }, second }: Decoded): readonly number[] {
  const [points, , ...others] = shape;
  const outputs = rowsOf(second.shape);
  return outputs === 1 ? [points, ...others] : [points, outputs, ...others];
}

/** @throws InputError layers that do not fit their hidden units. */
function modelsOf(hidden: Layout, layers: Layout): Decoded[] {
  if (layers.parts.length !== 2 * hidden.parts.length) {
    throw new InputError(
      `decode: takes two layers [W | b] per model, ${2 * hidden.parts.length}, got ${formatLayout(layers)}`,
    );
  }
  return hidden.parts.map((part, i) => {
    const [first, second] = layers.parts.slice(2 * i, 2 * i + 2);
    const [, units = 0] = part.shape;
    const fits = part.shape.length > 2 && rowsOf(first.shape) === units;
    if (fits && sameShape(second.shape, [rowsOf(second.shape), units + 1])) return { hidden: part, first, second };
    throw new InputError(
      `decode: hidden units of shape ${formatShape(part.shape)} take layers (${units}, products + 1) and (outputs, ${units + 1}), got ${formatShape(first.shape)} and ${formatShape(second.shape)}`,
    );
  });
}

/**
 * Z = W_1 a(z + b_0) + b_1 at every point, for each model of a stack.
 *
 * @param hidden z, (n_1, hidden, n_2 .. n_D) for each model.
 * @param layers [W_0 | b_0], (hidden, products + 1), and [W_1 | b_1], (outputs, hidden + 1), model by model; of the first
 *   only b_0 is used, and the gradient at its W_0 is 0 here.
 * @returns (n_1, outputs, n_2 .. n_D) for each model; without the second axis where there is one output.
 * @throws InputError layers that do not fit the hidden units.
 */
export function decode(hidden: Value, layers: Value, attributes: DecodeAttributes): Value {
  return applyOne(decoding, [hidden, layers], attributes);
}
