/** What a fleet runs: plans for all of its places at once. */

import type { Tensor } from '../../buffer/tensor.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Value } from '../../graph/operation.js';
import type { Plan } from '../../graph/plan.js';
import type { SlotText } from '../../kernel/kernel.js';
import { factorsOf, forward } from '../../model/forward.js';
import type { Model } from '../../model/model.js';
import { intoPlaces } from '../../ops/fleet/intoPlaces.js';
import { lossOfPlaces } from '../../ops/fleet/lossOfPlaces.js';
import type { PreconditionerState } from '../../precondition/preconditioner.js';
import { appliedIn, gradientOf } from '../gradient.js';
import { assigning } from './assigning.js';
import type { FleetParameters } from './fleetParameters.js';

export interface FleetTraining {
  readonly engine: Engine;
  /** Of all places together. */
  readonly model: Model;
  /** Of its networks. */
  readonly input: Tensor;
  readonly target: Tensor;
  readonly loss: SlotText;
  readonly preconditioner: PreconditionerState | undefined;
  readonly parameters: FleetParameters;
  /** (places), u32: those of which the preconditioner is found from nothing. */
  readonly chosen: Tensor;
}

export interface FleetPlans {
  readonly step: Plan;
  readonly refreshStep: Plan;
  /** Finds the preconditioner of the chosen places from nothing. */
  readonly prepare: Plan;
  /** The output of every place, and its loss. */
  readonly finish: Plan<{ readonly output: Value; readonly losses: Value }>;
  /** What the preconditioner keeps. */
  readonly kept: readonly Tensor[];
}

export async function fleetPlans(training: FleetTraining): Promise<FleetPlans> {
  const { engine, model, input, target, loss, preconditioner, parameters, chosen } = training;
  const { places } = parameters.standing;
  const kept = new Set<Tensor>();
  const passIn = (graph: Graph) => forward(graph, model, graph.read(parameters.tensor), input);

  const stepWith = (refreshing: boolean) => (graph: Graph) => {
    const pass = passIn(graph);
    const { losses } = lossOfPlaces(pass.output, graph.read(target), { loss, places });
    const applied = appliedIn(graph, preconditioner, pass, refreshing);
    const gradient = gradientOf({ loss: losses }, pass.output, pass.residuals.parameters, applied);
    parameters.update(graph, losses, gradient, refreshing);
  };

  const plans = await engine.compile({
    step: stepWith(false),
    refreshStep: stepWith(true),
    prepare: (given: Graph) => {
      const graph = assigning(given, (tensor, value) => {
        kept.add(tensor);
        given.assign(tensor, intoPlaces(given.read(tensor), value, given.read(chosen)));
      });
      const pass = factorsOf(given, model, given.read(parameters.tensor), input);
      preconditioner?.refreshed?.(graph, pass, { cold: true });
    },
    finish: (graph: Graph) => {
      const { output } = passIn(graph);
      return { output, losses: lossOfPlaces(output, graph.read(target), { loss, places }).losses };
    },
  });
  return { ...plans, kept: [...kept] };
}
