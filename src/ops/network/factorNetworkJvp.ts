/**
 * J w of a batch of factor networks: the tangent of their factor matrices for a tangent of their parameters, at the
 * point where a forward pass left its residuals. Forward-mode differentiation (Griewank and Walther 2008, section 3.1),
 * layer by layer on homogeneous activations H, with a tangent [dW | db] of [W | b] and nothing above H' for the bias:
 *
 *   Z' = H [dW | db]^T + H' W^T,   the next H' = a' * Z',   H' = 0 at the input.
 *
 * It is linear in the tangent of the parameters, and its VJP there is that of the networks themselves: together they
 * give products with J and J^T, and so with the tangent kernel J J^T, without J.
 */

import { columnsOf, formatLayout, formatShape, type Layout, rowsOf, sameShape, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyDispatch } from '../elementwise/multiply.js';
import { multiplyStacks } from '../linear/product.js';
import { factorNetworkVjp, layerOf, layerOfAll, type Residuals } from './factorNetwork.js';

const operation: Operation<{ readonly depth: number }> = {
  name: 'factorNetworkJvp',
  shapes: ([tangent, parameters, input], { depth }) => {
    requireSameLayout('factorNetworkJvp', tangent, parameters);
    requireNetworks(parameters, input, depth);
    return [
      stackOf(input.parts.map(({ shape }, i) => [rowsOf(shape), layerOf(parameters, i, depth - 1, depth).shape[0]])),
    ];
  },
  lower: ({ device, attributes: { depth }, inputs: [tangent, parameters, ...kept], outputs: [result] }) => {
    const [layers, derivatives] = [kept.slice(0, depth), kept.slice(depth)];
    const dispatches: Dispatch[] = [];
    let below: Operand | undefined;
    for (let layer = 0; layer < depth; layer++) {
      const slope = derivatives[layer];
      const sum = slope ? scratch(slope.layout) : result;
      dispatches.push(...layerDispatches(device, layers[layer], tangent, sum, layer, depth));
      if (below) dispatches.push(...layerDispatches(device, below, parameters, sum, layer, depth, 1));
      if (!slope) break;
      below = scratch(slope.layout);
      dispatches.push(multiplyDispatch(device, sum, slope, below));
    }
    return dispatches;
  },
  vjp: ({ inputs: [, parameters, ...kept], outputs: [output], attributes: { depth }, cotangents: [cotangent] }) => {
    const at = { parameters, inputs: kept.slice(0, depth), derivatives: kept.slice(depth) };
    return [factorNetworkVjp(asValue(cotangent, output), at)];
  },
};

/** result = H [W | b]^T, or result + H W^T where H has no column of ones, for one layer of every network. */
function layerDispatches(
  device: Device,
  activations: Operand,
  weights: Operand,
  result: Operand,
  layer: number,
  depth: number,
  beta = 0,
): readonly Dispatch[] {
  return multiplyStacks(device, activations, layerOfAll(weights, activations, layer, depth), result, {
    transposeRight: true,
    beta,
  });
}

function requireNetworks(parameters: Layout, input: Layout, depth: number): void {
  const networks = input.parts.length;
  if (parameters.parts.length !== depth * networks) {
    throw new InputError(
      `factorNetworkJvp: ${networks} networks of depth ${depth} have ${depth * networks} matrices [W | b], got ${formatLayout(parameters)}`,
    );
  }
  input.parts.forEach(({ shape }, i) => {
    const first = layerOf(parameters, i, 0, depth).shape;
    if (sameShape([first[0], columnsOf(shape)], first)) return;
    throw new InputError(
      `factorNetworkJvp: network ${i} takes ${columnsOf(first)} columns, got an input of ${formatShape(shape)}`,
    );
  });
}

/**
 * J w, the derivative of the factor matrices along `tangent`.
 *
 * @param tangent w, [dW | db] of every layer, network by network, in the parameters' shapes.
 * @param residuals of `factorNetwork`, with nothing after the networks' matrices.
 * @returns (n, outputs) for each network.
 * @throws InputError a tangent of other shapes than the parameters.
 */
export function factorNetworkJvp(tangent: Value, { parameters, inputs, derivatives }: Residuals): Value {
  return applyOne(operation, [tangent, parameters, ...inputs, ...derivatives], { depth: inputs.length });
}
