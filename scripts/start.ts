/**
 * The main job: the photograph of `baboon-image` fitted plain and with SepPGD side by side, at a size that the adapter
 * at hand finishes in about two minutes. `npm start -- --size 512 --rank 500 --width 500` is the same job at that size:
 * what is given goes to `sepnn fit` beside what makes it that job.
 */

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { openQuietly } from '../src/cli/engine.js';
import {
  adam,
  architecture,
  cp,
  defineModel,
  grid,
  type OpenEngineOptions,
  sepPgd,
  Trainer,
} from '../src/public/node.js';
import { mainJob } from './mainJob.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const image = createRequire(import.meta.url)
  .resolve('baboon-image')
  .replace(/baboon\.js$/, 'baboon.png');
const given = process.argv.slice(2);

const steps = 1300;
const targetSeconds = 120;
/** Sides, with the rank and width that suit them. */
const settings = [
  [64, 80],
  [96, 110],
  [128, 150],
  [192, 200],
  [256, 256],
  [384, 400],
  [512, 500],
] as const;
/** The recipe of the paper, but for what is said beside. */
const recipe = ['--preset', 'paper'];
const full = [...recipe, '--size', '512', '--rank', '500', '--width', '500'];

/** Multiplications and additions of one plain step that matter, counted from the shapes. */
function operationsOf(size: number, rank: number): number {
  const networks = 2 * 2 * 3 * size * rank * rank;
  const contractions = 3 * size * size * rank;
  return 2 * (networks + contractions);
}

/** Operations of plain steps a second that SepPGD reaches here, its refreshes included, on steps of a middling size. */
async function measureSpeed(): Promise<number> {
  const at = given.indexOf('--adapter');
  const adapter = at < 0 ? 'auto' : (given[at + 1] as NonNullable<OpenEngineOptions['adapter']>);
  const engine = await openQuietly(adapter);
  const [size, rank] = [96, 110];
  const trainer = await Trainer.create(engine, {
    model: defineModel({
      domain: grid([size, size]),
      contraction: cp({ rank }),
      network: architecture({ width: rank }),
    }),
    target: new Float32Array(size * size).fill(0.5),
    optimiser: adam({ learningRate: 1e-4 }),
    preconditioner: sepPgd({ topK: size / 2 }), // at most so many: half of the axis
  });
  await trainer.advance(10); // the driver compiles
  const start = performance.now();
  await trainer.advance(20);
  const seconds = (performance.now() - start) / 1000;
  await engine.dispose();
  return (20 * operationsOf(size, rank)) / seconds;
}

function chooseSize(speed: number): readonly [number, number] {
  // Two runs, of which the plain one is the shorter.
  const seconds = ([size, rank]: readonly [number, number]) => (2 * steps * operationsOf(size, rank)) / speed;
  return settings.findLast(setting => seconds(setting) <= targetSeconds) ?? settings[0];
}

let chosen: readonly (string | number)[] = [];
if (!given.some(word => /^--size(=|$)/.test(word))) {
  const [size, rank] = chooseSize(await measureSpeed());
  console.log(
    `This adapter fits ${size} x ${size} at rank ${rank} in about two minutes. The full size, 512 x 512 at rank 500:`,
  );
  console.log(`  npm start -- ${full.join(' ')}\n`);
  chosen = [...recipe, '--size', size, '--rank', rank, '--width', rank, '--steps', steps];
}
const options = [...chosen.map(String), ...mainJob(given)];
const { status } = spawnSync(process.execPath, [`${root}dist/cli.js`, 'fit', image, ...options], { stdio: 'inherit' });
process.exitCode = status ?? 1;
