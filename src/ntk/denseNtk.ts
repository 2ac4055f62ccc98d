/** The NTK of a whole model on a small grid, written out: what spectra are taken of. */

import { padded, sizeOf, sizeOfAll } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import { cut, type Numbers } from '../host/arrays.js';
import { requireList } from '../host/checks.js';
import { within } from '../host/scope.js';
import { coordinatesOf } from '../model/domain/domain.js';
import { forward, networkInput } from '../model/forward.js';
import { hasPointForm, type Model, modelParameterShapes, outputShapes } from '../model/model.js';
import { parametersOf } from '../model/parameters.js';
import { matmul } from '../ops/linear/matmul.js';
import { vjp } from '../ops/vjp.js';
import { onPoints, pointNtk } from './pointNtk.js';

/**
 * K for each member, (N, N) with N the points of the model's domain in their order: by the layer identity on the points
 * one by one where the contraction has such a form, else from the gradients of the points one by one.
 *
 * @param parameters of the model, in the order of `modelParameterShapes`.
 * @throws InputError a model of several outputs; kernels past the device's limit, with their size, before anything is
 * allocated.
 */
export async function denseNtk(engine: Engine, model: Model, parameters: Numbers): Promise<Float32Array[]> {
  requireEngine(engine);
  requireList('denseNtk: parameters', parameters, 'give those of trainer.state()');
  requireOneOutput('denseNtk', model);
  const { domain, members } = model;
  const points = sizeOf(domain.shape);
  const bytes = 4 * members * points * padded(points);
  engine.device.requireBinding(`denseNtk: ${members} kernels of ${points} x ${points} numbers`, bytes);
  return within(async scope => {
    const held = scope.keep(engine.stack(modelParameterShapes(model), parameters));
    if (!hasPointForm(model)) return fromGradients(engine, model, held);
    const single = onPoints(model, coordinatesOf(domain));
    const input = scope.keep(await networkInput(engine, single));
    const plan = scope.keep(await engine.compile(graph => ({ ntk: pointNtk(graph, single, graph.read(held), input) })));
    await plan.run();
    return cut(await plan.outputs.ntk.read(), Array<number>(members).fill(points ** 2));
  });
}

/** @throws InputError a model of several outputs: its kernel is one of pairs of outputs too. */
export function requireOneOutput(name: string, { readout }: Model): void {
  if (readout.outputs === 1) return;
  throw new InputError(`${name}: the model has ${readout.outputs} outputs that share its networks: give one of one`);
}

/** J J^T, a row of J for each point by a VJP, of all members at once: they share no parameters. */
function fromGradients(engine: Engine, model: Model, parameters: Tensor): Promise<Float32Array[]> {
  return within(async scope => {
    const { domain, members } = model;
    const points = sizeOf(domain.shape);
    const owners = ownersOf(model);
    const counts = Array.from({ length: members }, (_, i) => owners.filter(owner => owner === i).length);
    const input = scope.keep(await networkInput(engine, model));
    const cotangent = scope.keep(engine.stack(outputShapes(model)));
    const rows = scope.keep(
      await engine.compile(graph => {
        const values = graph.read(parameters);
        const { output } = forward(graph, model, values, input);
        return { gradient: vjp(output, graph.read(cotangent), [values])[0] };
      }),
    );
    const jacobians = counts.map(count => new Float32Array(points * count));
    for (let i = 0; i < points; i++) {
      const unit = new Float32Array(members * points);
      for (let member = 0; member < members; member++) unit[member * points + i] = 1;
      cotangent.write(unit);
      await rows.run();
      const gradient = await rows.outputs.gradient.read();
      const at = counts.map(count => i * count);
      for (let p = 0; p < gradient.length; p++) jacobians[owners[p]][at[owners[p]]++] = gradient[p];
    }
    const kernels: Float32Array[] = [];
    for (const [member, jacobian] of jacobians.entries()) {
      kernels.push(await gramOf(engine, jacobian, points, counts[member]));
    }
    return kernels;
  });
}

function gramOf(engine: Engine, jacobian: Float32Array, points: number, count: number): Promise<Float32Array> {
  return within(async scope => {
    const j = scope.keep(engine.tensor([points, count], jacobian));
    const plan = scope.keep(
      await engine.compile(graph => {
        const value = graph.read(j);
        return { ntk: matmul(value, value, { transposeRight: true }) };
      }),
    );
    await plan.run();
    return plan.outputs.ntk.read();
  });
}

/** The member of each number of the parameters. */
function ownersOf(model: Model): Uint16Array {
  const parameters = parametersOf(model);
  const owners = new Uint16Array(sizeOfAll(parameters.map(({ shape }) => shape)));
  let at = 0;
  for (const { member, shape } of parameters) {
    owners.fill(member, at, at + sizeOf(shape));
    at += sizeOf(shape);
  }
  return owners;
}
