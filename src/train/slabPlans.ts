/**
 * Training in slabs of the first axis, where the output tensor is past what a device binds. A step is a plan that runs
 * the networks, one per slab that takes its loss and adds its cotangents at the factor matrices to those before, and one
 * that brings their sums through the networks. Only a slab of the output's cotangent is ever in memory.
 *
 * The result is that of the whole domain but for the order in which sums are rounded.
 */

import type { Shape } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import type { Cotangent, Graph, Value } from '../graph/operation.js';
import type { Build, Plan } from '../graph/plan.js';
import { building } from '../host/scope.js';
import type { Extent } from '../model/contraction/contraction.js';
import { evaluate } from '../model/evaluate.js';
import { type Factors, factorsOf, outputOf } from '../model/forward.js';
import { networkPoints, networksOf, outputShapes, ownParameterShapes } from '../model/model.js';
import { add } from '../ops/elementwise/linearCombination.js';
import { type Piece, pieces, type Range } from '../ops/elementwise/pieces.js';
import { vjp, vjpOfSeveral } from '../ops/vjp.js';
import type { Applied, AppliedInSlabs } from '../precondition/preconditioner.js';
import { refreshFrom, type Training } from './gradient.js';
import { type SlabTarget, slabTargets } from './slabTargets.js';
import { runStages, type Stage, type StepPlans } from './stepPlans.js';

/**
 * @param slabs ranges of the first axis, in order: `slabsOf`.
 * @param mostTargetBytes targets up to so many bytes together lie on the device; beyond, they stay where they are and
 *   are brought there slab by slab in every step.
 * @throws InputError an objective or a preconditioner that takes the output whole; a projection of the first axis that no
 * binding holds.
 */
