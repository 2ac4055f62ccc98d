/**
 * A batch of factor networks, multilayer perceptrons of one architecture on points of their own, and its VJP.
 *
 * Inputs and hidden activations are homogeneous, that is with a last column of ones, and a layer's parameters are
 * [W | b], (outputs, inputs + 1), so that the bias needs no code of its own: H' = a(omega H [W | b]^T).
 *
 * A model's parameters are one stack, so that one dispatch updates them all. Its first parts are the networks' matrices.
 * Other regions of it, such as the cores of Tucker models, come out of this operation as they are, each as a stack of its
 * own, and the cotangents that reach them there are written into the stack's gradient beside the networks'.
 */

import {
  columnsOf,
  formatLayout,
  formatShape,
  type Layout,
  rowsOf,
  type Shape,
  sameShape,
  stackOf,
} from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply, applyOne } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import type { Value } from '../../graph/operation.js';
import { type Operand, type Operation, scratch, secondDerivatives, withParts } from '../../graph/operation.js';
import { requireCount } from '../../host/checks.js';
import type { Dispatch } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import { productDispatch } from '../../schedule/product.js';
import * as kernels from '../../wgsl/network.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyStacks, placesOf, productOfParts } from '../linear/product.js';

/** What the networks of a batch share. */
export interface NetworkAttributes {
  /** Linear layers, from 1 to 64; one activation fewer. */
  readonly depth: number;
  /** Width of every hidden layer. */
  readonly width: number;
  /** a: WGSL `text` that defines activate(omega, z), the pair of a(omega z) and its derivative by z. */
  readonly activation: { readonly text: SlotText };
  /** The factor in a(omega z), one per hidden layer. */
  readonly omegas: readonly number[];
}

/** Parts of the parameters' stack, in the order in which they are wanted. */
export type Region = readonly number[];

/** With the regions of the parameters' stack that are not the networks' matrices. */
type Attributes = NetworkAttributes & { readonly regions: readonly Region[] };

/** The residuals of a forward pass: what it keeps for the backward pass and the tangent kernel. */
export interface Residuals {
  /** [W | b] of every layer, network by network, as the pass took them. */
  readonly parameters: Value;
  /** The input and the hidden activations, (n, inputs + 1) for each network; one per linear layer. */
  readonly inputs: readonly Value[];
  /** d a(omega z) / dz, (n, width) for each network; one per hidden layer. */
  readonly derivatives: readonly Value[];
}

/** Axes of [W | b] of every layer of one network. */
export function parameterShapes(inputs: number, outputs: number, { depth, width }: NetworkAttributes): Shape[] {
  return Array.from({ length: depth }, (_, layer) => [
    layer === depth - 1 ? outputs : width,
    (layer === 0 ? inputs : width) + 1,
  ]);
}

const forward: Operation<Attributes> = {
  name: 'factorNetwork',
  shapes: ([parameters, input], attributes) => {
    requireParameters(parameters, input, attributes);
    const { depth, width } = attributes;
    const points = input.parts.map(part => rowsOf(part.shape));
    const hidden = stackOf(points.map(n => [n, width + 1]));
    const slope = stackOf(points.map(n => [n, width]));
    const output = stackOf(points.map((n, i) => [n, layerOf(parameters, i, depth - 1, depth).shape[0]]));
    const residuals = [...Array(depth - 1).fill(hidden), ...Array(depth - 1).fill(slope)];
    const regions = attributes.regions.map(region => stackOf(region.map(part => parameters.parts[part].shape)));
    return [output, ...residuals, ...regions];
  },
  lower: ({ device, attributes, inputs: [parameters, input], outputs }) => {
    const { depth, activation, omegas } = attributes;
    const [output, ...residuals] = outputs.slice(0, 2 * depth - 1);
    const regions = outputs.slice(2 * depth - 1);
    const layers = [input, ...residuals.slice(0, depth - 1)];
    const derivatives = residuals.slice(depth - 1);
    const hidden = derivatives.map((derivative, layer) =>
      productDispatch(device, kernels.hidden, {
        slots: { activation: activation.text },
        problems: derivative.layout.parts.map((part, i) => {
          const [below, above] = [layers[layer].layout.parts[i], layers[layer + 1].layout.parts[i]];
          return {
            ...productOfParts(below, layerOf(parameters.layout, i, layer, depth), above),
            columns: attributes.width,
            omega: omegas[layer],
            ...placesOf({ derivative: part }),
          };
        }),
        buffers: {
          left: layers[layer].storage,
          right: parameters.storage,
          result: layers[layer + 1].storage,
          derivative: derivative.storage,
        },
      }),
    );
    const last = multiplyStacks(device, layers[depth - 1], layerOfAll(parameters, input, depth - 1, depth), output, {
      transposeRight: true,
    });
    const copies = regions.flatMap((region, i) =>
      copyRows(device, regionOf(parameters, attributes.regions[i]), region),
    );
    return [...hidden, ...last, ...copies];
  },
  vjp: ({ attributes, inputs: [parameters, input], outputs, cotangents }) => {
    const { depth } = attributes;
    const [output, ...residuals] = outputs.slice(0, 2 * depth - 1);
    const [cotangent, ...ofResiduals] = cotangents.slice(0, 2 * depth - 1);
    const [regions, ofRegions] = [outputs.slice(2 * depth - 1), cotangents.slice(2 * depth - 1)];
    if (ofResiduals.some(other => other !== undefined)) {
      throw new InputError('factorNetwork: a gradient flows into its residuals, which are not differentiable');
    }
    if (cotangent === undefined && ofRegions.every(one => one === undefined)) return [];
    const flowing = asValue(cotangent, output);
    const rest = regions.map((region, i) => asValue(ofRegions[i], region));
    return [applyOne(backward, [flowing, parameters, input, ...residuals, ...rest], attributes)];
  },
};

