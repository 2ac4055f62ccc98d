/**
 * What SepPGD gains over plain gradients on one photograph: PSNR after 1300 steps for three seeds, as a table.
 *
 *   npm run gain -- [IMAGE] [--adapter NAME] [--size N] [--steps N]
 *
 * The image is the photograph of `baboon-image` by default. The recipe is that of `sepnn fit`.
 */

import { createRequire } from 'node:module';
import { wordsOf } from '../scripts/words.js';
import { psnrOf } from '../src/experiments/image/task.js';
import { openImage, readPlanes } from '../src/io/image/image.js';
import { architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid } from '../src/model/domain/grid.js';
import { defineModel } from '../src/model/model.js';
import { adam } from '../src/optimiser/adam.js';
import { type SepPgdOptions, sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    size: { type: 'string', default: '128' },
    rank: { type: 'string', default: '150' },
    steps: { type: 'string', default: '1300' },
  },
});
const require = createRequire(import.meta.url);
const path = positionals[0] ?? require.resolve('baboon-image').replace(/baboon\.js$/, 'baboon.png');
const [size, rank, steps] = [values.size, values.rank, values.steps].map(Number);
const seeds = [0, 1, 2];
const variants: Readonly<Record<string, SepPgdOptions | undefined>> = {
  plain: undefined,
  'k = 10': { topK: 10 },
  'k = 70': { topK: 70 },
  'product, k = 10': { topK: 10, combine: 'product' },
};

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const planes = await readPlanes(await openImage(path), { width: size, height: size, gray: true });
const model = defineModel({
  domain: grid([size, size]),
  contraction: cp({ rank }),
  network: architecture({ width: rank }),
});

async function psnrAfter(seed: number, preconditioner: SepPgdOptions | undefined): Promise<number> {
  const trainer = await Trainer.create(engine, {
    model,
    target: planes,
    optimiser: adam({ learningRate: 1e-4 }),
    seed,
    ...(preconditioner && { preconditioner: sepPgd(preconditioner) }),
  });
  while (trainer.step < steps) await trainer.advance(Math.min(50, steps - trainer.step));
  const { training } = await trainer.evaluate();
  trainer.dispose();
  return psnrOf((2 * training) / planes.length);
}

const { description, kind } = engine.adapter;
console.log(
  `${description} (${kind}), gray ${size} x ${size}, R = W = ${rank}, ${steps} steps, seeds ${seeds.join(', ')}\n`,
);
console.log('| run | PSNR dB | median | above plain |\n| --- | --- | --- | --- |');
let plain = Number.NaN;
for (const [name, preconditioner] of Object.entries(variants)) {
  const found: number[] = [];
  for (const seed of seeds) found.push(await psnrAfter(seed, preconditioner));
  const median = [...found].sort((a, b) => a - b)[1];
  if (name === 'plain') plain = median;
  const cells = [found.map(psnr => psnr.toFixed(2)).join(' '), median.toFixed(2), (median - plain).toFixed(2)];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
await engine.dispose();
