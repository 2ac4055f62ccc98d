/**
 * What each dispatch of a step with its refresh takes, by the device's own clock where it has one, as a table; then whole
 * steps: plain ones, with S held fixed, with a refresh every ten; in one submit and as the engine cuts them; and encoding alone.
 *
 *   npx tsx bench/dispatches.ts [--adapter NAME] [--grid 512,512] [--rank 500] [--width 500] [--top 70] [--steps 256]
 *     [--json FILE]
 */

import { writeFileSync } from 'node:fs';
import { wordsOf } from '../scripts/words.js';
import { median } from '../src/host/arrays.js';
import { architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid as gridDomain } from '../src/model/domain/grid.js';
import { defineModel } from '../src/model/model.js';
import { adam } from '../src/optimiser/adam.js';
import type { Preconditioner } from '../src/precondition/preconditioner.js';
import { sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'auto' },
    grid: { type: 'string', default: '512,512' },
    rank: { type: 'string', default: '500' },
    width: { type: 'string', default: '500' },
    top: { type: 'string', default: '70' },
    steps: { type: 'string', default: '256' },
    json: { type: 'string' },
  },
});
const grid = values.grid.split(',').map(Number);
const [rank, width, topK, steps] = [values.rank, values.width, values.top, values.steps].map(Number);
const model = defineModel({
  domain: gridDomain(grid),
  contraction: cp({ rank }),
  network: architecture({ width }),
});
const points = grid.reduce((product, n) => product * n, 1);
const target = Float32Array.from({ length: points }, (_, i) => Math.sin(0.37 * (i % grid[0])) * Math.cos(1e-3 * i));
const rounds = 7;
/** So late that the preconditioner of the first step is kept. */
const never = 2 ** 30;

const engine = await openEngine({
  adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']>,
  dawn: ['disable-dawn-features=timestamp_quantization'],
});
const open = (preconditioner?: Preconditioner) =>
  Trainer.create(engine, {
    model,
    target,
    optimiser: adam({ learningRate: 1e-4 }),
    ...(preconditioner && { preconditioner }),
  });

const refreshed = await open(sepPgd({ topK }));
const profiles = await refreshed.profile();
refreshed.dispose();
const rows = profiles.map(({ kernel, extent, milliseconds, gflops, gigabytes }, index) => ({
  index,
  kernel,
  extent,
  microseconds: round(1000 * milliseconds),
  gflops: round(gflops),
  gigabytes: round(gigabytes),
}));
console.log(engine.adapter.description ?? engine.adapter.kind, values);
console.table(rows);
const sum = profiles.reduce((total, { milliseconds }) => total + milliseconds, 0);
console.log(`${rows.length} dispatches, ${round(1000 * sum)} us by themselves`);

const ways: Record<string, Preconditioner | undefined> = {
  plain: undefined,
  'SepPGD, S fixed': sepPgd({ topK, refresh: never }),
  SepPGD: sepPgd({ topK }),
};
const whole: Record<string, Record<string, number>> = {};
for (const [name, preconditioner] of Object.entries(ways)) {
  const trainer = await open(preconditioner);
  await trainer.advance(20);
  whole[name] = {
    'as the engine cuts them': await timed(() => trainer.advance(steps)),
    'in one submit': await timed(async () => {
      const encoder = engine.device.gpu.createCommandEncoder();
      trainer.encode(encoder, { steps });
      engine.device.gpu.queue.submit([encoder.finish()]);
      await engine.device.gpu.queue.onSubmittedWorkDone();
    }),
    'encoding alone': await timed(async () => {
      const encoder = engine.device.gpu.createCommandEncoder();
      trainer.encode(encoder, { steps });
      encoder.finish();
    }),
  };
  trainer.dispose();
}
console.log(`microseconds a step of ${steps}, medians of ${rounds}`);
console.table(whole);
if (values.json) writeFileSync(values.json, JSON.stringify({ on: engine.adapter, ...values, rows, whole }, null, 1));
await engine.dispose();

async function timed(run: () => Promise<unknown>): Promise<number> {
  await run();
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return round((1000 * median(times)) / steps);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
