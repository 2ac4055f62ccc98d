/**
 * A batch of factor networks that carry jets: their factor matrices with derivatives by the one coordinate of each network,
 * by forward propagation (Griewank and Walther 2008, chapter 13), and the VJP back through them.
 *
 * The jets of n points are one matrix, ((order + 1) n, columns), derivative k of point i in row k n + i, so that a layer
 * is one product for all orders. Its homogeneous column is one in the rows of the values and zero in those of derivatives,
 * which keeps the bias out of them, forward and back. `inputJets` gives the matrix of the coordinates themselves.
 *
 * Gated networks (Wang, Teng and Perdikaris 2021, section 2.6) have two matrices more, of U = a(omega_1 [W | b] x) and of
 * V, and after every hidden layer but the first H' = (1 - S) U + S V, S being what the layer gives.
 */

import {
  formatLayout,
  formatShape,
  type Layout,
  type Part,
  rowsOf,
  type Shape,
  sameShape,
  stackOf,
} from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { apply, applyOne } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { everyPart, type Operand, type Operation, scratch } from '../../graph/operation.js';
import { requireCount } from '../../host/checks.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import type { SlotText } from '../../kernel/kernel.js';
import * as kernels from '../../wgsl/network.js';
import { asValue } from '../elementwise/fill.js';
import { multiplyStacks } from '../linear/product.js';

/** The highest derivative that a jet carries. */
export const mostOrder = 4;

/** What the networks of a batch share that carry jets. */
export interface JetAttributes {
  /** Linear layers, from 1 to 64, or from 3 where networks are gated; one activation fewer. */
  readonly depth: number;
  /** Width of every hidden layer. */
  readonly width: number;
  /** WGSL that defines `fn activationDerivatives(omega: f32, z: f32) -> array<f32, 6>`: a(omega z) and its derivatives by z. */
  readonly derivatives: SlotText;
  /** The factor in a(omega z), one per hidden layer; that of U and V is the first. */
  readonly omegas: readonly number[];
  /** The highest derivative that each network carries, 0 to 4. */
  readonly orders: readonly number[];
  /** Whether the networks are gated. */
  readonly gated: boolean;
}

/** Axes of [W | b] of every layer of one network, and then of U and V where it is gated. */
export function jetParameterShapes(
  inputs: number,
  outputs: number,
  { depth, width, gated }: Pick<JetAttributes, 'depth' | 'width' | 'gated'>,
): Shape[] {
  const layers = Array.from({ length: depth }, (_, layer) => [
    layer === depth - 1 ? outputs : width,
    (layer === 0 ? inputs : width) + 1,
  ]);
  return gated ? [...layers, [width, inputs + 1], [width, inputs + 1]] : layers;
}

/**
 * The homogeneous input of a network as jets: (x, 1) with (1, 0) in the rows of first derivatives and zeros in those of
 * higher ones; or with frequencies B (cos 2 pi B x, sin 2 pi B x, 1) and their derivatives.
 *
 * @param points x of each point.
 * @returns ((order + 1) n, inputs + 1), row-major.
 */
export function inputJets(points: ArrayLike<number>, order: number, frequencies: readonly number[] = []): Float64Array {
  const columns = (frequencies.length > 0 ? 2 * frequencies.length : 1) + 1;
  const jets = new Float64Array((order + 1) * points.length * columns);
  for (let k = 0; k <= order; k++) {
    for (let i = 0; i < points.length; i++) {
      const row = (k * points.length + i) * columns;
      if (frequencies.length === 0) jets[row] = k === 0 ? points[i] : k === 1 ? 1 : 0;
      frequencies.forEach((frequency, j) => {
        const [rate, turned] = [2 * Math.PI * frequency, (k * Math.PI) / 2];
        jets[row + j] = rate ** k * Math.cos(rate * points[i] + turned);
        jets[row + frequencies.length + j] = rate ** k * Math.sin(rate * points[i] + turned);
      });
      jets[row + columns - 1] = k === 0 ? 1 : 0;
    }
  }
  return jets;
}

