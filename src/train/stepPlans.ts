/** What a trainer runs: plans in a row, with what must be brought to the device in between. */

import type { Tensor } from '../buffer/tensor.js';
import type { Engine } from '../graph/engine.js';
import type { Build, Outputs, Plan } from '../graph/plan.js';
import type { Disposable, Scope } from '../host/scope.js';
import type { Training } from './gradient.js';

/** Losses by name, of which some are always there. */
export type Losses<N extends string> = Readonly<Record<string, number> & Record<N, number>>;

export interface Stage {
  readonly plan: Plan;
  /** 1 by default. */
  readonly times?: number;
  /** Writes what the plan reads, where that does not lie on the device all the time. */
  readonly load?: (() => void | Promise<void>) | undefined;
}

/** The plans by which a model is trained, on the whole domain at once or in slabs. */
export interface StepPlans extends Disposable {
  /** One step, and one with a refresh of the preconditioner: on each batch, in their order. */
  readonly step: readonly (readonly Stage[])[];
  readonly refreshStep: readonly (readonly Stage[])[];
  /** Finds the preconditioner from nothing, and from the last refresh. */
  readonly prepare: Plan;
  readonly refresh: Plan;
  /** The loss against the training's target, `training`, and the other targets. */
  evaluate(): Promise<Losses<'training'>>;
  /** The model's output, in the order of a target. */
  render(): Promise<Float32Array>;
}

/** Runs stages in their order. What one has to load is written while the device still works on those before. */
export function runStages(engine: Engine, stages: Iterable<Stage>): Promise<void> {
  return engine.run(Array.from(stages, ({ plan, times = 1, load }) => [plan, times, load] as const));
}

/** The losses that stages give, by their names: those of one name are added up. @typeParam N names that the stages have. */
export async function lossesOf<N extends string>(engine: Engine, stages: readonly Stage[]): Promise<Losses<N>> {
  await runStages(engine, stages);
  const losses: Record<string, number> = {};
  for (const { plan } of stages) {
    for (const [name, loss] of Object.entries<Tensor>(plan.outputs as Plan<Outputs>['outputs'])) {
      losses[name] = (losses[name] ?? 0) + (await loss.read())[0];
    }
  }
  return losses as Losses<N>;
}

/** Plans that end with a scope, their schedules measured first where a training wants that. */
export async function compiled<B extends Readonly<Record<string, Build>>>(
  { engine, tune }: Training,
  scope: Scope,
  builds: B,
) {
  if (tune) await engine.tune(builds);
  const plans = await engine.compile(builds);
  for (const plan of Object.values<Plan>(plans)) scope.keep(plan);
  return plans;
}
