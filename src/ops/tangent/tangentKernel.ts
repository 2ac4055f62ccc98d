/**
 * Tangent kernels K[i, j] = <v_i, v_j>, v_i = J_i^T g_i the parameters' gradient at point i when the cotangent at the
 * networks' output is g_i there, by the layer identity K = sum_l (D_l D_l^T) * (H_l H_l^T): H_l is layer l's
 * homogeneous input and D_l the cotangent at its pre-activation, g itself at the last. No gradient of a single point is
 * ever formed: O(n^2 W) per layer instead of O(n^2 P).
 */

import { type Layout, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { everyPart, noGradientFlows, type Operand, type Operation, scratch } from '../../graph/operation.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/tangent.js';
import { multiplyStored, placesOf, productOfParts } from '../linear/product.js';
import { cotangentDispatch, layerOf, type Residuals } from '../network/factorNetwork.js';

interface Attributes {
  readonly depth: number;
  /** Consecutive networks whose kernels are added up. */
  readonly networks: number;
}

const operation: Operation<Attributes> = {
  name: 'tangentKernel',
  shapes: ([cotangent, parameters, input], { depth, networks }) => {
    requireCotangent(cotangent, parameters, input, depth);
    requireNetworks(input, networks);
    const points = input.parts.filter((_, i) => i % networks === 0).map(({ shape }) => rowsOf(shape));
    return [stackOf(points.map(n => [n, n]))];
  },
  lower: ({ device, attributes: { depth, networks }, inputs: [cotangent, parameters, ...kept], outputs: [ntk] }) => {
    const layers = kept.slice(0, depth);
    const derivatives = kept.slice(depth);
    return [
      ...Array.from({ length: networks }, (_, i) =>
        layerDispatches(device, everyPart(cotangent, networks, i), everyPart(layers[depth - 1], networks, i), ntk, {
          accumulate: i > 0,
          last: depth === 1 && i === networks - 1,
        }),
      ).flat(),
      ...hiddenLayers(device, { flowing: cotangent, from: depth - 1, parameters, layers, derivatives }, ntk, networks),
    ];
  },
  notDifferentiable: noGradientFlows,
};

interface Pass {
  /** The cotangent at the pre-activation of linear layer `from`. */
  readonly flowing: Operand;
  readonly from: number;
  readonly parameters: Operand;
  readonly layers: readonly Operand[];
  readonly derivatives: readonly Operand[];
}

/** Adds to the upper triangles of `ntk` the shares of the layers below `from`, the last to the lower ones as well. */
export function hiddenLayers(device: Device, pass: Pass, ntk: Operand, networks: number): Dispatch[] {
  const { parameters, layers, derivatives } = pass;
  const dispatches: Dispatch[] = [];
  let flowing = pass.flowing;
  for (let layer = pass.from; layer > 0; layer--) {
    const below = scratch(derivatives[layer - 1].layout);
    const slope = derivatives[layer - 1];
    dispatches.push(cotangentDispatch(device, flowing, parameters, slope, below, layer, layers.length));
    for (let i = 0; i < networks; i++) {
      const input = everyPart(layers[layer - 1], networks, i);
      const last = layer === 1 && i === networks - 1;
      dispatches.push(...layerDispatches(device, everyPart(below, networks, i), input, ntk, { last }));
    }
    flowing = below;
  }
  return dispatches;
}

/** K = (H H^T) * (D D^T) for every network, added to what K holds or written; on and above the diagonal, all of the last. */
export function layerDispatches(
  device: Device,
  cotangent: Operand,
  input: Operand,
  ntk: Operand,
  { accumulate = true, last }: { readonly accumulate?: boolean; readonly last: boolean },
): Dispatch[] {
  const gram = scratch(ntk.layout);
  return [
    gramDispatch(device, input, gram, () => 1),
    productDispatch(device, kernels.layerKernel, {
      constants: { ACCUMULATE: accumulate, WHOLE: last },
      problems: cotangent.layout.parts.map((part, i) => {
        const entry = productOfParts(part, part, ntk.layout.parts[i]);
        return { ...entry, ...placesOf({ gram: gram.layout.parts[i] }) };
      }),
      buffers: { left: cotangent.storage, right: cotangent.storage, gram: gram.storage, result: ntk.storage },
      upper: true,
    }),
  ];
}

/** result = alpha X X^T, alpha for each network; on and above the diagonal, or all of it. */
export function gramDispatch(
  device: Device,
  x: Operand,
  result: Operand,
  alpha: (network: number) => number,
  upper = true,
): Dispatch {
  return multiplyStored(
    device,
    x.layout.parts.map((part, i) => productOfParts(part, part, result.layout.parts[i], { alpha: alpha(i) })),
    { left: x.storage, right: x.storage, result: result.storage },
    { transposeRight: true, upper },
  );
}

function requireCotangent(cotangent: Layout, parameters: Layout, input: Layout, depth: number): void {
  const wanted = stackOf(
    input.parts.map(({ shape }, i) => [rowsOf(shape), rowsOf(layerOf(parameters, i, depth - 1, depth).shape)]),
  );
  requireSameLayout("tangentKernel: the cotangent at the networks' outputs", wanted, cotangent);
}

function requireNetworks(input: Layout, networks: number): void {
  const count = input.parts.length;
  if (!Number.isInteger(networks) || networks < 1 || count % networks !== 0) {
    throw new InputError(`tangentKernel: ${count} networks are no whole number of groups of ${networks}`);
  }
  input.parts.forEach(({ shape }, i) => {
    const points = rowsOf(input.parts[i - (i % networks)].shape);
    if (rowsOf(shape) === points) return;
    throw new InputError(`tangentKernel: kernels on ${points} and ${rowsOf(shape)} points cannot be added up`);
  });
}

/**
 * K[i, j] = <v_i, v_j>, v_i the gradient of the networks' parameters at point i for a given cotangent there.
 *
 * @param residuals of a forward pass.
 * @param cotangent at the networks' output, (n, outputs) for each.
 * @param networks how many consecutive networks, on as many points, make one model: their kernels are added up. 1 by
 *   default.
 * @returns (n, n) for each network, or for each model; symmetric to the bit.
 * @throws InputError a cotangent of another shape, or networks of different length in a model.
 */
export function tangentKernel({ parameters, inputs, derivatives }: Residuals, cotangent: Value, networks = 1): Value {
  return applyOne(operation, [cotangent, parameters, ...inputs, ...derivatives], { depth: inputs.length, networks });
}