/** Where things stand among the outputs of a forward pass: see `shapes`. */
function residualsOf<T>(outputs: readonly T[], { depth, gated }: Pick<JetAttributes, 'depth' | 'gated'>) {
  const hidden = depth - 1;
  const [sums, activations, gates] = [0, hidden, 2 * hidden].map((from, i) =>
    outputs.slice(from, i === 2 ? undefined : from + hidden),
  );
  const [closedSum, openSum, closed, open] = gates;
  return { sums, activations, gates: gated ? { closedSum, openSum, closed, open } : undefined };
}

const forward: Operation<JetAttributes> = {
  name: 'jetNetwork',
  shapes: ([parameters, input], attributes) => {
    requireNetworks(parameters, input, attributes);
    const { depth, width, gated } = attributes;
    const rows = input.parts.map(part => rowsOf(part.shape));
    const sum = stackOf(rows.map(n => [n, width]));
    const activated = stackOf(rows.map(n => [n, width + 1]));
    const output = stackOf(rows.map((n, i) => [n, matrixOf(parameters, i, depth - 1, attributes).shape[0]]));
    const hidden = depth - 1;
    return [
      output,
      ...Array<Layout>(hidden).fill(sum),
      ...Array<Layout>(hidden).fill(activated),
      ...(gated ? [sum, sum, activated, activated] : []),
    ];
  },
  lower: ({ device, attributes, inputs: [parameters, input], outputs: [output, ...rest] }) => {
    const { depth, omegas } = attributes;
    const { sums, activations, gates } = residualsOf(rest, attributes);
    const dispatches: Dispatch[] = [];
    const activate = (sum: Operand, result: Operand, omega: number) => {
      dispatches.push(
        dispatch(kernels.jet, {
          ...jetsOf(device, sum, result, attributes, omega, 1),
          buffers: { input: sum.storage, result: result.storage },
        }),
      );
    };
    if (gates) {
      for (const [matrix, sum, result] of [
        [depth, gates.closedSum, gates.closed],
        [depth + 1, gates.openSum, gates.open],
      ] as const) {
        dispatches.push(...layerProduct(device, input, parameters, sum, matrix, attributes));
        activate(sum, result, omegas[0]);
      }
    }
    let below = input;
    for (let layer = 0; layer < depth - 1; layer++) {
      const [sum, result] = [sums[layer], activations[layer]];
      dispatches.push(...layerProduct(device, below, parameters, sum, layer, attributes));
      if (layer > 0 && gates) {
        const { closed, open } = gates;
        dispatches.push(
          dispatch(kernels.gatedJet, {
            ...jetsOf(device, sum, result, attributes, omegas[layer], 1),
            buffers: { input: sum.storage, closed: closed.storage, open: open.storage, result: result.storage },
          }),
        );
      } else activate(sum, result, omegas[layer]);
      below = result;
    }
    return [...dispatches, ...layerProduct(device, below, parameters, output, depth - 1, attributes)];
  },
  vjp: ({
    attributes,
    inputs: [parameters, input],
    outputs: [output, ...residuals],
    cotangents: [cotangent, ...rest],
  }) => {
    if (rest.some(other => other !== undefined)) {
      throw new InputError('jetNetwork: a gradient flows into its residuals, which are not differentiable');
    }
    if (cotangent === undefined) return [];
    return [applyOne(backward, [asValue(cotangent, output), parameters, input, ...residuals], attributes)];
  },
};

const backward: Operation<JetAttributes> = {
  name: 'jetNetworkVjp',
  shapes: ([, parameters]) => [parameters],
  lower: ({ device, attributes, inputs: [cotangent, ...pass], outputs: [gradient] }) =>
    wayBack(device, attributes, cotangent, pass, ({ atSum, below, matrix }) =>
      multiplyStacks(device, atSum, below, everyMatrix(gradient, matrix, attributes), { transposeLeft: true }),
    ),
  notDifferentiable: 'second derivatives by parameters are not offered',
};

/** What of the way back belongs to one matrix [W | b] of every network. */
export interface MatrixCotangents {
  /** At what the matrices give, as jets. */
  readonly atSum: Operand;
  /** What they take, as jets. */
  readonly below: Operand;
  /** Which: `depth` and `depth + 1` are those of U and V. */
  readonly matrix: number;
}

