/**
 * What a step on a volume takes whose output is past a binding: operations, bytes, memory, seconds, as a table.
 *
 *   npx tsx bench/volume.ts [--adapter NAME] [--grid 304,512,262] [--rank 200] [--width 256] [--top 20] [--steps 2]
 *
 * The target is a ball's occupancy. The first step, with what precedes it, is not timed. The peak is that of the
 * engine's own buffers, an evaluation and a rendering of the whole included.
 */

import { wordsOf } from '../scripts/words.js';
import { sizeOf } from '../src/buffer/layout.js';
import { architecture } from '../src/model/architecture.js';
import { cp } from '../src/model/contraction/cp.js';
import { grid as gridDomain } from '../src/model/domain/grid.js';
import { linspace } from '../src/model/domain/linspace.js';
import { slabsOf } from '../src/model/fits.js';
import { defineModel } from '../src/model/model.js';
import type { Combine } from '../src/ops/precondition/precondition.js';
import { adam } from '../src/optimiser/adam.js';
import { sepPgd } from '../src/precondition/sepPgd.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { Trainer } from '../src/train/trainer.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'auto' },
    grid: { type: 'string', default: '304,512,262' },
    rank: { type: 'string', default: '200' },
    width: { type: 'string', default: '256' },
    top: { type: 'string', default: '20' },
    steps: { type: 'string', default: '2' },
  },
});
const [rank, width, top, steps] = [values.rank, values.width, values.top, values.steps].map(Number);
const grid = values.grid.split(',').map(Number);
const model = defineModel({
  domain: gridDomain(grid),
  contraction: cp({ rank }),
  network: architecture({ width }),
});
const target = ball();

interface Variant {
  readonly name: string;
  readonly combine?: Combine;
  readonly targetBytes?: number;
}
const variants: readonly Variant[] = [
  { name: 'plain' },
  { name: 'SepPGD', combine: 'sum' },
  { name: 'product', combine: 'product' },
  { name: 'SepPGD, target on the host', combine: 'sum', targetBytes: 0 },
];

console.log('| run | slabs | dispatches | GFLOP | GB | peak MiB | s a step | s an evaluation | s a rendering |');
console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
for (const variant of variants) console.log(`| ${(await measure(variant)).join(' | ')} |`);

async function measure({ name, combine, ...options }: Variant): Promise<readonly string[]> {
  const engine = await openEngine({ adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']> });
  const trainer = await Trainer.create(engine, {
    model,
    target,
    optimiser: adam({ learningRate: 5e-3 }),
    ...options,
    // No refresh is among the steps that are timed.
    ...(combine && { preconditioner: sepPgd({ topK: top, combine, refresh: steps + 1 }) }),
  });
  await trainer.advance(1);
  const step = (await secondsOf(() => trainer.advance(steps))) / steps;
  const evaluation = await secondsOf(() => trainer.evaluate());
  const rendering = await secondsOf(() => trainer.render());
  const { dispatches, operations, bytes } = trainer.work.step;
  const counts = [slabsOf(model, engine.device).length, dispatches, operations / 1e9, bytes / 1e9];
  const measured = [engine.memory.peakBytes / 2 ** 20, step, evaluation, rendering];
  trainer.dispose();
  await engine.dispose();
  return [name, ...[...counts, ...measured].map(number => String(Number(number.toPrecision(3))))];
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function ball(): Float32Array {
  const squares = grid.map(points => linspace(points).map(x => x * x));
  const all = new Float32Array(sizeOf(grid));
  const fill = (axis: number, start: number, length: number, rest: number) => {
    const stride = length / grid[axis];
    for (let i = 0; i < grid[axis]; i++) {
      const left = rest - squares[axis][i];
      if (axis < grid.length - 1) fill(axis + 1, start + i * stride, stride, left);
      else if (left > 0) all[start + i] = 1;
    }
  };
  fill(0, 0, all.length, 0.5);
  return all;
}
