/**
 * Parts of a domain on which a model is trained in turn, one a step: what a mini-batch is where a model is separable. On a
 * grid a batch has to be one too, as points drawn at random have no factors to share.
 */

import { sizeOf } from '../buffer/layout.js';
import { InputError } from '../errors.js';
import type { Build } from '../graph/plan.js';
import type { Numbers } from '../host/arrays.js';
import { requireCount } from '../host/checks.js';
import { building } from '../host/scope.js';
import { coordinatesOf, descriptionOf, everyAxis, mostPoints } from '../model/domain/domain.js';
import { grid } from '../model/domain/grid.js';
import { slabsOf } from '../model/fits.js';
import { networkInput } from '../model/forward.js';
import { type Model, onDomain } from '../model/model.js';
import type { Training } from './gradient.js';
import { slabPlans } from './slabPlans.js';
import { compiled, type StepPlans } from './stepPlans.js';
import { isOnDevice, requireTarget, targetTensor } from './target.js';
import { stepOn } from './wholePlans.js';

/** How a domain is cut into slabs: see `TrainerOptions`. */
interface Slabbing {
  readonly slabBytes?: number;
  readonly targetBytes: number;
}

/** Made by `interleaved`; what it makes is the trainer's own. */
export interface Batches {
  /**
   * @internal Those of a training whose steps take them in turn.
   *
   * @param whole those of the whole domain, by which it is evaluated and rendered.
   * @throws InputError a training that has no such parts.
   */
  plans(training: Training & Slabbing, whole: StepPlans): Promise<StepPlans>;
}

/**
 * Every N-th point of each axis of a grid: N^D sub-grids that have all its points between them, each spread over the
 * whole. A step takes about N^D times fewer operations. Neighbouring batches differ, so that an optimiser wants a lower
 * rate than on the whole grid, and a momentum whose memory spans some rounds: 0.98 for 2 in two dimensions.
 *
 * The target is held whole, rows of it too. A sub-grid goes in slabs where one by itself would, and one of which the target
 * has no number is left out.
 *
 * @param every N, one for all axes or one each.
 * @throws InputError a number that is no whole one; and where a trainer is created a domain that is no such grid, more than 64
 *   of them, a target on the device, or a preconditioner, whose eigenvectors are of the whole domain.
 */
export function interleaved(every: number | readonly number[]): Batches {
  for (const n of [every].flat()) requireCount('interleaved', n, 1, mostPoints);
  return {
    plans: (training, whole) =>
      building(async scope => {
        const { engine, model: all, targets, preconditioner, parameters, slabBytes, targetBytes } = training;
        const isRefreshed = parameters.optimiser.refresh !== undefined;
        const { training: given } = targets;
        if (preconditioner) {
          throw new InputError('batches: a preconditioner is of the whole domain: leave one of them out');
        }
        if (isOnDevice(given)) {
          throw new InputError('batches: a target on the device is not cut into them: give numbers, or rows of them');
        }
        const numbers = typeof given === 'function' ? await given(0, all.domain.shape[0]) : given;
        requireTarget('target', all, numbers);
        const builds: Record<string, Build> = {};
        const inSlabs: (StepPlans | undefined)[] = [];
        // Of one that is left out altogether a step would follow what moments there are.
        const batches = subgrids(all, numbers, every).filter(({ values }) =>
          values.some(value => !Number.isNaN(value)),
        );
        for (const [i, { model, values }] of batches.entries()) {
          const input = scope.keep(await networkInput(engine, model));
          const own = { ...training, model, input, targets: { training: values } };
          const slabs = slabsOf(model, engine.device, slabBytes);
          inSlabs.push(
            slabs.length > 1 ? scope.keep(await slabPlans(own, slabs, targetBytes / batches.length)) : undefined,
          );
          if (inSlabs[i]) continue;
          const target = await targetTensor(engine, scope, model, values);
          builds[`step ${i}`] = stepOn(own, target, false);
          if (isRefreshed) builds[`refresh ${i}`] = stepOn(own, target, true);
        }
        const plans = await compiled(training, scope, builds);
        return {
          ...whole,
          step: inSlabs.map((slabs, i) => slabs?.step[0] ?? [{ plan: plans[`step ${i}`] }]),
          refreshStep: inSlabs.map(
            (slabs, i) => slabs?.refreshStep[0] ?? [{ plan: plans[`${isRefreshed ? 'refresh' : 'step'} ${i}`] }],
          ),
          dispose: () => scope.dispose(),
        };
      }),
  };
}

/** The models on the sub-grids, in the order of steps, and a target's numbers there. @throws InputError as `interleaved`. */
export function subgrids(model: Model, target: Numbers, every: number | readonly number[]) {
  const { domain } = model;
  const { shape } = domain;
  const strides = typeof every === 'number' ? shape.map(() => every) : every;
  if (!domain.isGrid || strides.length !== shape.length || strides.some((n, d) => n > shape[d])) {
    throw new InputError(
      `interleaved: every ${strides.join(', ')} of ${descriptionOf(domain)}: give a grid, and a number for each of its axes, up to its points`,
    );
  }
  const count = sizeOf(strides);
  if (count > mostSubgrids) {
    throw new InputError(
      `interleaved: every ${strides.join(', ')} are ${count} sub-grids: use at most ${mostSubgrids}`,
    );
  }
  return sequences(strides).map(first => {
    const places = shape.map((n, d) => upTo(Math.ceil((n - first[d]) / strides[d]), i => first[d] + i * strides[d]));
    const axes = everyAxis(domain).map(d => {
      const all = coordinatesOf(domain, [d]);
      return places[d].map(i => all[i]);
    });
    return { model: onDomain(model, grid(axes)), values: taken(target, shape, places) };
  });
}

/** Each has plans of its own, and a driver's memory for them. */
export const mostSubgrids = 64;

function upTo<T>(count: number, of: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => of(i));
}

/** All sequences of numbers below the given ones, the last changing fastest. */
function sequences(below: readonly number[]): number[][] {
  return below.reduce<number[][]>((all, n) => all.flatMap(one => upTo(n, i => [...one, i])), [[]]);
}

/** Of tensors of one shape, one after the other, the numbers at these places of each axis. */
function taken(values: Numbers, shape: readonly number[], places: readonly (readonly number[])[]): Float32Array {
  const count = values.length / sizeOf(shape);
  const result = new Float32Array(count * sizeOf(places.map(({ length }) => length)));
  let to = 0;
  const walk = (axis: number, at: number): void => {
    if (axis === shape.length) result[to++] = values[at];
    else for (const i of places[axis]) walk(axis + 1, at * shape[axis] + i);
  };
  for (let i = 0; i < count; i++) walk(0, i);
  return result;
}
