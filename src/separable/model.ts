/** Separable models: factor networks on the axes of a grid, combined by a contraction. */

import { type Shape, sizeOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { initialise, inputsOf, shapesOf } from '../factor/network.js';
import { Random } from '../factor/random.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/graph.js';
import { factorNetwork, type Tape } from '../ops/factorNetwork.js';
import { features } from '../ops/features.js';
import { type CpModel, cpOutput, cpOutputs } from './cp.js';
import { type TtModel, ttOutput, ttOutputs } from './tt.js';
import { coreShapes, initialCore, type TuckerModel, tuckerOutput, tuckerOutputs } from './tucker.js';

export { type CpModel, type CpOptions, cpModel } from './cp.js';
export { type TtModel, type TtOptions, ttModel } from './tt.js';
export { type TuckerModel, type TuckerOptions, tuckerModel } from './tucker.js';

/** A model in D variables: a small network for each, and a contraction of what they give on a grid. */
export type SeparableModel = CpModel | TtModel | TuckerModel;

export const modelKinds = ['cp', 'tt', 'tucker'] as const satisfies readonly SeparableModel['kind'][];

/** Whether the model has points in place of a grid: see `cpPointsModel`. */
export function isScattered(model: SeparableModel): boolean {
  return model.kind === 'cp' && model.scattered === true;
}

/** The axes of one channel's output: the grid, or (n) for scattered points. */
export function outputShape(model: SeparableModel): Shape {
  return isScattered(model) ? [model.grid[0]] : model.grid;
}

/** Factor networks of a model: one an axis, channel by channel. */
export function networkCount({ grid, channels }: SeparableModel): number {
  return grid.length * channels;
}

/** Outputs of the factor network of each axis. */
export function axisOutputs(model: SeparableModel): readonly number[] {
  if (model.kind === 'cp') return cpOutputs(model);
  return model.kind === 'tt' ? ttOutputs(model) : tuckerOutputs(model);
}

/** Outputs of each factor network. */
export function networkOutputs(model: SeparableModel): readonly number[] {
  const outputs = axisOutputs(model);
  return Array.from({ length: networkCount(model) }, (_, i) => outputs[i % outputs.length]);
}

/** Points on which each factor network runs. */
export function networkPoints(model: SeparableModel): readonly number[] {
  return Array.from({ length: networkCount(model) }, (_, i) => model.grid[i % model.grid.length]);
}

/** Axes of [W | b] of every layer, network by network. */
export function networkParameterShapes(model: SeparableModel): Shape[] {
  return networkOutputs(model).flatMap(outputs => shapesOf(model.network, outputs));
}

/** Axes of what the contraction itself is trained in, channel by channel: the cores of a Tucker model. */
export function contractionParameterShapes(model: SeparableModel): readonly Shape[] {
  return model.kind === 'tucker' ? coreShapes(model) : [];
}

/** Axes of all parameters: the networks', then the contraction's. */
export function modelParameterShapes(model: SeparableModel): Shape[] {
  return [...networkParameterShapes(model), ...contractionParameterShapes(model)];
}

export function parameterCount(model: SeparableModel): number {
  return modelParameterShapes(model).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Initial parameters, in the order of `modelParameterShapes`; the same for the same seed everywhere. */
export function initialParameters(model: SeparableModel, seed: number): Float32Array {
  const random = new Random(seed);
  const parts = networkOutputs(model).map(outputs => initialise(model.network, outputs, random));
  if (model.kind === 'tucker') parts.push(...coreShapes(model).map(() => initialCore(model, random)));
  const all = new Float32Array(parts.reduce((sum, values) => sum + values.length, 0));
  let at = 0;
  for (const values of parts) {
    all.set(values, at);
    at += values.length;
  }
  return all;
}

/** n points from -1 to 1, ends included; a single point is 0. */
export function linspace(n: number): Float64Array {
  return partOfLinspace(n, 0, n);
}

/** Its points `from` to `to`, the end left out. */
export function partOfLinspace(n: number, from: number, to: number): Float64Array {
  return Float64Array.from({ length: to - from }, (_, i) => (n === 1 ? 0 : (2 * (from + i)) / (n - 1) - 1));
}

/**
 * The homogeneous input of every factor network, computed once: coordinates do not change in training.
 *
 * @param coordinates the points of each axis; from -1 to 1 by default.
 */
export async function networkInput(
  engine: Engine,
  model: SeparableModel,
  coordinates: readonly ArrayLike<number>[] = model.grid.map(linspace),
): Promise<Tensor> {
  const { grid, channels, network } = model;
  coordinates.forEach((points, axis) => {
    if (points.length !== grid[axis]) {
      throw new InputError(`coordinates: axis ${axis} has ${grid[axis]} points, and ${points.length} are given`);
    }
  });
  const points = networkPoints(model);
  const all = Array.from({ length: channels }, () => coordinates.flatMap(axis => Array.from(axis))).flat();
  const input = engine.stack(points.map(n => [n, inputsOf(network) + 1]));
  const source = engine.stack(
    points.map(n => [n]),
    all,
  );
  const frequencies =
    network.frequencies.length > 0 ? engine.tensor([network.frequencies.length], network.frequencies) : undefined;
  const plan = await engine.compile(graph => {
    graph.assign(input, features(graph.read(source), frequencies && graph.read(frequencies)));
  });
  await plan.run();
  plan.dispose();
  source.dispose();
  frequencies?.dispose();
  return input;
}

export interface Forward {
  /** (n_d, outputs) for each network. */
  readonly factors: Value;
  /** (n_1 .. n_D), or (n) for scattered points, for each channel. */
  readonly output: Value;
  readonly tape: Tape;
}

/** The model's output on its grid, as nodes of a graph. */
export function forward(graph: Graph, model: SeparableModel, parameters: Value, input: Tensor): Forward {
  const own = contractionParameterShapes(model).length;
  const { factors, others, tape } = factorNetwork(parameters, graph.read(input), model.network, own);
  return { factors, output: outputOf(model, factors, others), tape };
}

function outputOf(model: SeparableModel, factors: Value, core: Value | undefined): Value {
  if (model.kind === 'cp') return cpOutput(model, factors);
  if (model.kind === 'tt') return ttOutput(model, factors);
  if (!core) throw new Error('a Tucker model has a core');
  return tuckerOutput(model, factors, core);
}
