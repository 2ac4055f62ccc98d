/** A training step on Klein-Gordon: ours beside the peers', who carry derivatives forward as we do. */

import { sizeOf } from '../../src/buffer/layout.js';
import type { Engine } from '../../src/graph/engine.js';
import { building, within } from '../../src/host/scope.js';
import { adam } from '../../src/optimiser/adam.js';
import { discretise, gridAxes, type ProblemGrid, shapeOfRanges } from '../../src/pde/discretisation.js';
import { eachPoint } from '../../src/pde/grid.js';
import { jetArchitecture, problemParameterShapes } from '../../src/pde/network.js';
import { problems } from '../../src/pde/problems.js';
import { ProblemTrainer } from '../../src/pde/training/problemTrainer.js';
import type { ContestOptions } from '../contest.js';
import type { EquationSetup, Peer } from '../peers/peer.js';
import type { EquationResult } from '../results.js';
import { checkedSteps, stepContest } from './stepContest.js';
import { advance } from './steps.js';

export interface EquationShape {
  /** Of each axis. */
  readonly points: number;
  readonly rank: number;
  readonly width: number;
}

export const equationShapes = {
  full: [{ points: 64, rank: 32, width: 64 }],
  quick: [{ points: 16, rank: 32, width: 64 }],
} as const;

const learningRate = 1e-3;

interface EquationTask {
  readonly trainer: ProblemTrainer;
  readonly setup: EquationSetup;
}

/** The same points, parameters and conditions for everybody; points stand still. */
export function equationTask(engine: Engine, { points, rank, width }: EquationShape): Promise<EquationTask> {
  return building(async scope => {
    const problem = problems['klein-gordon']();
    const network = jetArchitecture({ width, rank });
    const optimiser = adam({ learningRate });
    const trainer = scope.keep(await ProblemTrainer.create(engine, { problem, network, points, optimiser }));
    const discretisation = discretise(problem, points);
    const all = discretisation.points(undefined);
    const coordinates = all.map(own => Float32Array.from(own));
    const { parameters } = await trainer.state();
    let at = 0;
    const layers = problemParameterShapes(problem, network).map(shape => {
      at += sizeOf(shape);
      return parameters.slice(at - sizeOf(shape), at);
    });
    const onGrid = (grid: ProblemGrid, value: (u: number) => number) => {
      const values = new Float32Array(sizeOf(shapeOfRanges(grid.points)));
      eachPoint(gridAxes(discretisation, grid, all), (point, index) => {
        values[index] = value(problem.exact.u(point));
      });
      return values;
    };
    const [equations, ...conditions] = discretisation.grids;
    const setup: EquationSetup = {
      ...{ rank, width, learningRate, coordinates },
      grid: coordinates.map(() => points),
      parameters: coordinates.map((_, axis) => layers.slice(axis * network.depth, (axis + 1) * network.depth)),
      // Of the exact solution u_tt is -4 u, and u_xx = u_yy = 0.
      source: onGrid(equations, u => u ** 2 - 4 * u),
      conditions: conditions.map((grid, i) => ({
        ranges: grid.points,
        target: onGrid(grid, u => u),
        weight: problem.conditions[i].weight,
      })),
    };
    return { trainer, setup };
  });
}

export function equationCase(
  engine: Engine,
  peers: readonly Peer[],
  shape: EquationShape,
  options: ContestOptions,
): Promise<EquationResult> {
  return within(async scope => {
    const before = engine.memory.bytes;
    const { trainer, setup } = await equationTask(engine, shape);
    scope.keep(trainer);
    const bytes = engine.memory.bytes - before;
    await trainer.advance(checkedSteps);
    const loss = Object.values(await trainer.evaluate()).reduce((sum, one) => sum + one, 0);
    const { absent, standings } = await stepContest(engine.device, {
      ours: [{ name: 'sepnn', run: times => advance(trainer, times) }],
      peers,
      open: peer => peer.equationStep(setup),
      loss,
      options,
    });
    return { ...shape, absent, work: trainer.work, bytes, standings };
  });
}
