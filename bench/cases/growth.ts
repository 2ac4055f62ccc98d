/** How the time of a step grows with what it computes: with n at fixed R and W, and with D at fixed n. */

import type { Engine } from '../../src/graph/engine.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import { type ContestOptions, contest } from '../contest.js';
import type { GrowthResult } from '../results.js';
import { taskOf } from './setup.js';
import { advance, trainerOptions } from './steps.js';

interface Growth {
  readonly name: string;
  readonly grids: readonly (readonly number[])[];
  readonly rank: number;
  readonly width: number;
}

const cube = (n: number, axes: number) => Array<number>(axes).fill(n);

export const growths = {
  full: [
    { name: 'n, D = 2, R = W = 150', grids: [64, 128, 256, 512, 1024].map(n => cube(n, 2)), rank: 150, width: 150 },
    { name: 'D, n = 16, R = W = 64', grids: [2, 3, 4, 5].map(axes => cube(16, axes)), rank: 64, width: 64 },
  ],
  quick: [{ name: 'n, D = 2, R = W = 150', grids: [64, 128, 256].map(n => cube(n, 2)), rank: 150, width: 150 }],
} as const;

const topK = 10;
const refresh = 10;

export async function growthCase(
  engine: Engine,
  { name, grids, rank, width }: Growth,
  options: ContestOptions,
): Promise<GrowthResult> {
  const trainers: Trainer[] = [];
  for (const grid of grids) {
    const settings = { preconditioner: sepPgd({ topK: Math.min(topK, grid[0] - 1), refresh }) };
    trainers.push(await Trainer.create(engine, trainerOptions(taskOf(grid, rank, width), settings)));
  }
  const standings = await contest(
    trainers.map((trainer, i) => ({
      name: grids[i].join(' x '),
      run: times => advance(trainer, times),
      unit: refresh,
    })),
    options,
  );
  const points = standings.map(({ milliseconds: { median } }, i) => {
    const { step, refreshStep } = trainers[i].work;
    const operations = (step.operations * (refresh - 1) + refreshStep.operations) / refresh;
    return { grid: grids[i], operations, milliseconds: median, gflops: operations / (1e6 * median) };
  });
  for (const trainer of trainers) trainer.dispose();
  return { name, points };
}
