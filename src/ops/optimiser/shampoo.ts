/**
 * Shampoo of one side (Gupta et al. 2018; An et al. 2025 as ASGO) on some matrices of a model's parameters: the momentum
 * times the inverse square root of a running mean of G G^T, which is found now and then and serves the steps after it.
 */

import { columnsOf, layoutOf, quad, rowsOf, stackOf } from '../../buffer/layout.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import { type Operand, type Operation, scratch, updatesState, type Value } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import type { Problem } from '../../kernel/kernel.js';
import { identity } from '../../wgsl/elementwise.js';
import * as kernels from '../../wgsl/optimiser.js';
import { mirrorDispatch } from '../linear/mirror.js';
import { multiplyDeep, productOfParts, quadsOf } from '../linear/product.js';
import { addedProduct, matrixOf, type Polynomials } from './muon.js';

/** Layout of the Gram matrices, of the shorter side of each of the `matrices` [W | b]. */
export function gramShapes(parameters: readonly { readonly shape: readonly number[] }[]): number[][] {
  return parameters.map(({ shape: [rows, columns] }) => {
    const side = Math.min(rows, columns - 1);
    return [side, side];
  });
}

const mean: Operation<{ readonly matrices: readonly number[]; readonly decay: number }> = {
  name: 'gramMean',
  updates: [0],
  shapes: ([gram, gradient], { matrices }) => {
    const shapes = gramShapes(matrices.map(at => gradient.parts[at]));
    return [requireSameLayout('gramMean', gram, stackOf(shapes))];
  },
  lower: ({ device, attributes: { matrices, decay }, inputs: [, gradient], outputs: [gram] }) => {
    const products = matrices.map((at, i) => {
      const part = gradient.layout.parts[at];
      const { rows, columns, tall } = matrixOf(part);
      const whole = productOfParts(part, part, gram.layout.parts[i], { alpha: 1 - decay, beta: decay });
      const product = { ...whole, inner: Math.max(rows, columns) };
      return { product, tall };
    });
    const buffers = { left: gradient.storage, right: gradient.storage, result: gram.storage };
    return [true, false].flatMap(transposeLeft => {
      const own = products.filter(({ tall }) => tall === transposeLeft).map(({ product }) => product);
      const options = { transposeLeft, transposeRight: !transposeLeft, upper: true };
      return own.length > 0 ? multiplyDeep(device, own, buffers, options) : [];
    });
  },
  notDifferentiable: updatesState,
};

const root: Operation<{ readonly polynomials: Polynomials }> = {
  name: 'inverseRoot',
  shapes: ([gram]) => [gram],
  lower: ({ device, attributes: { polynomials }, inputs: [gram], outputs: [result] }) => {
    const own = () => scratch(gram.layout);
    let [matrix, next, root, nextRoot] = [own(), own(), own(), own()];
    const [polynomial, moved] = [own(), own()];
    const dispatches = [...copyRows(device, gram, matrix), mirrorDispatch(matrix), ...toUnitNorm(matrix)];
    const sizes = gram.layout.parts.map(({ shape }) => rowsOf(shape));
    dispatches.push(
      dispatch(identity, {
        ...oneThreadEachOf(
          device,
          sizes.map(size => size * Math.ceil(size / quad)),
        ),
        problems: root.layout.parts.map((part, i) => {
          const { first, stride } = quadsOf(part);
          return { size: sizes[i], result: first, resultStride: stride };
        }),
        buffers: { result: root.storage },
      }),
    );
    /** to = alpha left right + beta added, which commute, so that it is symmetric. */
    const add = (left: Operand, right: Operand, added: Operand, to: Operand, by: readonly [number, number]) => {
      dispatches.push(addedProduct(device, { left, right, added, result: to }, by, true), mirrorDispatch(to));
    };
    polynomials.forEach(([a, b, c], step) => {
      const isLast = step === polynomials.length - 1;
      if (isLast) nextRoot = result;
      add(matrix, matrix, matrix, polynomial, [c, b]);
      add(polynomial, root, root, nextRoot, [1, a]);
      [root, nextRoot] = [nextRoot, root];
      if (isLast) return;
      add(polynomial, matrix, matrix, moved, [1, a]);
      add(polynomial, moved, moved, next, [1, a]);
      [matrix, next] = [next, matrix];
    });
    return dispatches;
  },
  notDifferentiable: 'a step of an optimiser is made from it, through which no gradient flows',
};

const scaled: Operation<undefined> = {
  name: 'unitNorm',
  updates: [0],
  shapes: ([matrices]) => [matrices],
  lower: ({ outputs: [matrices] }) => toUnitNorm(matrices),
  notDifferentiable: 'a step of an optimiser is made from it, through which no gradient flows',
};

/** Squares of small numbers stay in range: what is scaled are Gram matrices too, which have the gradient's square. */
const leastNorm = 1e-30;

/** Numbers of a matrix whose squares one workgroup adds up. */
const stretch = 4096;

/** Every matrix of a stack over its norm, in place. */
function toUnitNorm(matrices: Operand): Dispatch[] {
  const { ROWS, WORKGROUP } = kernels.unitNormConstants;
  const stretches: Problem<typeof kernels.squares>[] = [];
  const problems = matrices.layout.parts.map(part => {
    const [rows, columns] = [rowsOf(part.shape), columnsOf(part.shape)];
    const first = stretches.length;
    const high = Math.max(1, Math.floor(stretch / columns));
    for (let row = 0; row < rows; row += high) {
      stretches.push({
        rows: Math.min(high, rows - row),
        columns,
        input: part.offset + row * part.stride,
        inputStride: part.stride,
        result: stretches.length,
      });
    }
    const { first: matrix, stride } = quadsOf(part);
    return { rows, columns, matrix, stride, squares: first, parts: stretches.length - first };
  });
  const squares = scratch(layoutOf([stretches.length]));
  const [tallest, widest] = [mostOf(problems, p => p.rows), mostOf(problems, p => p.columns)];
  return [
    dispatch(kernels.squares, {
      problems: stretches,
      buffers: { input: matrices.storage, result: squares.storage },
      workgroups: [1, 1, stretches.length],
    }),
    dispatch(kernels.unitNorm, {
      constants: { LEAST_NORM: leastNorm },
      problems,
      buffers: { squares: squares.storage, matrix: matrices.storage },
      workgroups: [Math.ceil(widest / (quad * WORKGROUP)), Math.ceil(tallest / ROWS), problems.length],
    }),
  ];
}

/**
 * gram <- decay gram + (1 - decay) G G^T, or G^T G of what is tall; of the results what stands on and above the diagonal.
 *
 * @param gram `gramShapes` of the matrices.
 * @throws InputError a gram of another layout.
 */
export function gramMean(gram: Value, gradient: Value, matrices: readonly number[], decay: number): Value {
  return applyOne(mean, [gram, gradient], { matrices, decay });
}

/**
 * A^(-1/2) |A|_F^(1/2) for symmetric A without eigenvalues below 0, given on and above the diagonal: R such that
 * R A^(1/2) is what the polynomials make of A^(1/2) |A|_F^(-1/2), 1 but for what is too small for them.
 */
export function inverseRoot(gram: Value, polynomials: Polynomials): Value {
  return applyOne(root, [gram], { polynomials });
}

/** Every matrix of a stack over its norm; zeros stay. */
export function toUnit(matrices: Value): Value {
  return applyOne(scaled, [matrices], undefined);
}