export function slabPlans(training: Training, slabs: readonly Range[], mostTargetBytes: number): Promise<StepPlans> {
  const { engine, model, input, preconditioner, parameters, objective } = training;
  const { axes, shape } = model.domain;
  requireInSlabs(training);
  const slabForm = preconditioner?.slabs;
  return building(async scope => {
    const stack = (shapes: readonly Shape[]): Tensor => scope.keep(engine.stack(shapes));
    const points = networkPoints(model);
    const factorShapes = networksOf(model).map(({ outputs }, i) => [points[i], outputs]);
    const ownShapes = ownParameterShapes(model);
    const hasOwn = ownShapes.length > 0;
    const factors = stack(factorShapes);
    const own = hasOwn ? stack(ownShapes) : undefined;
    const lifted = slabForm?.lifts ? stack(factorShapes) : undefined;
    const atFactors = stack(factorShapes);
    const atOwn = hasOwn ? stack(ownShapes) : undefined;
    const projected = slabForm?.projection;
    const projection = projected && stack(outputShapes(model).map(() => projected));
    const loss = stack([[]]);
    const targets = slabTargets(engine, scope, model, training.targets, slabs, mostTargetBytes);

    const ownIn = (graph: Graph) => own && graph.read(own);
    const extentOf = (rows: number): Extent => ({ axes, shape: [rows, ...shape.slice(1)] });
    /** What some rows of the first axis give. */
    const outputOfSlab = (graph: Graph, at: Value, rows: Range) =>
      outputOf(model, factorsOfSlab(at, rows, axes), ownIn(graph), extentOf(rows[1] - rows[0]));

    const open = (appliedTo: (graph: Graph, pass: Factors) => Applied | undefined) => (graph: Graph) => {
      const pass = factorsOf(graph, model, graph.read(parameters.tensor), input);
      const inSlabs = appliedTo(graph, pass)?.slabs;
      graph.assign(factors, pass.factors);
      if (own && pass.own) graph.assign(own, pass.own);
      if (lifted && inSlabs?.lift) graph.assign(lifted, inSlabs.lift(pass.factors));
    };

    /** The slab's output, and its goal. */
    const goalIn = (graph: Graph, slab: number, target: SlabTarget) => {
      const output = outputOfSlab(graph, graph.read(factors), slabs[slab]);
      return { output, ...objective.goal(output, graph.read(target.tensor)) };
    };

    const slabStep = (slab: number) => (graph: Graph) => {
      const addTo = (tensor: Tensor, value: Value) =>
        graph.assign(tensor, slab === 0 ? value : add(graph.read(tensor), value));
      const goal = goalIn(graph, slab, targets.training[slab]);
      const inSlabs = preconditioner?.current(graph).slabs;
      const [atOutput] = vjp(goal.loss, 1, [goal.output]);
      addTo(loss, goal.loss);
      // Before the cotangent is transformed, which happens in its place.
      if (projection && inSlabs?.project) addTo(projection, inSlabs.project(atOutput, slabs[slab]));
      const cotangent = inSlabs ? inSlabs.transform(atOutput) : atOutput;
      const at = graph.read(lifted ?? factors);
      const output = lifted ? outputOfSlab(graph, at, slabs[slab]) : goal.output;
      const [ofFactors, ofOwn] = vjp(output, cotangent, [at, ...(own ? [graph.read(own)] : [])]);
      addTo(atFactors, ofFactors);
      if (atOwn) addTo(atOwn, ofOwn);
    };

    const close = (graph: Graph) => {
      const pass = factorsOf(graph, model, graph.read(parameters.tensor), input);
      const inSlabs: AppliedInSlabs | undefined = preconditioner?.current(graph).slabs;
      const through = lifted && inSlabs?.lift ? inSlabs.lift(pass.factors) : pass.factors;
      const seeds = new Map<Value, Cotangent>([[through, graph.read(atFactors)]]);
      if (atOwn && pass.own) seeds.set(pass.own, graph.read(atOwn));
      if (projection && projected && inSlabs?.reduce) {
        const reduced = outputOf(model, inSlabs.reduce(pass.factors), pass.own, extentOf(projected[0]));
        seeds.set(reduced, graph.read(projection));
      }
      const [gradient] = vjpOfSeveral(seeds, [pass.residuals.parameters]);
      parameters.update(graph, graph.read(loss), gradient);
    };

    const builds: Record<string, Build> = {
      open: open(graph => preconditioner?.current(graph)),
      refreshOpen: open(
        (graph, pass) => preconditioner?.refreshed?.(graph, pass, { cold: false }) ?? preconditioner?.current(graph),
      ),
      close,
      prepare: refreshFrom(training, { cold: true }),
      refresh: refreshFrom(training, { cold: false }),
    };
    slabs.forEach((_, slab) => {
      builds[`slab ${slab}`] = slabStep(slab);
      for (const [name, target] of Object.entries(targets)) {
        builds[`evaluate ${slab} ${name}`] = graph => ({ loss: goalIn(graph, slab, target[slab]).loss });
      }
    });
    if (training.tune) await engine.tune(builds);
    const plans = await engine.compile(builds);
    for (const plan of Object.values<Plan>(plans)) scope.keep(plan);

    const inSlabs = slabs.map((_, slab): Stage => ({ plan: plans[`slab ${slab}`], ...loadOf(targets.training[slab]) }));
    const evaluationsOf = (name: string) =>
      slabs.map((_, slab) => ({ plan: plans[`evaluate ${slab} ${name}`], ...loadOf(targets[name][slab]) }));
    return {
      step: [{ plan: plans.open }, ...inSlabs, { plan: plans.close }],
      refreshStep: [{ plan: plans.refreshOpen }, ...inSlabs, { plan: plans.close }],
      prepare: plans.prepare,
      refresh: plans.refresh,
      evaluate: async () => {
        const names = Object.keys(targets);
        await runStages(engine, [{ plan: plans.open }, ...names.flatMap(evaluationsOf)]);
        const losses: Record<string, number> = {};
        for (const name of names) {
          losses[name] = 0;
          for (const { plan } of evaluationsOf(name)) losses[name] += await numberIn(plan);
        }
        return losses;
      },
      render: async () => evaluate(engine, model, await parameters.tensor.read()),
      dispose: () => scope.dispose(),
    };
  });
}

/** @throws InputError what takes the output whole. */
function requireInSlabs({ preconditioner, objective, model }: Training): void {
  const whole = 'the whole output at once, and this one is trained in slabs';
  if (preconditioner && !preconditioner.slabs) {
    throw new InputError(`${preconditioner.name}: takes ${whole}: use sepPgd or none`);
  }
  if (!objective.additive) throw new InputError(`${objective.name}: takes ${whole}: use one that is a sum over points`);
  if (preconditioner && !model.readout.linear) {
    throw new InputError(
      `${model.readout.name}: is not linear, and slabs are preconditioned through it: use plain gradients`,
    );
  }
}

/** The factor matrices with only some rows of the first axis's. */
function factorsOfSlab(factors: Value, rows: Range, axes: number): Value {
  return pieces(
    [factors],
    factors.layout.parts.map((_, part): Piece => (part % axes === 0 ? { part, rows } : { part })),
  );
}

function loadOf({ load }: SlabTarget): Pick<Stage, 'load'> {
  return load ? { load } : {};
}

async function numberIn({ outputs }: Plan): Promise<number> {
  const [number] = await (outputs as { loss: Tensor }).loss.read();
  return number;
}
