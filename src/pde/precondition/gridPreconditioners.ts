/** Preconditioners of the cotangents at conditions: made once, of the networks as they are at first. */

import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { type Scope, within } from '../../host/scope.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { factorsOf, networkInput } from '../../model/forward.js';
import { defineModel } from '../../model/model.js';
import type { Preconditioner, PreconditionerState } from '../../precondition/preconditioner.js';
import { type Discretisation, gridAxes, type ProblemGrid } from '../discretisation.js';
import { shapeOf } from '../grid.js';
import type { JetArchitecture } from '../network.js';

/** What is to precondition the cotangents on a grid of these points, or nothing. @param grid its name. */
export type GridPreconditioners = (grid: string, shape: readonly number[]) => Preconditioner | undefined;

/**
 * The preconditioners of each grid, by its name.
 *
 * @param parameters of the networks from which they are made.
 * @throws InputError networks that are gated, several fields, or a grid on which something else stands than values.
 */
export async function gridPreconditioners(
  engine: Engine,
  scope: Scope,
  discretisation: Discretisation,
  { rank, gated, ...network }: JetArchitecture,
  parameters: Tensor,
  preconditioners: GridPreconditioners,
): Promise<ReadonlyMap<string, PreconditionerState>> {
  const { grids } = discretisation;
  const found = new Map<string, PreconditionerState>();
  const points = discretisation.points(undefined);
  for (const one of grids) {
    const axes = gridAxes(discretisation, one, points);
    const preconditioner = preconditioners(one.name, shapeOf(axes));
    if (!preconditioner) continue;
    if (grids.filter(({ name }) => name === one.name).length > 1) {
      throw new InputError(`${preconditioner.name}: ${one.name} is too large for one binding: use fewer points`);
    }
    requireValues(preconditioner.name, discretisation, one, gated);
    const model = defineModel({ domain: grid(Object.values(axes)), contraction: cp({ rank }), network });
    const state = await preconditioner.start(engine, scope, model);
    await within(async own => {
      const input = own.keep(await networkInput(engine, model));
      const plan = own.keep(
        await engine.compile(graph => {
          state.refreshed?.(graph, factorsOf(graph, model, graph.read(parameters), input), { cold: true });
        }),
      );
      await plan.run();
    });
    found.set(one.name, state);
  }
  return found;
}

/**
 * @param who is told to want them.
 * @throws InputError networks that are gated, several fields, or a grid on which something else stands than values.
 */
export function requireValues(
  who: string,
  { problem }: Discretisation,
  { name, fields }: ProblemGrid,
  gated: boolean,
): void {
  const isValue = fields.length === 1 && fields[0].orders.every(order => order === 0);
  if (!gated && problem.fields.length === 1 && isValue) return;
  throw new InputError(
    `${who}: takes conditions on the values of one field of plain networks, and ${name} of ${problem.name} is another: leave it out`,
  );
}
