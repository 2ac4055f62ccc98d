/** What is trained, and the gradient of its loss, preconditioned or not, as nodes of a graph. */

import type { Tensor } from '../buffer/tensor.js';
import type { CotangentMap } from '../graph/differentiate.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import type { CallQueue } from '../host/queue.js';
import { type Factors, factorsOf } from '../model/forward.js';
import type { Model } from '../model/model.js';
import type { Goal, Objective } from '../objective/objective.js';
import { vjp } from '../ops/vjp.js';
import type { Applied, PreconditionerState, Start } from '../precondition/preconditioner.js';
import type { Target } from './target.js';
import type { TrainedParameters } from './trainedParameters.js';

/** What a model is trained with, and on what. */
export interface Training {
  readonly engine: Engine;
  readonly model: Model;
  /** Of the networks. */
  readonly input: Tensor;
  readonly objective: Objective;
  readonly preconditioner: PreconditionerState | undefined;
  readonly parameters: TrainedParameters;
  /** The training's own, `training`, and others against which the loss is wanted, in the device's order. */
  readonly targets: Readonly<Record<string, Target>>;
  /** Whether to measure schedules first. */
  readonly tune: boolean;
  /** Of the trainer, which must not wait for themselves. */
  readonly calls: CallQueue;
}

/** The loss's gradient with respect to `parameters`, its cotangents on the way transformed as goal and preconditioner want. */
export function gradientOf(
  { loss, preconditioned, transformations }: Goal,
  output: Value,
  parameters: Value,
  applied?: Pick<Applied, 'transform'>,
): Value {
  const maps = new Map<Value, CotangentMap>(transformations);
  if (applied) {
    for (const at of preconditioned ?? [output]) {
      const own = maps.get(at);
      maps.set(at, cotangent => applied.transform(own ? own(cotangent) : cotangent));
    }
  }
  return vjp(loss, 1, [parameters], maps)[0];
}

/** The preconditioner of a step, refreshed in it or as it was. */
export function appliedIn(
  graph: Graph,
  preconditioner: PreconditionerState | undefined,
  pass: Factors,
  refreshing: boolean,
): Applied | undefined {
  const refreshed = refreshing && preconditioner?.refreshed?.(graph, pass, { cold: false });
  return refreshed || preconditioner?.current(graph);
}

/** A refresh of the preconditioner by itself, with the networks that it starts from. */
export function refreshFrom(
  { model, input, preconditioner, parameters }: Training,
  start: Start,
): (graph: Graph) => void {
  return graph => {
    preconditioner?.refreshed?.(graph, factorsOf(graph, model, graph.read(parameters.tensor), input), start);
  };
}
