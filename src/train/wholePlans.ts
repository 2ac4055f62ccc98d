/** Training on the whole domain at once: a step is one plan. */

import type { Tensor } from '../buffer/tensor.js';
import type { Graph, Value } from '../graph/operation.js';
import { building } from '../host/scope.js';
import { type Forward, factorsOf, forward, outputOf } from '../model/forward.js';
import { toHost } from '../model/model.js';
import { appliedIn, gradientOf, refreshFrom, type Training } from './gradient.js';
import { compiled, lossesOf, type StepPlans } from './stepPlans.js';
import { targetTensor } from './target.js';

/** What a step is made of: of a whole training, or of a part of it. */
export type StepTraining = Omit<Training, 'targets' | 'tune' | 'calls'>;

function passIn(graph: Graph, { model, parameters, input }: StepTraining): Forward {
  return forward(graph, model, graph.read(parameters.tensor), input);
}

/** A step of a training, with a refresh or without, as a graph. */
export function stepOn(training: StepTraining, target: Tensor, refreshing: boolean) {
  return (graph: Graph): void => {
    const { objective, preconditioner, parameters } = training;
    const pass = passIn(graph, training);
    const goal = objective.goal(pass.output, graph.read(target));
    const applied = appliedIn(graph, preconditioner, pass, refreshing);
    const gradient = gradientOf(goal, pass.output, pass.residuals.parameters, applied);
    parameters.update(graph, goal.loss, gradient, refreshing);
  };
}

export function wholePlans(training: Training): Promise<StepPlans> {
  const { engine, model, input, objective, parameters } = training;
  return building(async scope => {
    const targets: Record<string, Tensor> = {};
    for (const [name, values] of Object.entries(training.targets)) {
      targets[name] = await targetTensor(engine, scope, model, values);
    }

    const builds = {
      step: stepOn(training, targets.training, false),
      refreshStep: stepOn(training, targets.training, true),
      prepare: refreshFrom(training, { cold: true }),
      refresh: refreshFrom(training, { cold: false }),
      evaluate: (graph: Graph): Record<string, Value> => {
        const { factors, own } = factorsOf(graph, model, graph.read(parameters.tensor), input);
        // An output for each target: a loss is then fused into the contraction, which costs less than to store the output.
        const lossOf = (target: Tensor) => objective.goal(outputOf(model, factors, own), graph.read(target)).loss;
        return Object.fromEntries(Object.entries(targets).map(([name, target]) => [name, lossOf(target)]));
      },
      render: (graph: Graph) => ({ output: passIn(graph, training).output }),
    };
    const plans = await compiled(training, scope, builds);
    return {
      step: [[{ plan: plans.step }]],
      refreshStep: [[{ plan: plans.refreshStep }]],
      prepare: plans.prepare,
      refresh: plans.refresh,
      evaluate: () => lossesOf(engine, [{ plan: plans.evaluate }]),
      render: async () => {
        await plans.render.run();
        return toHost(model, await plans.render.outputs.output.read());
      },
      dispose: () => scope.dispose(),
    };
  });
}