const backward: Operation<Pick<Attributes, 'depth' | 'regions'>> = {
  name: 'factorNetworkVjp',
  shapes: ([, parameters]) => [parameters],
  lower: ({ device, attributes, inputs: [cotangent, parameters, input, ...rest], outputs: [gradient] }) => {
    const { depth } = attributes;
    const [residuals, regions] = [rest.slice(0, 2 * depth - 2), rest.slice(2 * depth - 2)];
    const layers = [input, ...residuals.slice(0, depth - 1)];
    const derivatives = residuals.slice(depth - 1);
    const dispatches: Dispatch[] = [];
    let flowing = cotangent;
    for (let layer = depth - 1; layer >= 0; layer--) {
      const current = flowing;
      dispatches.push(
        ...multiplyStacks(device, current, layers[layer], layerOfAll(gradient, input, layer, depth), {
          transposeLeft: true,
        }),
      );
      if (layer === 0) break;
      flowing = scratch(derivatives[layer - 1].layout);
      dispatches.push(cotangentDispatch(device, current, parameters, derivatives[layer - 1], flowing, layer, depth));
    }
    regions.forEach((region, i) => {
      dispatches.push(...copyRows(device, region, regionOf(gradient, attributes.regions[i])));
    });
    return dispatches;
  },
  notDifferentiable: secondDerivatives,
};

/** The cotangent below linear layer `layer` (from 0): D' = (D W) * a'. */
export function cotangentDispatch(
  device: Device,
  cotangent: Operand,
  parameters: Operand,
  derivative: Operand,
  result: Operand,
  layer: number,
  depth: number,
): Dispatch {
  return productDispatch(device, kernels.cotangent, {
    problems: cotangent.layout.parts.map((part, i) => {
      const weights = layerOf(parameters.layout, i, layer, depth);
      return {
        ...productOfParts(part, weights, result.layout.parts[i]),
        ...placesOf({ derivative: derivative.layout.parts[i] }),
      };
    }),
    buffers: {
      left: cotangent.storage,
      right: parameters.storage,
      derivative: derivative.storage,
      result: result.storage,
    },
  });
}

/** [W | b] of one layer of one network. */
export function layerOf(parameters: Layout, network: number, layer: number, depth: number) {
  return parameters.parts[network * depth + layer];
}

/** The same of every network, as many as have an input. */
export function layerOfAll(parameters: Operand, { layout }: Operand, layer: number, depth: number): Operand {
  return regionOf(
    parameters,
    layout.parts.map((_, network) => network * depth + layer),
  );
}

function regionOf(operand: Operand, region: Region): Operand {
  return withParts(
    operand,
    region.map(part => operand.layout.parts[part]),
  );
}

function requireParameters(parameters: Layout, input: Layout, attributes: Attributes): void {
  const { depth, omegas, regions } = attributes;
  const others = regions.reduce((sum, region) => sum + region.length, 0);
  requireCount('factorNetwork: depth', depth, 1, 64);
  if (omegas.length !== depth - 1) {
    throw new InputError(`factorNetwork: ${omegas.length} omegas for ${depth - 1} hidden layers: give one per layer`);
  }
  if (parameters.parts.length !== depth * input.parts.length + others) {
    const rest = others === 0 ? '' : ` and ${others} more`;
    throw new InputError(
      `factorNetwork: ${input.parts.length} networks of depth ${depth} take ${depth * input.parts.length} matrices [W | b]${rest}, got ${formatLayout(parameters)}`,
    );
  }
  input.parts.forEach(({ shape }, i) => {
    const outputs = layerOf(parameters, i, depth - 1, depth).shape[0];
    parameterShapes(columnsOf(shape) - 1, outputs, attributes).forEach((expected, layer) => {
      const got = layerOf(parameters, i, layer, depth).shape;
      if (sameShape(expected, got)) return;
      throw new InputError(
        `factorNetwork: layer ${layer} of network ${i} takes [W | b] of shape ${formatShape(expected)}, got ${formatShape(got)}`,
      );
    });
  });
}

/**
 * The factor matrices of a batch of networks, and the residuals of the pass.
 *
 * @param parameters [W | b] of every layer, network by network: `parameterShapes`; then the parts of the `regions`.
 * @param input the homogeneous input of every network, (n, inputs + 1): see `features`.
 * @param regions which parts of `parameters` are whose: together all that stand after the networks' matrices.
 * @returns `factors`, (n, outputs) for each network; each of the `regions`, a stack of its own; and the `residuals`.
 * @throws InputError shapes that do not fit each other.
 */
export function factorNetwork(
  parameters: Value,
  input: Value,
  attributes: NetworkAttributes,
  regions: readonly Region[] = [],
): { factors: Value; regions: readonly Value[]; residuals: Residuals } {
  const { depth } = attributes;
  const outputs = apply(forward, [parameters, input], { ...attributes, regions });
  return {
    factors: outputs[0] as Value,
    regions: outputs.slice(2 * depth - 1),
    residuals: {
      parameters,
      inputs: [input, ...outputs.slice(1, depth)],
      derivatives: outputs.slice(depth, 2 * depth - 1),
    },
  };
}

/**
 * J^T g at the residuals of a forward pass: the gradient of <cotangent, factors> with respect to the networks' parameters.
 * It is written, not accumulated.
 *
 * @param cotangent g, (n, outputs) for each network.
 * @returns the shapes of the parameters, of which nothing may stand after the networks' matrices.
 */
export function factorNetworkVjp(cotangent: Value, { parameters, inputs, derivatives }: Residuals): Value {
  return applyOne(backward, [cotangent, parameters, ...inputs, ...derivatives], { depth: inputs.length, regions: [] });
}
