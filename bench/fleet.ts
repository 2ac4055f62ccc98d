/**
 * Models a second: a fleet beside the same runs one after the other on trainers of one, in turns.
 *
 *   npm run fleets -- [--adapter NAME] [--models 64] [--batch 64] [--size 32] [--rank 32] [--steps 100] [--top-k 8]
 *                     [--rounds 3]
 *
 * `--top-k 0` is plain Adam. A round trains all models both ways, opening and closing included, and says how far the
 * losses lie apart at the end. Where the machine has other work to do, a fleet's share of the cores is what others leave
 * it: the seconds of processors that a model takes are then the better measure.
 */

import { performance } from 'node:perf_hooks';
import { wordsOf } from '../scripts/words.js';
import { median } from '../src/host/arrays.js';
import { architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid } from '../src/model/domain/grid.js';
import { defineModel } from '../src/model/model.js';
import { adam } from '../src/optimiser/adam.js';
import { sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { FleetTrainer } from '../src/train/fleet/fleetTrainer.js';
import { Trainer } from '../src/train/trainer.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'auto' },
    models: { type: 'string', default: '64' },
    batch: { type: 'string', default: '64' },
    size: { type: 'string', default: '32' },
    rank: { type: 'string', default: '32' },
    steps: { type: 'string', default: '100' },
    'top-k': { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
  },
});
const [models, batch, size, rank, steps, topK, rounds] = [
  values.models,
  values.batch,
  values.size,
  values.rank,
  values.steps,
  values['top-k'],
  values.rounds,
].map(Number);

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const model = defineModel({
  domain: grid([size, size]),
  contraction: cp({ rank }),
  network: architecture({ width: rank }),
});
const training = {
  model,
  optimiser: adam({ learningRate: 1e-3 }),
  ...(topK > 0 && { preconditioner: sepPgd({ topK }) }),
};
const jobs = Array.from({ length: models }, (_, which) => ({
  id: `${which}`,
  seed: which,
  target: Float32Array.from({ length: size ** 2 }, (_, i) => 0.5 + 0.4 * Math.sin(i * (0.01 + 0.001 * which))),
}));

async function together(): Promise<number[]> {
  const fleet = await FleetTrainer.create(engine, { ...training, batch, steps });
  const losses: number[] = [];
  for await (const { id, loss } of fleet.train(jobs)) losses[Number(id)] = loss;
  fleet.dispose();
  return losses;
}

async function oneByOne(): Promise<number[]> {
  const losses: number[] = [];
  for (const { target, seed } of jobs) {
    const trainer = await Trainer.create(engine, { ...training, target, seed });
    while (trainer.step < steps) await trainer.advance(Math.min(200, steps - trainer.step));
    losses.push((await trainer.evaluate()).training);
    await trainer.state();
    await trainer.render();
    trainer.dispose();
  }
  return losses;
}

interface Timed {
  readonly losses: readonly number[];
  readonly seconds: number;
  /** Of processors, this process's alone. */
  readonly processors: number;
}

async function timed(work: () => Promise<number[]>): Promise<Timed> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const losses = await work();
  const { user, system } = process.cpuUsage(before);
  return { losses, seconds: (performance.now() - start) / 1000, processors: (user + system) / 1e6 };
}

const { description, kind } = engine.adapter;
console.log(
  `${description} (${kind}): ${models} models of ${size} x ${size}, R = W = ${rank}, ${steps} steps, k = ${topK}`,
);
const ways = [`fleet of ${batch}`, 'one by one'];
const head = ['round', ...ways.flatMap(way => [`${way}, models/s`, 'processor s a model']), 'ratio', 'losses apart'];
console.log(`\n| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}`);
const ratios: number[] = [];
for (let round = 1; round <= rounds; round++) {
  const [fleet, single] = [await timed(together), await timed(oneByOne)];
  const apart = Math.max(...fleet.losses.map((loss, i) => Math.abs(loss - single.losses[i]) / single.losses[i]));
  const ratio = single.seconds / fleet.seconds;
  ratios.push(ratio);
  const figures = [fleet, single].flatMap(({ seconds, processors }) => [
    (models / seconds).toFixed(2),
    (processors / models).toFixed(3),
  ]);
  console.log(`| ${[round, ...figures, ratio.toFixed(2), apart.toExponential(1)].join(' | ')} |`);
}
console.log(`\nmedian ratio ${median(ratios).toFixed(2)}`);
await engine.dispose();
