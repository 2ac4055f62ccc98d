/** Trainings on differential equations as reports have them. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type ProblemReport, type ProblemStart, runProblem } from '../../src/experiments/pde/run.js';
import { adam, shampoo } from '../../src/public/index.js';
import { jetArchitecture, ProblemTrainer, problems } from '../../src/public/pde.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('trainings on differential equations');
const settings = {
  ...{ problem: problems.heat(), network: jetArchitecture({ width: 6, rank: 3 }), points: 5, redraw: 3 },
  ...{ seed: 1, steps: 8, reportEvery: 4, testPoints: 5 },
};

test('the seconds of a curve begin when drivers have compiled, and its steps are those of a trainer by itself, to the bit', async () => {
  const { advance } = ProblemTrainer.prototype;
  for (const optimiser of [adam({ learningRate: 1e-2 }), shampoo({ learningRate: 1e-2 })]) {
    const taken: number[] = [];
    ProblemTrainer.prototype.advance = async function (count) {
      const from = performance.now();
      if (taken.length === 0) await sleep(1000);
      const losses = await advance.call(this, count);
      taken.push((performance.now() - from) / 1000);
      return losses;
    };
    const { reports, state } = await runProblem(engine, { ...settings, optimiser }).finally(() => {
      ProblemTrainer.prototype.advance = advance;
    });
    requireEqual(
      'steps',
      reports.map(({ step }) => step),
      [0, 4, 8],
    );
    const [first, ...counted] = taken;
    const all = counted.reduce((sum, one) => sum + one, 0);
    require(`${reports[2].seconds} s of ${first} and ${all}`, reports[2].seconds < all + 0.5);
    const { problem, network, points, redraw, seed } = settings;
    const trainer = await ProblemTrainer.create(engine, { problem, network, points, redraw, seed, optimiser });
    await trainer.advance(8);
    requireClose('parameters', state.parameters, (await trainer.state()).parameters, {});
    trainer.dispose();
  }
});

test('a turn through the last layers after which the loss is not finite ends a run with the state before it', async () => {
  const turning = { ...settings, optimiser: adam({ learningRate: 1e-2 }), turns: 3, lastLayers: { iterations: 3 } };
  const { solveLastLayers } = ProblemTrainer.prototype;
  let made = 0;
  ProblemTrainer.prototype.solveLastLayers = async function () {
    await solveLastLayers.call(this);
    if (++made < 2) return;
    const state = await this.state();
    await this.restore({ ...state, parameters: state.parameters.map(() => Number.NaN) });
  };
  const saved: ProblemStart[] = [];
  const save = async (state: ProblemStart['state'], reports: readonly ProblemReport[]) => {
    saved.push({ state, reports });
  };
  const run = await runProblem(engine, turning, { save }).finally(() => {
    ProblemTrainer.prototype.solveLastLayers = solveLastLayers;
  });
  requireEqual('failure', [run.failure?.turn, run.failure?.error.loss, run.stopped], [2, Number.NaN, false]);
  requireEqual('last report', [run.reports.at(-1)?.step, run.reports.at(-1)?.turn], [8, 1]);
  const kept = saved.at(-1) as ProblemStart;
  requireClose('parameters', run.state.parameters, kept.state.parameters, {});
  requireEqual('kept', [kept.reports.at(-1)?.turn, run.state.parameters.every(Number.isFinite)], [1, true]);
});

test('turns through the last layers come after the steps, timed and reported; one that a signal ends goes on to the same bits', async () => {
  const turning = { ...settings, optimiser: adam({ learningRate: 1e-2 }), turns: 3, lastLayers: { iterations: 3 } };
  const placesOf = (reports: readonly ProblemReport[]) => reports.map(({ step, turn }) => [step, turn]);
  const whole = await runProblem(engine, turning);
  const all = [...[0, 4, 8].map(step => [step, undefined]), ...[1, 2, 3].map(turn => [8, turn])];
  requireEqual('reports', placesOf(whole.reports), all);
  for (const [i, { loss, seconds, turn }] of whole.reports.entries()) {
    const { loss: before, seconds: since } = whole.reports[Math.max(0, i - 1)];
    if (turn === 1) require(`the loss fell from ${before} to ${loss}`, loss < 0.7 * before);
    require(`report ${i} at ${seconds} s, after ${since}`, i === 0 || seconds > since);
  }
  const stop = new AbortController();
  const saved: ProblemStart[] = [];
  const stopped = await runProblem(engine, turning, {
    signal: stop.signal,
    progress: (_, report) => report?.turn === 1 && stop.abort(),
    save: async (state, reports) => {
      saved.push({ state, reports });
    },
  });
  requireEqual('stopped', [stopped.stopped, placesOf(stopped.reports)], [true, all.slice(0, 4)]);
  requireEqual(
    'saved, before the turns and after each',
    saved.map(({ reports }) => placesOf(reports)),
    [all.slice(0, 3), all.slice(0, 4)],
  );
  for (const start of saved) {
    const { state, reports, stopped: again } = await runProblem(engine, turning, {}, start);
    requireEqual('it went on', [again, placesOf(reports)], [false, all]);
    requireEqual('parameters', state.parameters, whole.state.parameters);
  }
});
