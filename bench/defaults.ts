/**
 * What `sepnn fit` picks its recipe by: PSNR in dB of recipes at the end of their own cosine, for budgets of steps, and the
 * operations of a step, as a table. A recipe is written as in `--runs` of `sepnn race`.
 *
 *   npm run defaults -- [IMAGE] [--adapter NAME] [--size 128] [--colour] [--rank 150] [--steps 100,300,1000] [--seed 0] [--mask 0.3]
 *     [--runs seppgd-product:k=70,muon:rate=3e-3:warm-up=20]
 *
 * The image is the photograph of `baboon-image` by default. With --mask the best of the held-out PSNR on the way stands there.
 */

import { createRequire } from 'node:module';
import { wordsOf } from '../scripts/words.js';
import { entrantsFrom } from '../src/cli/race/runs.js';
import { type Entrant, entrantAtWidth, trainingOf } from '../src/experiments/entrants.js';
import { prepareImage } from '../src/experiments/image/data.js';
import { imageModel } from '../src/experiments/image/model.js';
import { imageTask } from '../src/experiments/image/task.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    size: { type: 'string', default: '128' },
    colour: { type: 'boolean', default: false },
    rank: { type: 'string', default: '150' },
    steps: { type: 'string', default: '100,300,1000' },
    seed: { type: 'string', default: '0' },
    mask: { type: 'string' },
    runs: { type: 'string', default: 'seppgd-product:k=70,muon-seppgd:warm-up=20:k=70' },
  },
});
const require = createRequire(import.meta.url);
const path = positionals[0] ?? require.resolve('baboon-image').replace(/baboon\.js$/, 'baboon.png');
const [size, rank, seed] = [values.size, values.rank, values.seed].map(Number);
const budgets = values.steps.split(',').map(Number);
const turn = 10;
const entered = entrantsFrom(values.runs);

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const data = await prepareImage(path, {
  size: { longer: size },
  gray: !values.colour,
  seed,
  ...(values.mask !== undefined && { mask: Number(values.mask) }),
});
const model = imageModel(data, { rank, width: rank, mixed: false, seed });
const task = imageTask(model, data);

/** The recipe's trainer, its rate along its schedule to the last of so many steps, its k at most as many as there are. */
function trainerOf(entrant: Entrant, steps: number): Promise<Trainer> {
  const { topK } = entrant;
  const most = Math.min(data.width, data.height);
  const fitting = typeof topK === 'number' ? { ...entrant, topK: Math.min(topK, most) } : entrant;
  return Trainer.create(engine, {
    model,
    target: data.target,
    evaluations: data.evaluations,
    seed,
    ...trainingOf(entrantAtWidth(fitting, rank), steps),
  });
}

const { description, kind } = engine.adapter;
console.log(
  `${description} (${kind}), ${data.width} x ${data.height} x ${data.planes}, R = W = ${rank}, seed ${seed}\n`,
);
console.log(`| recipe | ${budgets.join(' | ')} | Gflop a step |\n|${' --- |'.repeat(budgets.length + 2)}`);
for (const { name, entrant } of entered) {
  const cells: string[] = [];
  let operations = 0;
  for (const steps of budgets) {
    const trainer = await trainerOf(entrant, steps);
    operations = trainer.work.step.operations;
    let best = { step: 0, psnr: Number.NEGATIVE_INFINITY };
    try {
      while (trainer.step < steps) {
        await trainer.advance(Math.min(turn, steps - trainer.step));
        if (values.mask === undefined && trainer.step < steps) continue;
        const { psnr, psnrHeldOut = psnr } = await task.measure(trainer);
        if (psnrHeldOut > best.psnr) best = { step: trainer.step, psnr: psnrHeldOut };
      }
      cells.push(best.psnr.toFixed(1) + (values.mask === undefined ? '' : ` at ${best.step}`));
    } catch (error) {
      cells.push((error as Error).message.split(':')[0]);
    }
    trainer.dispose();
  }
  console.log(`| ${name} | ${cells.join(' | ')} | ${(operations / 1e9).toFixed(2)} |`);
}
await engine.dispose();
