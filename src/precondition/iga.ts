/**
 * The rivals of SepPGD, which treat the model as a whole. S = I - V^T diag(1 - g(l_i) / l_i) V is made from the k largest
 * eigenpairs of its NTK, that of one number per point, and applied to the whole cotangent.
 *
 * MSK (modified spectrum kernel; Geifman et al. 2024): the NTK of all N points, and P = S G.
 *
 * IGA (inductive gradient adjustment; Shi et al. 2025): the points are split into groups of p neighbours, one of each
 * group is sampled, and the NTK is that of the samples, N / p by N / p. The S of the samples is applied to the first
 * points of all groups, to the second, and so on. Groups are blocks of a grid, or consecutive scattered points; those at
 * an end may have fewer points, in the place of which there is 0. MSK is IGA with groups of one point.
 *
 * K is of all points, or samples, trained on or not: the cotangent is 0 at a point that is masked out, and what S
 * spreads to it is a step of the model there as anywhere else.
 */

import { requireCount, requireOptions, requireWord } from '../host/checks.js';
import { Random, requireSeed } from '../host/random.js';
import { mostPoints } from '../model/domain/domain.js';
import { networkInput } from '../model/forward.js';
import { onPoints, pointNtk } from '../ntk/pointNtk.js';
import { groupPoints, ungroupPoints } from '../ops/precondition/groupPoints.js';
import { type Modulation, modulations } from '../ops/precondition/modulate.js';
import type { ModulatedBasis } from '../ops/precondition/precondition.js';
import { preconditionPoints } from '../ops/precondition/preconditionPoints.js';
import { coordinatesAt, type Grouping, groupingOf, samplesOf } from './grouping.js';
import { ModulatedEigenpairs } from './modulatedEigenpairs.js';
import { type Applied, type Preconditioner, usualRefresh } from './preconditioner.js';

/** Settings of MSK, the modified spectrum kernel (Geifman et al. 2024). */
export interface MskOptions {
  /** k: eigenpairs modulated, from 1 to the points of the NTK, or to 1016 where it has more than 1024. */
  readonly topK: number;
  /** g of the k leading eigenvalues l_i: 'flat' by default, l_k; or 'sqrt', sqrt(l_i). */
  readonly modulation?: Modulation;
  /** Steps from one refresh to the next, from 1 to 2^31; 10 by default. */
  readonly refresh?: number;
}

/** Settings of IGA, inductive gradient adjustment (Shi et al. 2025). */
export interface IgaOptions extends MskOptions {
  /**
   * p, points of a group along each axis of the grid, or one number for all; of scattered points, how many. From 1 to
   * the points there are.
   */
  readonly group: number | readonly number[];
  /** Of the choice of samples, from 0 to 2^32 - 1; 0 by default. */
  readonly seed?: number;
}

const knownOfMsk = { topK: true, modulation: true, refresh: true } as const;

/**
 * MSK (Geifman et al. 2024) as a value for a trainer: P = S G, S = I - V^T diag(1 - g(l_i) / l_i) V being made of the k
 * leading eigenpairs of the NTK of all points.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function msk(options: MskOptions): Preconditioner {
  requireOptions('msk', options, knownOfMsk);
  return wholeModel('msk', { ...options, group: 1 }, { remedy: 'use fewer, or iga', stateName: () => 'msk' });
}

/**
 * IGA (Shi et al. 2025) as a value for a trainer: as `msk`, but S is made from one sampled point of each group, and
 * applied to the first points of all groups, to the second, and so on.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function iga(options: IgaOptions): Preconditioner {
  requireOptions('iga', options, { ...knownOfMsk, group: true, seed: true });
  // Other groups have other samples, and so another kernel.
  const stateName = ({ block }: Grouping) => `iga ${block.join('x')} seed ${options.seed ?? 0}`;
  return wholeModel('iga', options, { remedy: 'use larger groups', stateName });
}

interface Words {
  /** What to do where the NTK is too large. */
  readonly remedy: string;
  /** What a state belongs to. */
  stateName(grouping: Grouping): string;
}

function wholeModel(name: string, options: IgaOptions, { remedy, stateName }: Words): Preconditioner {
  const { topK, modulation = 'flat', refresh = usualRefresh, group, seed = 0 } = options;
  requireCount('topK', topK, 1, mostPoints);
  requireWord('modulation', modulation, modulations);
  requireCount('refresh', refresh, 1, 2 ** 31);
  for (const points of [group].flat()) requireCount('group', points as number, 1, mostPoints);
  requireSeed(seed);
  const start: Preconditioner['start'] = async (engine, scope, model, by) => {
    const grouping = groupingOf(name, model, { topK, group, remedy }, engine.device);
    const samples = samplesOf(grouping, new Random(seed));
    const sampled = onPoints(model, coordinatesAt(model.domain, samples));
    const input = scope.keep(await networkInput(engine, sampled));
    const kernels = Array(model.members).fill({ points: grouping.samples, topK });
    const eigenpairs = new ModulatedEigenpairs(engine, scope, kernels, modulation, by);
    const applied = ({ vectors, scaled }: ModulatedBasis): Applied => ({
      transform(cotangent) {
        const grouped = groupPoints(cotangent, grouping);
        return ungroupPoints(preconditionPoints(grouped, vectors, scaled, { combine: 'sum', axes: 1 }), grouping);
      },
    });
    return {
      name: stateName(grouping),
      topK: [topK],
      current: graph => applied(eigenpairs.current(graph)),
      refreshed: (graph, { residuals }, begin) => {
        const ntk = pointNtk(graph, sampled, residuals.parameters, input);
        return applied(eigenpairs.refreshed(graph, ntk, begin));
      },
      spectra: () => eigenpairs.spectra(),
      state: () => eigenpairs.state(),
      restore: saved => eigenpairs.restore(saved),
    };
  };
  return { name, refresh, start };
}
