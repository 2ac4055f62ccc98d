/**
 * What `sepnn fit` picks its recipe by: PSNR in dB of recipes at the end of their own cosine, for budgets of steps, and the
 * operations of a step, as a table. A recipe is its optimiser, rate, preconditioner and k: 'adam 1e-3 product 70', 'muon 3e-3
 * plain', 'adam 3e-4 sum auto'; Adam beside Muon is at 1e-3.
 *
 *   npm run defaults -- [IMAGE] [--adapter NAME] [--size 128] [--colour] [--rank 150] [--steps 100,300,1000] [--seed 0] [--mask 0.3]
 *     [--recipes 'adam 1e-3 product 70;muon 3e-3 plain']
 *
 * The image is the photograph of `baboon-image` by default. With --mask the best of the held-out PSNR on the way stands there.
 */

import { createRequire } from 'node:module';
import { wordsOf } from '../scripts/words.js';
import { prepareImage } from '../src/experiments/image/data.js';
import { imageModel } from '../src/experiments/image/model.js';
import { imageTask } from '../src/experiments/image/task.js';
import { adam } from '../src/optimiser/adam.js';
import { muon } from '../src/optimiser/muon.js';
import { cosineDecay, warmUp } from '../src/optimiser/schedules.js';
import { sepPgd } from '../src/precondition/sepPgd.js';
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
    recipes: { type: 'string', default: 'adam 1e-3 product 70;muon 3e-3 product 70' },
  },
});
const require = createRequire(import.meta.url);
const path = positionals[0] ?? require.resolve('baboon-image').replace(/baboon\.js$/, 'baboon.png');
const [size, rank, seed] = [values.size, values.rank, values.seed].map(Number);
const budgets = values.steps.split(',').map(Number);
const turn = 10;
/** Steps over which a rate grows. */
const warming = 20;

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const data = await prepareImage(path, {
  size: { longer: size },
  gray: !values.colour,
  seed,
  ...(values.mask !== undefined && { mask: Number(values.mask) }),
});
const model = imageModel(data, { rank, width: rank, mixed: false, seed });
const task = imageTask(model, data);

/** The recipe's trainer, its rate down along a cosine to 0 at the last of so many steps. */
function trainerOf(recipe: string, steps: number): Promise<Trainer> {
  const [optimiser, rate, combine, topK] = recipe.split(' ');
  const learningRate = warmUp(cosineDecay(Number(rate), steps), warming);
  return Trainer.create(engine, {
    model,
    target: data.target,
    evaluations: data.evaluations,
    seed,
    optimiser: optimiser === 'muon' ? muon({ learningRate, restRate: 1e-3 / Number(rate) }) : adam({ learningRate }),
    ...(combine !== 'plain' && {
      preconditioner: sepPgd({
        topK: topK === 'auto' ? topK : Math.min(Number(topK), data.width, data.height),
        combine: combine === 'product' ? combine : 'sum',
        meanOfLogits: true,
      }),
    }),
  });
}

const { description, kind } = engine.adapter;
console.log(
  `${description} (${kind}), ${data.width} x ${data.height} x ${data.planes}, R = W = ${rank}, seed ${seed}\n`,
);
console.log(`| recipe | ${budgets.join(' | ')} | Gflop a step |\n|${' --- |'.repeat(budgets.length + 2)}`);
for (const recipe of values.recipes.split(';')) {
  const cells: string[] = [];
  let operations = 0;
  for (const steps of budgets) {
    const trainer = await trainerOf(recipe, steps);
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
  console.log(`| ${recipe} | ${cells.join(' | ')} | ${(operations / 1e9).toFixed(2)} |`);
}
await engine.dispose();
