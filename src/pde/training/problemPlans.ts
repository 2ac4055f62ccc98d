/** The plans that a training on a problem replays: a step, one with a refresh, the loss of every grid. */

import type { CotangentMap } from '../../graph/differentiate.js';
import type { Graph, Value } from '../../graph/operation.js';
import type { Plan } from '../../graph/plan.js';
import { keepAll, type Scope } from '../../host/scope.js';
import { contractFields } from '../../ops/contraction/contractFields.js';
import { add } from '../../ops/elementwise/linearCombination.js';
import { jetPass } from '../../ops/network/jetNetwork.js';
import { residuals } from '../../ops/objective/residuals.js';
import { vjp } from '../../ops/vjp.js';
import type { PreconditionerState } from '../../precondition/preconditioner.js';
import { lossScale, type ProblemGrid } from '../discretisation.js';
import { jetAttributes } from '../network.js';
import type { ResidualNodes, ResidualPreconditioner } from '../precondition/residualSepPgd.js';
import { summed } from './blocks.js';
import type { ProblemOnDevice } from './pointsOnDevice.js';

/** What the plans are built from. */
export interface ProblemTraining extends ProblemOnDevice {
  /** Of the cotangents at fields, by their grids' names. */
  readonly preconditioners: ReadonlyMap<string, PreconditionerState> | undefined;
  /** Of the cotangent at the equation's residual. */
  readonly residual: ResidualPreconditioner | undefined;
}

export interface ProblemPlans {
  readonly step: Plan;
  /** The loss of every grid, by its name. */
  readonly evaluate: Plan<Record<string, Value>>;
  /** Of the residual's preconditioner. */
  readonly refreshing: Refreshing | undefined;
}

interface Refreshing {
  readonly residual: ResidualPreconditioner;
  /** A step with a refresh. */
  readonly step: Plan;
  /** The preconditioner from nothing. */
  readonly prepare: Plan;
}

/** @param scope that disposes of them. */
export async function problemPlans(scope: Scope, training: ProblemTraining): Promise<ProblemPlans> {
  const { engine, residual } = training;
  const plans = await engine.compile({
    step: (graph: Graph) => step(graph, training, false),
    evaluate: (graph: Graph) => {
      const losses: Record<string, Value> = {};
      for (const { grid, lossIn } of gridLosses(graph, training).grids) {
        const { loss } = lossIn();
        losses[grid.name] = losses[grid.name] ? add(losses[grid.name], loss) : loss;
      }
      return losses;
    },
  });
  keepAll(scope, plans);
  if (!residual) return { ...plans, refreshing: undefined };
  const refreshing = await engine.compile({
    step: (graph: Graph) => step(graph, training, true),
    prepare: (graph: Graph) => {
      for (const { grid, lossIn } of gridLosses(graph, training).grids) {
        if (grid === residual.grid) residual.refreshed(graph, lossIn().nodes, { cold: true });
      }
    },
  });
  keepAll(scope, refreshing);
  return { ...plans, refreshing: { residual, ...refreshing } };
}

/** @param refreshing whether it refreshes the residual's preconditioner. */
function step(graph: Graph, training: ProblemTraining, refreshing: boolean): void {
  const { parameters, preconditioners, residual } = training;
  const { at, jets, grids } = gridLosses(graph, training);
  // Each grid's way back follows its way there, so that no two need memory at a time.
  const { loss, cotangent } = summed(grids, ({ grid, lossIn }) => {
    const { loss, nodes } = lossIn();
    if (grid === residual?.grid) {
      const basis = refreshing ? residual.refreshed(graph, nodes, { cold: false }) : residual.current(graph);
      return { loss, cotangent: vjp(nodes.fields, residual.cotangents(nodes, basis), [jets])[0] };
    }
    const own = preconditioners?.get(grid.name)?.current(graph);
    const maps = new Map<Value, CotangentMap>(own && [[nodes.fields, cotangent => own.transform(cotangent)]]);
    return { loss, cotangent: vjp(loss, 1, [jets], maps)[0] };
  });
  parameters.update(graph, loss, vjp(jets, cotangent, [at])[0], true);
}

/** What makes a grid's loss, its weighted squares in the mean over its points, and what that is made of. */
interface GridLoss {
  readonly grid: ProblemGrid;
  lossIn(): { readonly loss: Value; readonly nodes: ResidualNodes };
}

/** The parameters, the jets of all networks, and every grid or block of one. */
function gridLosses(
  graph: Graph,
  { discretisation, network, points: { input, tables }, parameters }: ProblemTraining,
): { readonly at: Value; readonly jets: Value; readonly grids: readonly GridLoss[] } {
  const { problem, orders, grids } = discretisation;
  const axes = Object.keys(problem.axes).length;
  const at = graph.read(parameters.tensor);
  const { jets, pass } = jetPass(at, graph.read(input), jetAttributes(network, orders));
  return {
    at,
    jets,
    grids: grids.map((grid, i) => ({
      grid,
      lossIn: () => {
        const { points, fields: terms, residuals: compiled, count } = grid;
        const fields = contractFields(jets, { axes, scale: 1, orders, points, fields: terms });
        const table = tables[i];
        const known = table && graph.read(table);
        const found = residuals(fields, known, { text: compiled.text, residuals: count, scale: lossScale(grid) });
        return { loss: found.loss, nodes: { pass, jets, fields, tables: known, residuals: found.residuals } };
      },
    })),
  };
}
