/**
 * Tangent kernels of networks that carry jets: K[i, j] = <v_i, v_j>, v_i the parameters' gradient of
 * sum_k sum_r g_k[i, r] (d/dx)^k f_r(x_i), g being the cotangent at the jets of point i.
 *
 * In a layer, Z = H [W | b]^T holds for the rows of every order, so that v_i's share is sum_m D[m, i]^T H[m, i], with D[m, i]
 * the cotangent at row (m, i) of Z. So the layer identity of `tangentKernel` holds on the stacked rows,
 *
 *   T = sum_l (D_l D_l^T) * (H_l H_l^T),   K[i, j] = sum over orders m and m' of T[(m, i), (m', j)],
 *
 * the bias being the column of ones in the rows of values alone. The matrices of gates are two layers more.
 */

import { type Layout, rowsOf, stackOf } from '../../buffer/layout.js';
import type { Device } from '../../device/device.js';
import { InputError } from '../../errors.js';
import { applyOne, requireSameLayout } from '../../graph/apply.js';
import type { Value } from '../../graph/operation.js';
import { noGradientFlows, type Operand, type Operation, scratch } from '../../graph/operation.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../kernel/dispatch.js';
import * as kernels from '../../wgsl/tangent.js';
import { type JetAttributes, type JetPass, matricesOf, wayBack } from '../network/jetNetwork.js';
import { layerDispatches } from './tangentKernel.js';

interface Attributes extends JetAttributes {
  /** How many of the first points of each network have a row in its kernel. */
  readonly points: readonly number[];
}

const operation: Operation<Attributes> = {
  name: 'jetTangentKernel',
  shapes: ([cotangent, parameters, input], attributes) => {
    requireCotangent(cotangent, parameters, input, attributes);
    return [stackOf(attributes.points.map(n => [n, n]))];
  },
  lower: ({ device, attributes, inputs: [cotangent, ...pass], outputs: [kernel] }) => {
    const stacked = scratch(stackOf(pass[1].layout.parts.map(({ shape }) => [rowsOf(shape), rowsOf(shape)])));
    let left = matricesOf(attributes);
    const shares = wayBack(device, attributes, cotangent, pass, ({ atSum, below }) => {
      const accumulate = left < matricesOf(attributes);
      left--;
      return layerDispatches(device, atSum, below, stacked, { accumulate, last: left === 0 });
    });
    return [...shares, blockSumsDispatch(device, stacked, kernel, attributes)];
  },
  notDifferentiable: noGradientFlows,
};

function blockSumsDispatch(device: Device, stacked: Operand, kernel: Operand, { orders }: Attributes): Dispatch {
  const problems = kernel.layout.parts.map((part, i) => {
    const { shape, offset, stride } = stacked.layout.parts[i];
    const blocks = orders[i] + 1;
    return {
      rows: rowsOf(part.shape),
      points: rowsOf(shape) / blocks,
      blocks,
      input: offset,
      inputStride: stride,
      result: part.offset,
      resultStride: part.stride,
    };
  });
  return dispatch(kernels.blockSums, {
    ...oneThreadEachOf(
      device,
      problems.map(({ rows }) => rows * rows),
    ),
    problems,
    buffers: { input: stacked.storage, result: kernel.storage },
  });
}

function requireCotangent(cotangent: Layout, parameters: Layout, input: Layout, attributes: Attributes): void {
  const { points, orders, depth } = attributes;
  const matrices = matricesOf(attributes);
  const wanted = stackOf(
    input.parts.map(({ shape }, i) => [rowsOf(shape), rowsOf(parameters.parts[i * matrices + depth - 1].shape)]),
  );
  requireSameLayout('jetTangentKernel: the cotangent at the jets', wanted, cotangent);
  const has = input.parts.map(({ shape }, i) => rowsOf(shape) / (orders[i] + 1));
  if (points.length === has.length && points.every((n, i) => n >= 1 && n <= has[i])) return;
  throw new InputError(
    `jetTangentKernel: kernels on the first ${points.join(', ')} of ${has.join(', ')} points: give as many as there are, or fewer`,
  );
}

/**
 * The kernel of each network's first `points[i]` points.
 *
 * @param pass of `jetPass`.
 * @param cotangent g, ((order + 1) n, outputs) for each network.
 * @returns (points[i], points[i]) for each network; symmetric to the bit.
 * @throws InputError a cotangent of another shape, or more points than there are.
 */
export function jetTangentKernel({ kept, attributes }: JetPass, cotangent: Value, points: readonly number[]): Value {
  return applyOne(operation, [cotangent, ...kept], { ...attributes, points });
}