/**
 * From a cotangent at the jets down to every matrix, as dispatches.
 *
 * @param pass the parameters, the input and the residuals: what `jetPass` keeps.
 * @param visit what is to be done at each matrix, from the last layer down, and then at those of the gates.
 */
export function wayBack(
  device: Device,
  attributes: JetAttributes,
  cotangent: Operand,
  [parameters, input, ...rest]: readonly Operand[],
  visit: (at: MatrixCotangents) => readonly Dispatch[],
): Dispatch[] {
  const { depth, omegas } = attributes;
  const { sums, activations, gates } = residualsOf(rest, attributes);
  const dispatches: Dispatch[] = [];
  /** The cotangent at what an activation takes, from that at what it gives, `activated`. */
  const through = (sum: Operand, activated: Operand, atActivated: Operand, omega: number): Operand => {
    const result = scratch(sum.layout);
    dispatches.push(
      dispatch(kernels.jetCotangent, {
        ...jetsOf(device, sum, activated, attributes, omega, 0),
        buffers: { input: sum.storage, cotangent: atActivated.storage, result: result.storage },
      }),
    );
    return result;
  };
  const atGates = gates && { closed: scratch(gates.closedSum.layout), open: scratch(gates.openSum.layout) };
  let atSum = cotangent;
  for (let layer = depth - 1; layer >= 0; layer--) {
    dispatches.push(...visit({ atSum, below: layer === 0 ? input : activations[layer - 1], matrix: layer }));
    if (layer === 0) break;
    const [sum, activated, omega] = [sums[layer - 1], activations[layer - 1], omegas[layer - 1]];
    const atActivation = scratch(sum.layout);
    dispatches.push(...multiplyStacks(device, atSum, everyMatrix(parameters, layer, attributes), atActivation));
    if (layer === 1 || !gates || !atGates) {
      atSum = through(sum, activated, atActivation, omega);
      continue;
    }
    atSum = scratch(sum.layout);
    const jets = jetsOf(device, sum, activated, attributes, omega, 0);
    dispatches.push(
      dispatch(kernels.gatedJetCotangent, {
        ...jets,
        constants: { ...jets.constants, ADDS: layer < depth - 1 },
        buffers: {
          input: sum.storage,
          closed: gates.closed.storage,
          open: gates.open.storage,
          cotangent: atActivation.storage,
          result: atSum.storage,
          closedCotangent: atGates.closed.storage,
          openCotangent: atGates.open.storage,
        },
      }),
    );
  }
  if (gates && atGates) {
    const closed = through(gates.closedSum, gates.closed, atGates.closed, omegas[0]);
    const open = through(gates.openSum, gates.open, atGates.open, omegas[0]);
    dispatches.push(
      ...visit({ atSum: closed, below: input, matrix: depth }),
      ...visit({ atSum: open, below: input, matrix: depth + 1 }),
    );
  }
  return dispatches;
}

/** [W | b] of a layer of one network; `depth` and `depth + 1` are those of U and V. */
function matrixOf({ parts }: Layout, network: number, matrix: number, attributes: JetAttributes): Part {
  return parts[network * matricesOf(attributes) + matrix];
}

/** The same of all networks. */
function everyMatrix(parameters: Operand, matrix: number, attributes: JetAttributes): Operand {
  return everyPart(parameters, matricesOf(attributes), matrix);
}

/** How many matrices a network has. */
export function matricesOf({ depth, gated }: Pick<JetAttributes, 'depth' | 'gated'>): number {
  return depth + (gated ? 2 : 0);
}

/** sum = H [W | b]^T for one layer of every network. */
function layerProduct(
  device: Device,
  below: Operand,
  parameters: Operand,
  sum: Operand,
  matrix: number,
  attributes: JetAttributes,
): readonly Dispatch[] {
  return multiplyStacks(device, below, everyMatrix(parameters, matrix, attributes), sum, { transposeRight: true });
}

/**
 * A kernel of jets without what it binds: one thread for each number of a point, and for so many columns more.
 *
 * @param activated what lies as the layer's H' does, beside a column of ones.
 */
