/**
 * What `--top-k auto` chooses beside the best of a list of k, on photographs: PSNR in dB after so many steps, as a table.
 *
 *   npm run topk -- [IMAGE ..] [--adapter NAME] [--networks sine,relu,fourier] [--sizes 128,256] [--steps 1300]
 *                   [--learning-rate 1e-4] [--sigma 10] [--combine sum] [--top-k 5,10,30,50,70,90]
 *
 * The image is the photograph of `baboon-image` by default. The rest of the recipe is that of `sepnn fit --gray`.
 */

import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { wordsOf } from '../scripts/words.js';
import { psnrOf } from '../src/experiments/image/task.js';
import { Random } from '../src/host/random.js';
import { openImage, readPlanes } from '../src/io/image/image.js';
import { relu } from '../src/model/activation.js';
import { type Architecture, architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid } from '../src/model/domain/grid.js';
import { defineModel } from '../src/model/model.js';
import type { Combine } from '../src/ops/precondition/precondition.js';
import { adam } from '../src/optimiser/adam.js';
import { type SepPgdOptions, sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values, positionals } = wordsOf({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    networks: { type: 'string', default: 'sine,relu,fourier' },
    sizes: { type: 'string', default: '128,256' },
    steps: { type: 'string', default: '1300' },
    'learning-rate': { type: 'string', default: '1e-4' },
    rank: { type: 'string', default: '150' },
    sigma: { type: 'string', default: '10' },
    combine: { type: 'string', default: 'sum' },
    'top-k': { type: 'string', default: '5,10,30,50,70,90' },
  },
});
const require = createRequire(import.meta.url);
const baboon = () => require.resolve('baboon-image').replace(/baboon\.js$/, 'baboon.png');
const paths = positionals.length > 0 ? positionals : [baboon()];
const [steps, learningRate, rank, sigma] = [values.steps, values['learning-rate'], values.rank, values.sigma].map(
  Number,
);
const [sizes, ks] = [values.sizes, values['top-k']].map(list => list.split(',').map(Number));
const combine = values.combine as Combine;

const random = new Random(0);
const frequencies = Array.from({ length: Math.ceil(rank / 2) }, () => sigma * random.normal());
const networks: Readonly<Record<string, Architecture>> = {
  sine: architecture({ width: rank }),
  relu: architecture({ width: rank, activation: relu }),
  fourier: architecture({ width: rank, activation: relu, frequencies }),
};

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });

interface Run {
  readonly psnr: number;
  readonly chosen: readonly number[];
}

async function run(
  network: Architecture,
  size: number,
  target: Float32Array,
  preconditioner?: SepPgdOptions,
): Promise<Run> {
  const trainer = await Trainer.create(engine, {
    model: defineModel({ domain: grid([size, size]), contraction: cp({ rank }), network }),
    target,
    optimiser: adam({ learningRate }),
    ...(preconditioner && { preconditioner: sepPgd(preconditioner) }),
  });
  try {
    while (trainer.step < steps) await trainer.advance(Math.min(50, steps - trainer.step));
    const { training } = await trainer.evaluate();
    return { psnr: psnrOf((2 * training) / target.length), chosen: trainer.preconditioner?.topK ?? [] };
  } finally {
    trainer.dispose();
  }
}

const { description, kind } = engine.adapter;
console.log(`${description} (${kind}), gray, R = W = ${rank}, ${steps} steps at ${learningRate}, ${combine}\n`);
const head = ['network', 'n', 'image', 'plain', ...ks.map(k => `k = ${k}`), 'auto', 'chosen', 'auto - best'];
console.log(`| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}`);
for (const name of values.networks.split(',')) {
  for (const size of sizes) {
    for (const path of paths) {
      const target = await readPlanes(await openImage(path), { width: size, height: size, gray: true });
      const plain = await run(networks[name], size, target);
      const fixed: number[] = [];
      for (const topK of ks.filter(k => k <= size)) {
        fixed.push((await run(networks[name], size, target, { topK, combine })).psnr);
      }
      const auto = await run(networks[name], size, target, { combine });
      const figures = [plain.psnr, ...fixed, auto.psnr].map(psnr => psnr.toFixed(2));
      const beside = (auto.psnr - Math.max(...fixed)).toFixed(2);
      console.log(`| ${[name, size, basename(path), ...figures, auto.chosen.join(', '), beside].join(' | ')} |`);
    }
  }
}
await engine.dispose();
