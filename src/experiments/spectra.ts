/**
 * What SepPGD does to spectra: the eigenvalues of a tangent kernel K, and of K S, which training feels in its place and
 * which are those of the symmetric S^(1/2) K S^(1/2).
 */

import { sizeOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import { countsIn, cut, joined, type Numbers } from '../host/arrays.js';
import { requireOptions } from '../host/checks.js';
import { alongAxis, product, transposed } from '../host/dense.js';
import { within } from '../host/scope.js';
import { axisPoints } from '../model/domain/domain.js';
import { grid } from '../model/domain/grid.js';
import { factorsOf, networkInput } from '../model/forward.js';
import { hasFactorNetworks, type Model, modelParameterShapes, networkPoints, onDomain } from '../model/model.js';
import { denseNtk } from '../ntk/denseNtk.js';
import { eigh } from '../ops/eigen/eigh.js';
import { blockSize } from '../ops/eigen/leadingEigenpairs.js';
import type { Combine } from '../ops/precondition/precondition.js';
import { pseudoNtk } from '../ops/tangent/pseudoNtk.js';
import { type SepPgdOptions, sepPgd } from '../precondition/sepPgd.js';

/** The spectrum of a tangent kernel, and what SepPGD makes of it; eigenvalues, descending. */
export interface SpectrumPair {
  /** Of the kernel itself. */
  readonly before: Float32Array;
  /** Of the kernel times the preconditioner; absent where there is none. */
  readonly after?: Float32Array;
}

/** The spectrum of one factor network's pseudo-NTK. */
export interface NetworkSpectrum extends SpectrumPair {
  /** Of which member the network is, from 0. */
  readonly member: number;
  /** Of which coordinate the network is, from 0. */
  readonly axis: number;
  /** k, or fewer where an eigenvalue is not positive. */
  readonly used: number;
}

/** Of which model spectra are taken, at which parameters, and with SepPGD beside. */
export interface SpectraOptions {
  /** Of factor networks on a grid. */
  readonly model: Model;
  /** As `Trainer.state` and `readModel` give them. */
  readonly parameters: Numbers;
  /** Of SepPGD; absent for the kernels alone. */
  readonly preconditioner?: SepPgdOptions;
}

const known = { model: true, parameters: true, preconditioner: true } as const;

/** The most points of an axis of which a spectrum of the whole model is taken, and the most points in all. */
export const mostAxisPoints = 32;
export const mostModelPoints = 1024;

/**
 * The spectrum of the pseudo-NTK of every factor network on the points of the model's axes, member by member.
 *
 * @throws InputError a k above an axis's points, or an axis of more points than there are eigenvalues to be found of.
 */
export async function factorSpectra(engine: Engine, options: SpectraOptions): Promise<NetworkSpectrum[]> {
  requireOptions('factorSpectra', options, known);
  const { model, parameters, preconditioner } = options;
  const { axes } = model.domain;
  for (const points of axisPoints(model.domain)) {
    if (points > mostModelPoints) {
      throw new InputError(`spectra: an axis of ${points} points: use at most ${mostModelPoints}`);
    }
  }
  const { kernels, states } = await refreshed(engine, model, parameters, preconditioner ?? { topK: 1 });
  const points = networkPoints(model);
  const both = kernels.flatMap((kernel, i) => [kernel, conjugated(kernel, rootOf(states[i], points[i]), points[i])]);
  const values = await eigenvaluesOf(engine, both);
  return kernels.map((_, i) => ({
    member: Math.floor(i / axes),
    axis: i % axes,
    before: values[2 * i],
    ...(preconditioner && { after: values[2 * i + 1] }),
    used: states[i].used,
  }));
}

/**
 * The spectrum of the NTK of the whole model on its grid, of up to 32 points an axis and 1024 in all, for each member.
 *
 * @throws InputError a grid of too many points.
 */
export async function modelSpectra(engine: Engine, options: SpectraOptions): Promise<SpectrumPair[]> {
  requireOptions('modelSpectra', options, known);
  const { model, parameters, preconditioner } = options;
  const { domain, members } = model;
  const points = axisPoints(domain);
  const count = sizeOf(points);
  if (points.some(n => n > mostAxisPoints) || count > mostModelPoints) {
    throw new InputError(
      `spectra: the NTK of a whole model on ${points.join(' x ')} points: use at most ${mostAxisPoints} per axis and ${mostModelPoints} in all`,
    );
  }
  const kernels = (await denseNtk(engine, model, parameters)).map(kernel => Float64Array.from(kernel));
  if (!preconditioner || !hasFactorNetworks(model)) {
    return (await eigenvaluesOf(engine, kernels)).map(before => ({ before }));
  }
  const { states } = await refreshed(engine, model, parameters, preconditioner);
  const scaled = kernels.map((kernel, member) => {
    const own = states.slice(member * domain.axes, (member + 1) * domain.axes);
    return inEigenbasis(kernel, own, points, preconditioner.combine ?? 'sum');
  });
  const values = await eigenvaluesOf(engine, [...kernels, ...scaled]);
  return kernels.map((_, i) => ({ before: values[i], after: values[members + i] }));
}

/** One axis's preconditioner: eigenvectors of unit length as rows, (rows, n), and what S makes of each. */
interface AxisState {
  readonly vectors: Float64Array;
  /** g(l_i) / l_i, 1 after k. */
  readonly shares: Float64Array;
  readonly used: number;
}

/** The pseudo-NTKs of a model, and SepPGD's preconditioner made from them. */
function refreshed(
  engine: Engine,
  model: Model,
  parameters: Numbers,
  options: SepPgdOptions,
): Promise<{ kernels: Float64Array[]; states: AxisState[] }> {
  return within(async scope => {
    // Points of a file that has none: those of a grid.
    const there = model.domain.coordinates ? model : onDomain(model, grid(axisPoints(model.domain)));
    const preconditioner = await sepPgd(options).start(engine, scope, there);
    const input = scope.keep(await networkInput(engine, there));
    const held = scope.keep(engine.stack(modelParameterShapes(there), parameters));
    const plan = scope.keep(
      await engine.compile(graph => {
        const pass = factorsOf(graph, there, graph.read(held), input);
        preconditioner.refreshed?.(graph, pass, { cold: true });
        return { ntks: pseudoNtk(pass.residuals) };
      }),
    );
    await plan.run();
    const kernels = await partsOf(plan.outputs.ntks);
    const state = await preconditioner.state();
    const used = countsIn(state.used);
    const points = networkPoints(there);
    const rows = points.map((n, i) => n * blockSize(n, (preconditioner.topK ?? [])[i % there.domain.axes]));
    const [vectors, scaled] = [state.vectors, state.scaled].map(all => cut(Float64Array.from(all), rows));
    return { kernels, states: vectors.map((own, i) => stateOf(own, scaled[i], points[i], used[i])) };
  });
}

function stateOf(vectors: Float64Array, scaled: Float64Array, n: number, used: number): AxisState {
  const shares = Float64Array.from({ length: vectors.length / n }, (_, row) => {
    let [inner, norm] = [0, 0];
    for (let i = row * n; i < (row + 1) * n; i++) {
      inner += scaled[i] * vectors[i];
      norm += vectors[i] * vectors[i];
    }
    return Math.max(0, 1 - inner / norm); // float32 leaves of a share what it resolves of 1
  });
  return { vectors, shares, used };
}

/** S^(1/2) = I - V^T diag(1 - sqrt(share)) V. */
function rootOf({ vectors, shares }: AxisState, n: number): Float64Array {
  const root = new Float64Array(n * n);
  for (let i = 0; i < n; i++) root[i * n + i] = 1;
  shares.forEach((share, row) => {
    if (share === 1) return;
    const v = vectors.subarray(row * n, (row + 1) * n);
    for (let i = 0; i < n; i++) {
      const factor = (1 - Math.sqrt(share)) * v[i];
      for (let j = 0; j < n; j++) root[i * n + j] -= factor * v[j];
    }
  });
  return root;
}

/** R K R for symmetric R and K. */
function conjugated(kernel: Float64Array, root: Float64Array, n: number): Float64Array {
  return product(root, product(kernel, root, n), n);
}

/**
 * S^(1/2) K S^(1/2) in the basis V_1 x .. x V_D, in which S is diagonal: the sum over the axes, or the product, of their
 * shares.
 */
function inEigenbasis(
  kernel: Float64Array,
  states: readonly AxisState[],
  points: readonly number[],
  combine: Combine,
): Float64Array {
  const count = sizeOf(points);
  let turned = kernel;
  for (let side = 0; side < 2; side++) {
    turned = transposed(turned, count);
    for (const [axis, { vectors }] of states.entries()) {
      turned = alongAxis(turned, vectors, points[axis], sizeOf(points.slice(axis + 1)));
    }
  }
  const roots = Float64Array.from({ length: count }, (_, at) => {
    let rest = at;
    const shares = points.map((_, i) => {
      const d = points.length - 1 - i; // the last axis fastest
      const index = rest % points[d];
      rest = Math.floor(rest / points[d]);
      return states[d].shares[index];
    });
    return Math.sqrt(shares.reduce((total, share) => (combine === 'sum' ? total + share : total * share)));
  });
  return turned.map((value, at) => value * roots[Math.floor(at / count)] * roots[at % count]);
}

/** Of a stack of tensors, each by itself. */
async function partsOf(tensor: Tensor): Promise<Float64Array[]> {
  const lengths = tensor.layout.parts.map(({ shape }) => sizeOf(shape));
  return cut(Float64Array.from(await tensor.read()), lengths);
}

/** The eigenvalues of symmetric matrices, (n, n), row-major, n up to 1024; descending. */
export function eigenvaluesOf(engine: Engine, matrices: readonly Float64Array[]): Promise<Float32Array[]> {
  return within(async scope => {
    const shapes = matrices.map(({ length }) => [Math.sqrt(length), Math.sqrt(length)]);
    const held = scope.keep(engine.stack(shapes, joined(matrices)));
    const plan = scope.keep(await engine.compile(graph => ({ values: eigh(graph.read(held)).values })));
    await plan.run();
    return (await partsOf(plan.outputs.values)).map(values => Float32Array.from(values));
  });
}