function jetsOf(
  device: Device,
  sum: Operand,
  activated: Operand,
  { derivatives, orders, width }: JetAttributes,
  omega: number,
  more: number,
) {
  const problems = sum.layout.parts.map(({ shape, offset, stride }, i) => ({
    points: rowsOf(shape) / (orders[i] + 1),
    columns: width,
    order: orders[i],
    omega,
    input: offset,
    inputStride: stride,
    activated: activated.layout.parts[i].offset,
    activatedStride: activated.layout.parts[i].stride,
  }));
  const { constants, workgroups } = oneThreadEachOf(
    device,
    problems.map(({ points, columns }) => points * (columns + more)),
  );
  return { constants: { ...constants, ORDER: Math.max(...orders) }, slots: { derivatives }, problems, workgroups };
}

function requireNetworks(parameters: Layout, input: Layout, attributes: JetAttributes): void {
  const { depth, omegas, orders, gated } = attributes;
  requireCount('jetNetwork: depth', depth, gated ? 3 : 1, 64);
  if (omegas.length !== depth - 1) {
    throw new InputError(`jetNetwork: ${omegas.length} omegas for ${depth - 1} hidden layers: give one per layer`);
  }
  if (orders.length !== input.parts.length) {
    throw new InputError(`jetNetwork: ${orders.length} orders for ${input.parts.length} networks: give one each`);
  }
  const matrices = matricesOf(attributes);
  if (parameters.parts.length !== matrices * input.parts.length) {
    throw new InputError(
      `jetNetwork: ${input.parts.length} networks take ${matrices * input.parts.length} matrices [W | b], got ${formatLayout(parameters)}`,
    );
  }
  input.parts.forEach(({ shape }, i) => {
    requireCount(`jetNetwork: order of network ${i}`, orders[i], 0, mostOrder);
    if (shape[0] % (orders[i] + 1) !== 0) {
      throw new InputError(
        `jetNetwork: an input of shape ${formatShape(shape)} has no rows for ${orders[i] + 1} orders of each point: give ((order + 1) n, inputs + 1)`,
      );
    }
    const outputs = matrixOf(parameters, i, depth - 1, attributes).shape[0];
    jetParameterShapes(shape[1] - 1, outputs, attributes).forEach((expected, matrix) => {
      const got = matrixOf(parameters, i, matrix, attributes).shape;
      if (sameShape(expected, got)) return;
      throw new InputError(
        `jetNetwork: matrix ${matrix} of network ${i} takes [W | b] of shape ${formatShape(expected)}, got ${formatShape(got)}`,
      );
    });
  });
}

/** What a forward pass keeps for the way back and for tangent kernels: see `wayBack`. */
export interface JetPass {
  readonly kept: readonly Value[];
  readonly attributes: JetAttributes;
}

/** `jetNetwork`, with what its forward pass keeps. */
export function jetPass(parameters: Value, input: Value, attributes: JetAttributes) {
  const [jets, ...residuals] = apply(forward, [parameters, input], attributes);
  return { jets, pass: { kept: [parameters, input, ...residuals], attributes } satisfies JetPass };
}

/**
 * The factor matrices of a batch of networks with their derivatives.
 *
 * @param parameters [W | b] of every layer, network by network: `jetParameterShapes`.
 * @param input the homogeneous input of every network as jets, ((order + 1) n, inputs + 1): see `inputJets`.
 * @returns ((order + 1) n, outputs) for each network: derivative k of the factors of point i in row k n + i.
 * @throws InputError shapes that do not fit each other, or an order past 4.
 */
export function jetNetwork(parameters: Value, input: Value, attributes: JetAttributes): Value {
  return jetPass(parameters, input, attributes).jets;
}

/**
 * What the last layers of a batch of networks take: H of which H [W | b]^T are the jets.
 *
 * @returns ((order + 1) n, width + 1) for each network, not differentiable.
 * @throws InputError as `jetNetwork`.
 */
export function jetFeatures(parameters: Value, input: Value, attributes: JetAttributes): Value {
  const [, ...rest] = apply(forward, [parameters, input], attributes);
  return residualsOf(rest, attributes).activations[attributes.depth - 2] ?? input;
}
