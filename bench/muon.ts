/**
 * Muon beside Adam, with SepPGD and without, and what fewer Newton-Schulz steps cost in quality: PSNR in dB after so many
 * steps and the time of a step, runs taking turns, as a table.
 *
 *   npm run muon -- IMAGE [--adapter NAME] [--size 128] [--rank 150] [--steps 100,200,400,600] [--runs 'adam;muon 3e-3']
 */

import { parseArgs } from 'node:util';
import { psnrOf } from '../src/experiments/image/task.js';
import { openImage, readPlanes } from '../src/io/image/image.js';
import { architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid } from '../src/model/domain/grid.js';
import { defineModel } from '../src/model/model.js';
import { adam } from '../src/optimiser/adam.js';
import { type MuonOptions, muon } from '../src/optimiser/muon.js';
import type { Optimiser } from '../src/optimiser/optimiser.js';
import { cosineDecay } from '../src/optimiser/schedules.js';
import type { Preconditioner } from '../src/precondition/preconditioner.js';
import { sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'auto' },
    size: { type: 'string', default: '128' },
    rank: { type: 'string', default: '150' },
    steps: { type: 'string', default: '100,200,400,600' },
    runs: { type: 'string' },
  },
});
const [size, rank] = [values.size, values.rank].map(Number);
const reports = values.steps.split(',').map(Number);
const last = reports.at(-1) as number;
const turn = 25;

/** Muon at a rate, Adam's at 1e-3 for the rest, both down along a cosine. */
const muonAt = (rate: number, options: Partial<MuonOptions> = {}) =>
  muon({ learningRate: cosineDecay(rate, last), restRate: 1e-3 / rate, ...options });
const product = () => sepPgd({ topK: Math.min(70, size), combine: 'product', meanOfLogits: true });

interface Setting {
  readonly optimiser: Optimiser;
  readonly preconditioner?: Preconditioner;
}

const settings: Readonly<Record<string, Setting>> = {
  adam: { optimiser: adam({ learningRate: cosineDecay(1e-3, last) }) },
  'muon 3e-3': { optimiser: muonAt(3e-3) },
  'muon 1e-2': { optimiser: muonAt(1e-2) },
  'muon 3e-2': { optimiser: muonAt(3e-2) },
  'muon 3e-3, SepPGD product': { optimiser: muonAt(3e-3), preconditioner: product() },
  'muon 1e-2, 2 iterations': { optimiser: muonAt(1e-2, { iterations: 2 }) },
  'muon 1e-2, 3 iterations': { optimiser: muonAt(1e-2, { iterations: 3 }) },
  'muon 1e-2, 4 iterations': { optimiser: muonAt(1e-2, { iterations: 4 }) },
  'muon 3e-3, 3 iterations': { optimiser: muonAt(3e-3, { iterations: 3 }) },
  'muon 3e-3, SepPGD product, 3 iterations': {
    optimiser: muonAt(3e-3, { iterations: 3 }),
    preconditioner: product(),
  },
};

const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
const target = await readPlanes(await openImage(positionals[0]), { width: size, height: size, gray: true });
const model = defineModel({
  domain: grid([size, size]),
  contraction: cp({ rank }),
  network: architecture({ width: rank }),
});
const names = values.runs?.split(';') ?? Object.keys(settings);
const runs = [];
for (const name of names) {
  const trainer = await Trainer.create(engine, { model, target, ...settings[name] });
  runs.push({ name, trainer, psnr: [] as number[], ms: [] as number[] });
}
for (let step = 0; step < last; ) {
  const next = Math.min(step + turn, reports.find(report => report > step) as number);
  for (const { trainer, psnr, ms } of runs) {
    const start = performance.now();
    await trainer.advance(next - step);
    ms.push((performance.now() - start) / (next - step));
    if (!reports.includes(next)) continue;
    const { training } = await trainer.evaluate();
    psnr.push(psnrOf((2 * training) / target.length));
  }
  step = next;
  if (reports.includes(step))
    console.error(step, ...runs.map(({ name, psnr }) => `${name}: ${psnr.at(-1)?.toFixed(1)}`));
}

const { description, kind } = engine.adapter;
console.log(`${description} (${kind}), gray ${size} x ${size}, R = W = ${rank}\n`);
console.log(
  `| run | ${reports.join(' | ')} | ms a step, median | dispatches |\n|${' --- |'.repeat(reports.length + 3)}`,
);
for (const { name, trainer, psnr, ms } of runs) {
  const median = [...ms].sort((a, b) => a - b)[Math.floor(ms.length / 2)];
  const figures = psnr.map(value => value.toFixed(1));
  console.log(`| ${name} | ${figures.join(' | ')} | ${median.toFixed(1)} | ${trainer.work.step.dispatches} |`);
  trainer.dispose();
}
await engine.dispose();
