/**
 * Training in slabs of the first axis, where the output tensor is past what a device binds. A step is a plan that runs
 * the networks, one per slab that takes its loss and adds its cotangents at the factor matrices to those before, and one
 * that brings their sums through the networks. Only a slab of the output's cotangent is ever in memory.
 *
 * The result is that of the whole domain but for the order in which sums are rounded.
 */

import { type Shape, sizeOfAll, stackOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { compute } from '../graph/compute.js';
import type { Cotangent, Graph, Value } from '../graph/operation.js';
import type { Build } from '../graph/plan.js';
import { requireArray } from '../host/arrays.js';
import { building, within } from '../host/scope.js';
import { onRows, slabsOfHeight } from '../model/fits.js';
import { factorsOf, type Own, outputOf } from '../model/forward.js';
import { factorShapes, type Model, outputShapes, toHost } from '../model/model.js';
import { ownRegionsOf, ownShapes } from '../model/parameters.js';
import { fill } from '../ops/elementwise/fill.js';
import { add } from '../ops/elementwise/linearCombination.js';
import { type Piece, pieces, type Range } from '../ops/elementwise/pieces.js';
import { vjp, vjpOfSeveral } from '../ops/vjp.js';
import type { Applied, AppliedInSlabs } from '../precondition/preconditioner.js';
import { appliedIn, refreshFrom, type Training } from './gradient.js';
import { type SlabTarget, slabParts, slabTargets } from './slabTargets.js';
import { compiled, lossesOf, type Stage, type StepPlans } from './stepPlans.js';
import { isOnDevice } from './target.js';

/**
 * @param slabs ranges of the first axis, in order: `slabsOf`.
 * @param mostTargetBytes slabs of targets up to so many bytes together lie on the device; the others stay where they are
 *   and are brought there in every step.
 * @throws InputError an objective or a preconditioner that takes the output whole.
 */
export function slabPlans(training: Training, slabs: readonly Range[], mostTargetBytes: number): Promise<StepPlans> {
  const { engine, model, input, preconditioner, parameters, objective } = training;
  const { axes } = model.domain;
  const offered = requireInSlabs(training);
  return building(async scope => {
    const stack = (shapes: readonly Shape[]): Tensor => scope.keep(engine.stack(shapes));
    const regions = ownRegionsOf(model).map(owner => {
      const shapes = ownShapes(model, owner);
      return { owner, tensor: stack(shapes), cotangent: stack(shapes) };
    });
    const factors = stack(factorShapes(model));
    const lifted = offered?.lift && stack(factorShapes(model));
    const atFactors = stack(factorShapes(model));
    const onSlab = ([from, to]: Range): Model => onRows(model, to - from);
    // In parts as high as the slabs, so that each is bound as those are.
    const projections = slabsOfHeight(offered?.projection?.rows ?? 0, slabs[0][1]).map(some => ({
      some,
      tensor: stack(outputShapes(onSlab(some))),
    }));
    const loss = stack([[]]);
    const targets = await slabTargets(training, scope, slabs, mostTargetBytes);

    const ownIn = (graph: Graph): Own =>
      Object.fromEntries(regions.map(({ owner, tensor }) => [owner, graph.read(tensor)]));
    /** What some rows of the first factor matrices give. */
    const outputOfSlab = (at: Value, rows: Range, own = ownIn(at.graph)) =>
      outputOf(onSlab(rows), factorsOfSlab(at, rows, axes), own);

    /** The preconditioner's form at one moment: of the kind for which there are tensors. */
    const formAt = (applied: Applied | undefined): AppliedInSlabs | undefined => {
      const form = applied?.slabs;
      const [has, wants] = [form, offered].map(one => [!one, !one?.lift, !one?.projection].join());
      if (has === wants) return form;
      throw takesWhole(preconditioner, 'sepPgd or none');
    };

    const open = (refreshing: boolean) => (graph: Graph) => {
      const pass = factorsOf(graph, model, graph.read(parameters.tensor), input);
      const form = formAt(appliedIn(graph, preconditioner, pass, refreshing));
      graph.assign(factors, pass.factors);
      Object.values(pass.own).forEach((own, i) => {
        graph.assign(regions[i].tensor, own);
      });
      if (lifted && form?.lift) graph.assign(lifted, form.lift(pass.factors));
    };

    /** The slab's output, and its goal. */
    const goalIn = (graph: Graph, slab: number, target: SlabTarget) => {
      const output = outputOfSlab(graph.read(factors), slabs[slab]);
      return { output, ...objective.goal(output, graph.read(target.tensor)) };
    };

    const slabStep = (slab: number) => (graph: Graph) => {
      const addTo = (tensor: Tensor, value: Value) =>
        graph.assign(tensor, slab === 0 ? value : add(graph.read(tensor), value));
      const goal = goalIn(graph, slab, targets.training[slab]);
      const form = formAt(preconditioner?.current(graph));
      const [atOutput] = vjp(goal.loss, 1, [goal.output], goal.transformations);
      addTo(loss, goal.loss);
      // Before the cotangent is transformed, which happens in its place.
      if (form?.projection) {
        for (const { some, tensor } of projections) addTo(tensor, form.projection.project(atOutput, slabs[slab], some));
      }
      const cotangent = form ? form.transform(atOutput) : atOutput;
      const at = graph.read(lifted ?? factors);
      const output = lifted ? outputOfSlab(at, slabs[slab]) : goal.output;
      const [ofFactors, ...ofRegions] = vjp(output, cotangent, [
        at,
        ...regions.map(({ tensor }) => graph.read(tensor)),
      ]);
      addTo(atFactors, ofFactors);
      regions.forEach((region, i) => {
        addTo(region.cotangent, ofRegions[i]);
      });
    };

    const close = (refreshing: boolean) => (graph: Graph) => {
      const pass = factorsOf(graph, model, graph.read(parameters.tensor), input);
      const form = formAt(preconditioner?.current(graph));
      const through = form?.lift ? form.lift(pass.factors) : pass.factors;
      const seeds = new Map<Value, Cotangent>([[through, graph.read(atFactors)]]);
      Object.values(pass.own).forEach((own, i) => {
        seeds.set(own, graph.read(regions[i].cotangent));
      });
      if (form?.projection) {
        const reduced = form.projection.reduce(pass.factors);
        for (const { some, tensor } of projections)
          seeds.set(outputOfSlab(reduced, some, pass.own), graph.read(tensor));
      }
      const [gradient] = vjpOfSeveral(seeds, [pass.residuals.parameters]);
      parameters.update(graph, graph.read(loss), gradient, refreshing);
    };

    const builds: Record<string, Build> = {
      open: open(false),
      refreshOpen: open(true),
      close: close(false),
      refreshClose: close(true),
      prepare: refreshFrom(training, { cold: true }),
      refresh: refreshFrom(training, { cold: false }),
    };
    slabs.forEach((_, slab) => {
      builds[`slab ${slab}`] = slabStep(slab);
      for (const [name, target] of Object.entries(targets)) {
        builds[`evaluate ${slab} ${name}`] = graph => ({ [name]: goalIn(graph, slab, target[slab]).loss });
      }
    });
    const plans = await compiled(training, scope, builds);

    const inSlabs = slabs.map((_, slab): Stage => ({ plan: plans[`slab ${slab}`], load: targets.training[slab].load }));
    const evaluations = Object.entries(targets).flatMap(([name, target]) =>
      slabs.map((_, slab): Stage => ({ plan: plans[`evaluate ${slab} ${name}`], load: target[slab].load })),
    );
    return {
      step: [[{ plan: plans.open }, ...inSlabs, { plan: plans.close }]],
      refreshStep: [[{ plan: plans.refreshOpen }, ...inSlabs, { plan: plans.refreshClose }]],
      prepare: plans.prepare,
      refresh: plans.refresh,
      evaluate: () => lossesOf(engine, [{ plan: plans.open }, ...evaluations]),
      render: async () => {
        const count = sizeOfAll(outputShapes(model));
        requireArray(count);
        await engine.run([[plans.open, 1]]);
        const whole = new Float32Array(count);
        for (const rows of slabs) {
          const slab = onSlab(rows);
          const output = await within(async own => {
            const build = (graph: Graph) => outputOfSlab(graph.read(factors), rows);
            return toHost(slab, await own.keep(await compute(engine, outputShapes(slab), build)).read());
          });
          slabParts(model, whole, rows).forEach((part, plane) => {
            part.set(output.subarray(plane * part.length, (plane + 1) * part.length));
          });
        }
        return whole;
      },
      dispose: () => scope.dispose(),
    };
  });
}

function takesWhole(taker: { readonly name: string } | undefined, use: string): InputError {
  return new InputError(`${taker?.name}: takes the whole output at once: in slabs use ${use}`);
}

/** The preconditioner's form in slabs. @throws InputError what takes the output whole. */
function requireInSlabs({ engine, preconditioner, objective, model, targets }: Training): AppliedInSlabs | undefined {
  if (Object.values(targets).some(isOnDevice)) {
    throw new InputError('target: lies on the device, which slabs do not take: give numbers');
  }
  const trial = engine.trialGraph();
  const form = preconditioner?.current(trial).slabs;
  if (preconditioner && !form) throw takesWhole(preconditioner, 'sepPgd or none');
  if (!objective.additive) throw takesWhole(objective, 'one that is a sum over points');
  if (!preconditioner) return undefined;
  const output = fill(trial, stackOf(outputShapes(model)), 0);
  const { preconditioned = [output] } = objective.goal(output, output);
  // A readout that is not linear, or an objective that is preconditioned elsewhere than at the output.
  const inTheWay = model.readout.linear ? objective : model.readout;
  if (preconditioned.length === 1 && preconditioned[0] === output && inTheWay === objective) return form;
  throw new InputError(`${inTheWay.name}: slabs are not preconditioned through it: use plain gradients`);
}

/** The factor matrices with only some rows of the first axis's. */
function factorsOfSlab(factors: Value, rows: Range, axes: number): Value {
  return pieces(
    [factors],
    factors.layout.parts.map((_, part): Piece => (part % axes === 0 ? { part, rows } : { part })),
  );
}
