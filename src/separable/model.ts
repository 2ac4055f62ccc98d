/** Separable models: factor networks on the axes of a grid, combined by a contraction. */

import { type Shape, sizeOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { type Architecture, initialise, inputsOf, requireCount, shapesOf } from '../factor/network.js';
import { Random } from '../factor/random.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/graph.js';
import { contractCp } from '../ops/contractCp.js';
import { contractPoints } from '../ops/contractPoints.js';
import { factorNetwork, type Tape } from '../ops/factorNetwork.js';
import { features } from '../ops/features.js';

/** A CP model on a grid: Z[i_1 .. i_D] = scale sum_r prod_d f_d(x_d[i_d])_r, for each channel by itself. */
export interface CpModel {
  readonly kind: 'cp';
  /** Points of each axis, 2 to 6 axes: so many inputs each factor network runs on. */
  readonly grid: readonly number[];
  /** Whether the i-th inputs of all axes make one point, n points in all, in place of a grid: see `cpPointsModel`. */
  readonly scattered?: boolean;
  /** Models of the same shape, trained in the same dispatches: the colour channels of an image. */
  readonly channels: number;
  /** R. */
  readonly rank: number;
  /** c: 1, or 1 / sqrt(R) in the theory of the tangent kernel. */
  readonly scale: number;
  readonly network: Architecture;
}

export interface CpOptions {
  readonly grid: readonly number[];
  readonly rank: number;
  readonly network: Architecture;
  /** 1 by default. */
  readonly channels?: number;
  /** 1 by default. */
  readonly scale?: number;
}

/** @throws InputError naming what is out of range, its value and what would do. */
export function cpModel({ grid, rank, network, channels = 1, scale = 1 }: CpOptions): CpModel {
  if (grid.length < 2 || grid.length > 6)
    throw new InputError(`grid: ${grid.length} axes: a separable model has 2 to 6`);
  for (const points of grid) requireCount('grid', points, 1, 1 << 24);
  requireCount('rank', rank, 1, 65_536);
  requireCount('channels', channels, 1, 4096);
  if (!Number.isFinite(scale) || scale === 0) throw new InputError(`scale: ${scale}: use a number other than 0`);
  return { kind: 'cp', grid, channels, rank, scale, network };
}

/** The axes of one channel's output: the grid, or (n) for scattered points. */
export function outputShape({ grid, scattered = false }: CpModel): Shape {
  return scattered ? [grid[0]] : grid;
}

/** Factor networks of a model: one an axis, channel by channel. */
export function networkCount({ grid, channels }: CpModel): number {
  return grid.length * channels;
}

/** Outputs of each factor network. */
export function networkOutputs(model: CpModel): readonly number[] {
  return Array<number>(networkCount(model)).fill(model.rank);
}

/** Points on which each factor network runs. */
export function networkPoints(model: CpModel): readonly number[] {
  return Array.from({ length: networkCount(model) }, (_, i) => model.grid[i % model.grid.length]);
}

/** Axes of [W | b] of every layer, network by network. */
export function modelParameterShapes(model: CpModel): Shape[] {
  return networkOutputs(model).flatMap(outputs => shapesOf(model.network, outputs));
}

export function parameterCount(model: CpModel): number {
  return modelParameterShapes(model).reduce((sum, shape) => sum + sizeOf(shape), 0);
}

/** Initial parameters, network by network; the same for the same seed everywhere. */
export function initialParameters(model: CpModel, seed: number): Float32Array {
  const random = new Random(seed);
  const networks = networkOutputs(model).map(outputs => initialise(model.network, outputs, random));
  const all = new Float32Array(networks.reduce((sum, values) => sum + values.length, 0));
  let at = 0;
  for (const values of networks) {
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
  model: CpModel,
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
  /** (n_d, rank) for each network. */
  readonly factors: Value;
  /** (n_1 .. n_D), or (n) for scattered points, for each channel. */
  readonly output: Value;
  readonly tape: Tape;
}

/** The model's output on its grid or points, as nodes of a graph. */
export function forward(graph: Graph, model: CpModel, parameters: Value, input: Tensor): Forward {
  const { factors, tape } = factorNetwork(parameters, graph.read(input), model.network);
  const contract = model.scattered ? contractPoints : contractCp;
  const output = contract(factors, { axes: model.grid.length, scale: model.scale });
  return { factors, output, tape };
}
