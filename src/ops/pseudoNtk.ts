/**
 * The pseudo-NTK of factor networks by sum-of-logits: K[i, j] = <grad sum_r f(x_i)_r, grad sum_r f(x_j)_r> (Mohamadi,
 * Bae and Sutherland 2023), by the layer identity K = sum_l (D_l D_l^T) * (H_l H_l^T), where H_l is layer l's
 * homogeneous input and D_l the cotangent at its pre-activation when that at the output is all ones. No gradient of a
 * single point is ever formed.
 */

import { columnsOf, rowsOf, stackOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { applyOne, type Value } from '../graph/graph.js';
import { type Operand, type Operation, scratch } from '../graph/operation.js';
import { type Dispatch, dispatch, productDispatch } from '../kernel/dispatch.js';
import { cotangentDispatch, layerOf, type Tape } from './factorNetwork.js';
import { productProblem, quadsOf } from './matmul.js';

const workgroup = 64;

const operation: Operation<{ depth: number }> = {
  name: 'pseudoNtk',
  shapes: ([, input]) => [stackOf(input.parts.map(({ shape }) => [rowsOf(shape), rowsOf(shape)]))],
  lower: ({ device, attributes: { depth }, inputs: [parameters, ...tape], outputs: [kernel] }) => {
    const layers = tape.slice(0, depth);
    const derivatives = tape.slice(depth);
    const outputs = (network: number) => layerOf(parameters.layout, network, depth - 1, depth).shape[0];
    // The output layer's own share: D is all ones there, so D D^T is the number of outputs.
    const dispatches = [gramDispatch(device, layers[depth - 1], kernel, outputs)];
    let flowing = scratch(derivatives[depth - 2].layout);
    dispatches.push(outputCotangentDispatch(parameters, derivatives[depth - 2], flowing, depth));
    for (let layer = depth - 2; layer >= 0; layer--) {
      const gram = scratch(kernel.layout);
      dispatches.push(gramDispatch(device, layers[layer], gram, () => 1));
      dispatches.push(layerDispatch(device, flowing, gram, kernel));
      if (layer === 0) break;
      const below = scratch(derivatives[layer - 1].layout);
      dispatches.push(cotangentDispatch(device, flowing, parameters, derivatives[layer - 1], below, layer, depth));
      flowing = below;
    }
    return dispatches;
  },
  notDifferentiable: 'a preconditioner is made from it, through which no gradient flows',
};

/** result = alpha X X^T, alpha for each network. */
function gramDispatch(device: Device, x: Operand, result: Operand, alpha: (network: number) => number): Dispatch {
  return productDispatch(device, 'product', {
    constants: { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false },
    problems: x.layout.parts.map((part, i) => productProblem(part, part, result.layout.parts[i], false, alpha(i))),
    buffers: { left: x.storage, right: x.storage, result: result.storage },
  });
}

/** K = K + gram * (D D^T). */
function layerDispatch(device: Device, cotangent: Operand, gram: Operand, kernel: Operand): Dispatch {
  return productDispatch(device, 'pseudoNtk', {
    problems: cotangent.layout.parts.map((part, i) => {
      const { alpha: _, beta: __, ...problem } = productProblem(part, part, kernel.layout.parts[i], false);
      const { first, stride } = quadsOf(gram.layout.parts[i]);
      return { ...problem, gram: first, gramStride: stride };
    }),
    buffers: { left: cotangent.storage, right: cotangent.storage, gram: gram.storage, result: kernel.storage },
  });
}

function outputCotangentDispatch(parameters: Operand, derivative: Operand, result: Operand, depth: number): Dispatch {
  const problems = derivative.layout.parts.map((part, i) => {
    const weights = layerOf(parameters.layout, i, depth - 1, depth);
    const [weight, slope, target] = [weights, part, result.layout.parts[i]].map(quadsOf);
    return {
      rows: rowsOf(part.shape),
      columns: columnsOf(part.shape),
      inner: rowsOf(weights.shape),
      weight: weight.first,
      weightStride: weight.stride,
      derivative: slope.first,
      derivativeStride: slope.stride,
      result: target.first,
      resultStride: target.stride,
    };
  });
  const widest = Math.max(...problems.map(p => p.columns));
  return dispatch('outputCotangent', {
    constants: { WORKGROUP: workgroup },
    problems,
    buffers: { parameter: parameters.storage, derivative: derivative.storage, result: result.storage },
    workgroups: [Math.ceil(widest / 4 / workgroup), 1, problems.length],
  });
}

/** K, (n, n) for each network, from the tape of a forward pass. */
export function pseudoNtk({ parameters, inputs, derivatives }: Tape): Value {
  return applyOne(operation, [parameters, ...inputs, ...derivatives], { depth: inputs.length });
}
