/**
 * The exact NTK of factor networks, K^(r,s)(x, x') = <grad f_r(x), grad f_s(x')> for all pairs of outputs: the tangent
 * kernel of networks that run on every point once per output, with the cotangent e_r there.
 */

import { padded, type Shape } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { compute } from '../graph/compute.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import { joined } from '../host/arrays.js';
import { within } from '../host/scope.js';
import { coordinatesOf, everyAxis } from '../model/domain/domain.js';
import { grid } from '../model/domain/grid.js';
import { factorsOf, networkInput } from '../model/forward.js';
import { hasFactorNetworks, type Model, networkPoints, networksOf, onDomain } from '../model/model.js';
import { tangentKernel } from '../ops/tangent/tangentKernel.js';

/**
 * K^(r,s) of every factor network at the points of the model's domain: row and column i R + r stand for output r at
 * point i.
 *
 * @param parameters of the model, on the device.
 * @returns (n R, n R) for each network, the caller's to dispose of.
 * @throws InputError a model without one network per axis; kernels past the device's limit, with their size, before
 * anything is allocated.
 */
export async function exactNtk(engine: Engine, model: Model, parameters: Tensor): Promise<Tensor> {
  requireEngine(engine);
  requireExactNtk(engine, model);
  const networks = networksOf(model);
  const rows = rowsOfKernels(model);
  const repeated = everyAxis(model.domain).map(axis =>
    repeatEach(coordinatesOf(model.domain, [axis]), networks[axis].outputs),
  );
  const spread = onDomain(model, grid(repeated));
  return within(async scope => {
    const input = scope.keep(await networkInput(engine, spread));
    const shapes = rows.map((n, i): Shape => [n, networks[i].outputs]);
    const cotangent = scope.keep(engine.stack(shapes, oneHotRows(shapes)));
    return compute(
      engine,
      rows.map(n => [n, n]),
      graph => {
        const { residuals } = factorsOf(graph, spread, graph.read(parameters), input);
        return tangentKernel(residuals, graph.read(cotangent));
      },
    );
  });
}

/** @throws InputError a model without one network per axis; kernels past the device's limit, with their size. */
export function requireExactNtk(engine: Engine, model: Model): void {
  if (!hasFactorNetworks(model)) {
    throw new InputError(
      `exactNtk: a ${model.contraction.name} contraction has not one factor network per axis: use denseNtk`,
    );
  }
  const rows = rowsOfKernels(model);
  const bytes = rows.reduce((sum, n) => sum + 4 * n * padded(n), 0);
  const sizes = rows.slice(0, model.domain.axes).map(n => `${n} x ${n}`);
  engine.device.requireBinding(`exactNtk: the kernels of ${rows.length} networks, ${sizes.join(' and ')}:`, bytes);
}

/** n R of each network. */
function rowsOfKernels(model: Model): readonly number[] {
  const networks = networksOf(model);
  return networkPoints(model).map((points, i) => points * networks[i].outputs);
}

function repeatEach(values: ArrayLike<number>, times: number): Float64Array {
  return Float64Array.from({ length: values.length * times }, (_, i) => values[Math.floor(i / times)]);
}

/** e_0 .. e_{R-1} over and over, as rows. */
function oneHotRows(shapes: readonly Shape[]): Float32Array {
  return joined(
    shapes.map(([n, width]) => {
      const rows = new Float32Array(n * width);
      for (let i = 0; i < n; i++) rows[i * width + (i % width)] = 1;
      return rows;
    }),
  );
}
