/** Whole training steps: plain, SepPGD with its preconditioner held fixed, SepPGD with its refresh, and the peers'. */

import type { Engine } from '../../src/graph/engine.js';
import { axisPoints } from '../../src/model/domain/domain.js';
import { adam } from '../../src/optimiser/adam.js';
import type { Preconditioner } from '../../src/precondition/preconditioner.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import type { ContestOptions } from '../contest.js';
import type { Peer, StepSetup } from '../peers/peer.js';
import type { MemoryResult, StepResult } from '../results.js';
import { preconditionersOf, type Task, taskOf } from './setup.js';
import { checkedSteps, requireAgreement, stepContest } from './stepContest.js';
import { twinLosses } from './twinStep.js';

export interface StepShape {
  readonly grid: readonly number[];
  readonly rank: number;
  readonly width: number;
  readonly topK: number;
}

const square = (n: number, rank: number, width: number, topK: number, axes = 2): StepShape => ({
  grid: Array<number>(axes).fill(n),
  rank,
  width,
  topK,
});

export const stepShapes = {
  full: [
    square(128, 150, 150, 10),
    square(128, 150, 150, 64),
    square(256, 256, 256, 10),
    square(256, 256, 256, 70),
    square(512, 500, 500, 70),
    square(64, 64, 64, 10, 3),
    square(128, 200, 256, 20, 3),
  ],
  quick: [square(128, 150, 150, 10), square(64, 64, 64, 10, 3)],
} as const;

const refresh = 10;
/** So late that the preconditioner of the first step is kept. */
const never = 2 ** 30;
const fixedName = 'SepPGD, S fixed';
/** Products of a step beyond which the float64 twin would take minutes: it checks one step there. */
const heavyStep = 1e9;

export async function stepCase(
  engine: Engine,
  peers: readonly Peer[],
  { grid, rank, width, topK }: StepShape,
  options: ContestOptions,
): Promise<StepResult> {
  const task = taskOf(grid, rank, width);
  const trainers: Trainer[] = [];
  const open = async (preconditioner?: Preconditioner) => {
    const trainer = await Trainer.create(engine, trainerOptions(task, { ...(preconditioner && { preconditioner }) }));
    trainers.push(trainer);
    return trainer;
  };
  const fixed = await open(sepPgd({ topK, refresh: never }));
  const ours = [...(await fixed.advance(checkedSteps)), (await fixed.evaluate()).training];
  const preconditioners = preconditionersOf(grid, await fixed.state(), (await fixed.spectra()) ?? []);
  const setup: StepSetup = { ...task.setup, preconditioners };
  const twinSteps = fixed.work.step.operations > heavyStep ? 1 : checkedSteps;
  const expected = twinLosses(setup, twinSteps);
  const error = requireAgreement('sepnn', ours.slice(0, twinSteps + 1), expected);

  const plain = await open();
  const before = engine.memory.bytes;
  const refreshed = await open(sepPgd({ topK, refresh }));
  const memory = memoryOf(engine.memory.bytes - before, task);
  const { absent, standings } = await stepContest(engine.device, {
    ours: [
      { name: fixedName, run: times => advance(fixed, times) },
      { name: 'SepPGD', run: times => advance(refreshed, times), unit: refresh },
      { name: 'plain', run: times => advance(plain, times) },
      { name: 'one refresh alone', run: times => refreshAlone(refreshed, times) },
    ],
    peers,
    open: peer => peer.step(setup),
    loss: ours.at(-1) as number,
    options,
  });
  const work = { plain: plain.work.step, step: fixed.work.step, refreshStep: refreshed.work.refreshStep };
  for (const trainer of trainers) trainer.dispose();
  return {
    grid,
    rank,
    width,
    topK,
    refresh,
    absent,
    work,
    memory,
    standings: standings.map(standing => (standing.name === fixedName ? { ...standing, error } : standing)),
  };
}

export function trainerOptions(
  { model, setup }: Task,
  more: Pick<TrainerOptions, 'preconditioner'> = {},
): TrainerOptions {
  return { model, target: setup.target, optimiser: adam({ learningRate: setup.learningRate }), ...more };
}

const mostStepsInSubmit = 1000;

export async function advance(trainer: Pick<Trainer, 'advance'>, steps: number): Promise<void> {
  for (let left = steps; left > 0; left -= mostStepsInSubmit) await trainer.advance(Math.min(left, mostStepsInSubmit));
}

async function refreshAlone(trainer: Trainer, times: number): Promise<void> {
  for (let i = 0; i < times; i++) await trainer.timeRefresh();
}

/** Parameters, Adam's moments, gradients, kept activations and derivatives, target, one tensor of the output's size. */
function memoryOf(peakBytes: number, { model, setup }: Task): MemoryResult {
  const parameters = setup.parameters.flat().reduce((sum, { length }) => sum + length, 0);
  const points = axisPoints(model.domain).reduce((sum, n) => sum + n, 0);
  const residuals = points * (2 + 2 * (setup.width + 1) + 2 * setup.width + setup.rank);
  const neededBytes = 4 * (4 * parameters + residuals + 2 * setup.target.length);
  return { peakBytes, neededBytes, ratio: peakBytes / neededBytes };
}
