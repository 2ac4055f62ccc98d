/**
 * The pseudo-NTK of factor networks by sum-of-logits: K[i, j] = <grad sum_r f(x_i)_r, grad sum_r f(x_j)_r> (Mohamadi,
 * Bae and Sutherland 2023). It is the tangent kernel for a cotangent of all ones at the output (see tangentKernel),
 * where the last layer's share is a Gram matrix and the cotangent below it one row of sums.
 */

import { columnsOf, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { noGradientFlows, type Operand, type Operation, scratch } from '../../graph/operation.js';
import { mostOf } from '../../host/arrays.js';
import { type Dispatch, dispatch, usualWorkgroup } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/tangent.js';
import { placesOf } from '../linear/product.js';
import { layerOf, type Residuals } from '../network/factorNetwork.js';
import { gramDispatch, hiddenLayers, layerDispatches } from './tangentKernel.js';

const operation: Operation<{ depth: number }> = {
  name: 'pseudoNtk',
  shapes: ([, input]) => [stackOf(input.parts.map(({ shape }) => [rowsOf(shape), rowsOf(shape)]))],
  lower: ({ device, attributes: { depth }, inputs: [parameters, ...kept], outputs: [ntk] }) => {
    const layers = kept.slice(0, depth);
    const derivatives = kept.slice(depth);
    const outputs = (network: number) => layerOf(parameters.layout, network, depth - 1, depth).shape[0];
    // The output layer's own share: D is all ones there, so D D^T is the number of outputs.
    const ofOutput = gramDispatch(device, layers[depth - 1], ntk, outputs, depth > 1);
    if (depth === 1) return [ofOutput];
    const flowing = scratch(derivatives[depth - 2].layout);
    return [
      ofOutput,
      outputCotangentDispatch(device, parameters, derivatives[depth - 2], flowing, depth),
      ...layerDispatches(device, flowing, layers[depth - 2], ntk, { last: depth === 2 }),
      ...hiddenLayers(device, { flowing, from: depth - 2, parameters, layers, derivatives }, ntk, 1),
    ];
  },
  notDifferentiable: noGradientFlows,
};

/** On a GPU, quads of columns and points of one workgroup: as many workgroups as keep it busy, each with a line of memory. */
const gpuTile = { ACROSS: 8, BAND: 64 };

function outputCotangentDispatch(
  device: Device,
  parameters: Operand,
  derivative: Operand,
  result: Operand,
  depth: number,
): Dispatch {
  const size = usualWorkgroup(device);
  const problems = derivative.layout.parts.map((part, i) => {
    const weights = layerOf(parameters.layout, i, depth - 1, depth);
    return {
      rows: rowsOf(part.shape),
      columns: columnsOf(part.shape),
      inner: rowsOf(weights.shape),
      ...placesOf({ weight: weights, derivative: part, result: result.layout.parts[i] }),
    };
  });
  const [highest, widest] = [mostOf(problems, p => p.rows), mostOf(problems, p => p.columns)];
  const tile = device.cpu ? undefined : gpuTile;
  const { ACROSS, BAND } = tile ?? { ACROSS: size, BAND: highest };
  return dispatch(kernels.outputCotangent, {
    constants: { WORKGROUP: size, ...tile },
    problems,
    buffers: { parameter: parameters.storage, derivative: derivative.storage, result: result.storage },
    workgroups: [Math.ceil(widest / 4 / ACROSS), Math.ceil(highest / BAND), problems.length],
  });
}

/**
 * K[i, j] = <grad sum_r f(x_i)_r, grad sum_r f(x_j)_r>, (n, n) for each network, from the residuals of a forward pass:
 * the tangent kernel by sum of logits (Mohamadi, Bae and Sutherland 2023).
 */
export function pseudoNtk({ parameters, inputs, derivatives }: Residuals): Value {
  return applyOne(operation, [parameters, ...inputs, ...derivatives], { depth: inputs.length });
}
