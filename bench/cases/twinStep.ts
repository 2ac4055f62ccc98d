/**
 * The float64 twin of a training step: a CP model of factor networks with sine activations, SepPGD with given S_d, Adam.
 * From the twins of the kernels, with the Khatri-Rao products written out, since memory does not matter here.
 */

import { product } from '../../test/reference/linear/product.js';
import { cotangent as cotangentBelow } from '../../test/reference/network/cotangent.js';
import { hidden } from '../../test/reference/network/hidden.js';
import { adam } from '../../test/reference/optimiser/adam.js';
import type { StepSetup } from '../peers/peer.js';

const adamSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false };

interface Tape {
  /** Homogeneous inputs of the three layers, and the derivatives at the two hidden ones. */
  readonly inputs: readonly Float64Array[];
  readonly derivatives: readonly Float64Array[];
  readonly factor: Float64Array;
}

interface State {
  readonly p: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
}

/** Losses before each of `steps` steps and after the last. */
export function twinLosses(setup: StepSetup, steps: number): number[] {
  const { grid, parameters, target, preconditioners, learningRate } = setup;
  const y = Float64Array.from(target);
  const matrices = preconditioners?.map(matrix => Float64Array.from(matrix));
  let state: State[][] = parameters.map(layers =>
    layers.map(layer => {
      const p = Float64Array.from(layer);
      return { p, m: new Float64Array(p.length), v: new Float64Array(p.length) };
    }),
  );
  const losses: number[] = [];
  for (let t = 1; t <= steps + 1; t++) {
    const weights = state.map(layers => layers.map(({ p }) => p));
    const tapes = weights.map((layers, axis) => forward(setup, layers, axis));
    const factors = tapes.map(({ factor }) => factor);
    const residual = contraction(factors, grid, setup.rank).map((z, i) => z - y[i]);
    losses.push(residual.reduce((sum, g) => sum + (g * g) / 2, 0));
    if (t > steps) break;
    const cotangent = matrices ? preconditioned(residual, grid, matrices) : residual;
    state = state.map((layers, axis) => {
      const gradients = backward(setup, weights[axis], tapes[axis], mttkrp(cotangent, factors, setup, axis), axis);
      return layers.map(({ p, m, v }, l) => adam(p, gradients[l], m, v, t, { ...adamSettings, learningRate }));
    });
  }
  return losses;
}

function forward({ coordinates, rank, width, omega }: StepSetup, layers: readonly Float64Array[], axis: number): Tape {
  const points = coordinates[axis].length;
  const input = Float64Array.from({ length: 2 * points }, (_, i) => (i % 2 === 0 ? coordinates[axis][i / 2] : 1));
  const first = hidden(input, layers[0], points, 1, width, 'sine', omega);
  const second = hidden(first.result, layers[1], points, width, width, 'sine', omega);
  const inner = width + 1;
  const factor = product({ rows: points, columns: rank, inner, a: second.result, b: layers[2], transposeRight: true });
  return {
    inputs: [input, first.result, second.result],
    derivatives: [first.derivative, second.derivative],
    factor,
  };
}

function backward(
  { coordinates, rank, width }: StepSetup,
  layers: readonly Float64Array[],
  { inputs, derivatives }: Tape,
  atFactor: Float64Array,
  axis: number,
): Float64Array[] {
  const points = coordinates[axis].length;
  const gradient = (d: Float64Array, rows: number, layer: number, columns: number) =>
    product({ rows, columns, inner: points, a: d, b: inputs[layer], transposeLeft: true });
  const second = cotangentBelow(atFactor, layers[2], derivatives[1], points, rank, width);
  const first = cotangentBelow(second, layers[1], derivatives[0], points, width, width);
  return [gradient(first, width, 0, 2), gradient(second, width, 1, width + 1), gradient(atFactor, rank, 2, width + 1)];
}

/** Rows are the index tuples of all axes but `skipped`, the last fastest. */
function khatriRao(factors: readonly Float64Array[], rank: number, skipped: number): Float64Array {
  return factors.reduce<Float64Array>((all, factor, axis) => {
    if (axis === skipped) return all;
    const [outer, inner] = [all.length / rank, factor.length / rank];
    const next = new Float64Array(outer * inner * rank);
    for (let i = 0; i < outer * inner; i++) {
      for (let r = 0; r < rank; r++) {
        next[i * rank + r] = all[Math.floor(i / inner) * rank + r] * factor[(i % inner) * rank + r];
      }
    }
    return next;
  }, new Float64Array(rank).fill(1));
}

function contraction(factors: readonly Float64Array[], grid: readonly number[], rank: number): Float64Array {
  const [rows, ...rest] = grid;
  const columns = rest.reduce((all, n) => all * n, 1);
  const b = khatriRao(factors, rank, 0);
  return product({ rows, columns, inner: rank, a: factors[0], b, transposeRight: true });
}

/** unfold_axis(T), (n_axis, the others). */
function unfold(tensor: Float64Array, grid: readonly number[], axis: number): Float64Array {
  const behind = grid.slice(axis + 1).reduce((all, n) => all * n, 1);
  const others = tensor.length / grid[axis];
  return Float64Array.from({ length: tensor.length }, (_, at) => {
    const [i, other] = [Math.floor(at / others), at % others];
    return tensor[(Math.floor(other / behind) * grid[axis] + i) * behind + (other % behind)];
  });
}

function fold(unfolded: Float64Array, grid: readonly number[], axis: number): Float64Array {
  const behind = grid.slice(axis + 1).reduce((all, n) => all * n, 1);
  const others = unfolded.length / grid[axis];
  return Float64Array.from({ length: unfolded.length }, (_, at) => {
    const i = Math.floor(at / behind) % grid[axis];
    return unfolded[i * others + Math.floor(at / behind / grid[axis]) * behind + (at % behind)];
  });
}

/** P = sum_d G x_d S_d. */
function preconditioned(g: Float64Array, grid: readonly number[], matrices: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(g.length);
  grid.forEach((n, axis) => {
    const columns = g.length / n;
    const applied = product({ rows: n, columns, inner: n, a: matrices[axis], b: unfold(g, grid, axis) });
    fold(applied, grid, axis).forEach((x, i) => {
      sum[i] += x;
    });
  });
  return sum;
}

function mttkrp(g: Float64Array, factors: readonly Float64Array[], { grid, rank }: StepSetup, axis: number) {
  const b = khatriRao(factors, rank, axis);
  return product({ rows: grid[axis], columns: rank, inner: g.length / grid[axis], a: unfold(g, grid, axis), b });
}
