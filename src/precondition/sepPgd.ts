/**
 * SepPGD (Luo and Meng): each axis's cotangent is preconditioned by S_d = I - V_d^T diag(1 - g(l_i) / l_i) V_d, made
 * from the k largest eigenpairs of the axis's pseudo-NTK, which are found anew every so many steps.
 */

import { InputError } from '../errors.js';
import type { Engine } from '../graph/engine.js';
import type { Value } from '../graph/operation.js';
import { requireCount, requireFlag, requireOptions, requireWord, shown } from '../host/checks.js';
import type { Scope } from '../host/scope.js';
import { axisPoints, mostPoints } from '../model/domain/domain.js';
import { hasFactorNetworks, type Model, networkPoints, networksOf } from '../model/model.js';
import { coordinateAxes } from '../model/outputAxis.js';
import { mostTopK } from '../ops/eigen/leadingEigenpairs.js';
import { type Modulation, modulations } from '../ops/precondition/modulate.js';
import { type Combine, combines, type ModulatedBasis, precondition } from '../ops/precondition/precondition.js';
import { preconditionPoints } from '../ops/precondition/preconditionPoints.js';
import { pseudoNtk } from '../ops/tangent/pseudoNtk.js';
import { ModulatedEigenpairs } from './modulatedEigenpairs.js';
import {
  type Applied,
  type EigenpairKinds,
  type Preconditioner,
  type PreconditionerState,
  type Rehearse,
  usualRefresh,
} from './preconditioner.js';
import { type AlongAxes, inSlabs } from './sepPgdSlabs.js';
import { chooseTopK, probedTopK, probeSteps, type TopK } from './topK.js';

/** Settings of SepPGD, separable preconditioned gradient descent (Luo and Meng). */
export interface SepPgdOptions {
  /**
   * k, eigenpairs modulated: for all axes or one each, from 1, with which S_d is the identity, to the points of the
   * axis, or to 1016 where it has more than 1024. By default 'auto': chosen for each axis by a short training, which is
   * let go.
   */
  readonly topK?: TopK;
  /**
   * 'sum' by default, the paper's P = sum_d G x_d S_d; or P = G x_1 S_1 .. x_D S_D. On scattered points, where every S_d
   * acts on the same n numbers, P = sum_d S_d G or P = S_1 .. S_D G; the S_d do not commute there, so that the product
   * need not be a direction of descent, and is not for a k that is large.
   */
  readonly combine?: Combine;
  /** g of the k leading eigenvalues l_i: 'flat' by default, l_k, the paper's g1; or 'sqrt', sqrt(l_i), its g2. */
  readonly modulation?: Modulation;
  /**
   * Whether K is by the mean of the outputs (K / R^2) instead of their sum, on which only g = sqrt depends; false by
   * default.
   */
  readonly meanOfLogits?: boolean;
  /** Steps from one refresh to the next, from 1 to 2^31; 10 by default, as in the paper. */
  readonly refresh?: number;
}

const known = { topK: true, combine: true, modulation: true, meanOfLogits: true, refresh: true } as const;

/**
 * SepPGD (Luo and Meng) as a value for a trainer. Instead of the cotangent G at the output it puts P = sum_d G x_d S_d,
 * S_d = I - V_d^T diag(1 - g(l_i) / l_i) V_d being made of the k leading eigenpairs of axis d's pseudo-NTK.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function sepPgd(options: SepPgdOptions = {}): Preconditioner {
  requireOptions('sepPgd', options, known);
  const { topK = 'auto', combine = 'sum', modulation = 'flat', meanOfLogits = false, refresh = usualRefresh } = options;
  requireTopK(topK);
  requireWord('combine', combine, combines);
  requireWord('modulation', modulation, modulations);
  requireFlag('meanOfLogits', meanOfLogits);
  requireCount('refresh', refresh, 1, 2 ** 31);
  return {
    name: 'seppgd',
    refresh,
    ...(topK === 'auto' && { settle: (model: Model, rehearse: Rehearse) => settle(options, model, rehearse) }),
    start: (engine, scope, model, by) => start(engine, scope, model, { topK, combine, modulation, meanOfLogits }, by),
  };
}

function requireTopK(topK: TopK): void {
  if (topK === 'auto') return;
  if (typeof topK === 'number' || Array.isArray(topK)) {
    for (const k of [topK].flat()) requireCount('topK', k as number, 1, mostPoints);
    return;
  }
  throw new InputError(`topK: ${shown(topK)}: use 'auto', a whole number, or one for each axis`);
}

/**
 * k for each axis by `chooseTopK` from the spectra after the training's first steps with a k that is large. Where they
 * diverge they are made again with half the k: at last with 1, which is plain.
 */
async function settle(options: SepPgdOptions, model: Model, rehearse: Rehearse): Promise<Preconditioner> {
  for (let topK = probedTopK(axisPoints(model.domain)); ; topK = topK.map(k => Math.ceil(k / 2))) {
    const candidate = sepPgd({ ...options, topK });
    if (topK.every(k => k === 1)) return candidate;
    const spectra = await rehearse(candidate, probeSteps);
    if (spectra) return sepPgd({ ...options, topK: chooseTopK(spectra, topK, options.combine) });
  }
}

function start(
  engine: Engine,
  scope: Scope,
  model: Model,
  { topK: given, combine, modulation, meanOfLogits }: Required<Omit<SepPgdOptions, 'refresh'>>,
  by?: EigenpairKinds,
): PreconditionerState {
  const { domain } = model;
  if (!hasFactorNetworks(model)) {
    throw new InputError(
      `seppgd: a ${model.contraction.name} contraction has no factor network for each axis: use msk or iga`,
    );
  }
  if (given === 'auto') throw new InputError("seppgd: topK 'auto' is settled by a trainer: give numbers here");
  const points = axisPoints(domain);
  const topK = typeof given === 'number' ? points.map(() => given) : given;
  if (topK.length !== domain.axes) {
    throw new InputError(`topK: ${topK.length} numbers for ${domain.axes} axes: give one number, or one per axis`);
  }
  points.forEach((count, axis) => {
    requireCount('topK', topK[axis], 1, mostTopK(count));
  });
  const networks = networksOf(model);
  const kernels = networkPoints(model).map((count, i) => ({
    points: count,
    topK: topK[i % domain.axes],
    scale: meanOfLogits ? 1 / networks[i].outputs ** 2 : 1,
  }));
  const eigenpairs = new ModulatedEigenpairs(engine, scope, kernels, modulation, by);
  const applied = (basis: ModulatedBasis): Applied => ({
    transform: cotangent => preconditioned(model, cotangent, basis, { combine, topK }),
    slabs: inSlabs(model, basis, { combine, topK }),
  });
  return {
    name: 'seppgd',
    topK,
    current: graph => applied(eigenpairs.current(graph)),
    refreshed: (graph, { residuals }, begin) => applied(eigenpairs.refreshed(graph, pseudoNtk(residuals), begin)),
    spectra: () => eigenpairs.spectra(),
    state: () => eigenpairs.state(),
    restore: saved => eigenpairs.restore(saved),
  };
}

/** Every axis's S_d applied to a cotangent at the model's output: along its own axis, or to the same points. */
function preconditioned(
  { domain, readout }: Model,
  cotangent: Value,
  { vectors, scaled }: ModulatedBasis,
  { combine, topK }: AlongAxes,
): Value {
  const { axes, isGrid } = domain;
  if (!isGrid) return preconditionPoints(cotangent, vectors, scaled, { axes, combine });
  return precondition(cotangent, vectors, scaled, { combine, topK, axes: coordinateAxes(axes, readout.outputs) });
}
