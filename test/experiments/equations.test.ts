/** Trainings on differential equations as reports have them. */

import { setTimeout as sleep } from 'node:timers/promises';
import { runProblem } from '../../src/experiments/pde/run.js';
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
