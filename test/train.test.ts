/** Training: golden cases, exact repetition and resumption, the refresh, divergence. */

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareCase, runCase } from '../src/cli/doctor/goldenCase.js';
import { type Quantities, requireCase } from '../src/cli/doctor/goldenFormat.js';
import { architecture } from '../src/factor/network.js';
import { readModel, writeModel } from '../src/io/modelFile.js';
import { recallTuning, rememberTuning } from '../src/io/tuning.js';
import { candidates } from '../src/kernel/scheduleTable.js';
import type { SepPgdOptions } from '../src/precondition/sepPgd.js';
import { cpModel, initialParameters, linspace } from '../src/separable/model.js';
import { Trainer, type TrainerOptions } from '../src/train/trainer.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from './helpers/compare.js';
import { requireGolden } from './helpers/golden.js';
import { engine } from './helpers/gpu.js';
import { suite } from './helpers/suite.js';
import { cp } from './reference/cp.js';
import { jacobi } from './reference/jacobi.js';
import { mttkrp } from './reference/mttkrp.js';
import { layerShapes, networkGradient, network as networkTwin, tangentKernel } from './reference/network.js';
import { precondition } from './reference/precondition.js';

const test = suite('training');
const golden = new URL('./golden/', import.meta.url).pathname;

for (const file of readdirSync(golden).filter(name => name.endsWith('.json'))) {
  test(`golden case ${file}: every quantity within its tolerance`, async () => {
    const given: unknown = JSON.parse(readFileSync(`${golden}${file}`, 'utf8'));
    const errors = compareCase(given as Quantities, await runCase(engine, requireCase(given)));
    requireGolden(given, errors);
  });
}

const model = cpModel({ grid: [24, 20], rank: 12, network: architecture({ width: 16 }) });
const target = Float32Array.from({ length: 480 }, (_, i) => 0.5 + 0.4 * Math.sin(i * 0.07) * Math.cos((i % 20) * 0.5));
const sepPgd: SepPgdOptions = { top: 6 };

function create(options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return Trainer.create(engine, { model, target, optimiser: { rate: 1e-3 }, preconditioner: sepPgd, ...options });
}

test('the same seed gives the same losses and parameters twice, bit for bit, in submits of any length', async () => {
  const runs: { losses: number[]; parameters: Float32Array }[] = [];
  for (const lengths of [[37], [1, 9, 10, 17]]) {
    const trainer = await create({ seed: 3 });
    const losses: number[] = [];
    for (const length of lengths) losses.push(...(await trainer.advance(length)));
    runs.push({ losses, parameters: (await trainer.state()).parameters });
    trainer.dispose();
  }
  requireClose('losses', runs[0].losses, runs[1].losses, {});
  requireClose('parameters', runs[0].parameters, runs[1].parameters, {});
});

test('a run of 30 steps equals 13 steps, saved, and 17 more on another trainer, bit for bit', async () => {
  const whole = await create();
  await whole.advance(30);
  const first = await create();
  await first.advance(13);
  const second = await create({ seed: 99 });
  second.restore(await first.state());
  await second.advance(17);
  const [expected, got] = [await whole.state(), await second.state()];
  requireEqual('step', got.step, 30);
  requireClose('parameters', got.parameters, expected.parameters, {});
  requireClose('moments', got.secondMoment, expected.secondMoment, {});
  for (const trainer of [whole, first, second]) trainer.dispose();
});

test('200 steps equal 100, saved to a file, and 100 more of what the file holds, bit for bit', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'sepnn-resumed-')), 'model.safetensors');
  // More points than are turned to a diagonal directly on one axis, so that a refresh starts from the last one.
  const colours = cpModel({ grid: [40, 12], channels: 2, rank: 6, network: architecture({ width: 8 }) });
  const both = Float32Array.from([...target, ...target.map(y => 1 - y)]);
  const kinds: [string, Partial<TrainerOptions>][] = [
    ['plain', {}],
    ['sum', { preconditioner: { ...sepPgd, modulation: 'sqrt', meanOfLogits: true } }],
    ['product, between two refreshes', { preconditioner: { ...sepPgd, combination: 'product' }, refresh: 7 }],
  ];
  const settings = { model: colours, target: both, optimiser: { rate: 1e-3, decay: 1e-5 } };
  for (const [name, kind] of kinds) {
    const [whole, first] = [
      await Trainer.create(engine, { ...settings, ...kind }),
      await Trainer.create(engine, { ...settings, ...kind }),
    ];
    const losses = await whole.advance(200);
    await first.advance(100);
    await writeModel(path, { model: colours, state: await first.state(), training: {} });
    const saved = await readModel(path);
    const second = await Trainer.create(engine, { ...settings, ...kind, model: saved.model, seed: 99 });
    second.restore(saved.state);
    requireClose(`${name}: losses`, await second.advance(100), losses.subarray(100), {});
    const [expected, got] = [await whole.state(), await second.state()];
    requireEqual(`${name}: step`, got.step, 200);
    requireEqual(`${name}: state`, Object.keys(got), Object.keys(expected));
    for (const key of ['parameters', 'firstMoment', 'secondMoment', 'vectors', 'scaled'] as const) {
      const [bits, wanted] = [got[key], expected[key]].map(values => new Uint32Array((values ?? target).buffer));
      requireClose(`${name}: ${key}`, bits, wanted, {});
    }
    for (const trainer of [whole, first, second]) trainer.dispose();
  }
});

test('plain and preconditioned losses fall; evaluate gives the loss of the next step; render gives the output', async () => {
  for (const preconditioner of [undefined, sepPgd, { ...sepPgd, combination: 'product' as const }]) {
    const options: TrainerOptions = {
      model,
      target,
      optimiser: { rate: 1e-3 },
      ...(preconditioner && { preconditioner }),
    };
    const trainer = await Trainer.create(engine, options);
    const losses = await trainer.advance(60);
    require(`the loss fell from ${losses[0]} to ${losses[59]}`, losses[59] < 0.3 * losses[0]);
    const { training } = await trainer.evaluate();
    const output = await trainer.render();
    const mine = output.reduce((sum, z, i) => sum + (z - target[i]) ** 2 / 2, 0);
    requireClose('loss of the output', [training], [mine], { relative: 1e-5 });
    requireClose('loss of the next step', await trainer.advance(1), [training], { relative: 1e-6 });
    trainer.dispose();
  }
});

test('masked points do not matter: other values there give the same run, and evaluations see them', async () => {
  const masked = (value: number) => target.map((y, i) => (i % 3 === 0 ? value : y));
  const hidden = target.map((y, i) => (i % 3 === 0 ? y : Number.NaN));
  const trainer = await create({ target: masked(Number.NaN), evaluations: { heldOut: hidden, all: target } });
  await trainer.advance(20);
  const { training, heldOut, all } = await trainer.evaluate();
  requireClose('the parts add up', [training + heldOut], [all], { relative: 1e-5 });
  trainer.dispose();
});

test('channels are trained apart: a channel of two is what it is alone, with its own parameters', async () => {
  const two = cpModel({ ...model, channels: 2, network: model.network });
  const both = await Trainer.create(engine, {
    model: two,
    target: Float32Array.from([...target, ...target.map(y => 1 - y)]),
    optimiser: { rate: 1e-3 },
    preconditioner: sepPgd,
  });
  const alone = await create();
  await both.advance(15);
  await alone.advance(15);
  requireClose('first channel', (await both.render()).slice(0, 480), await alone.render(), { absolute: 2e-5 });
  both.dispose();
  alone.dispose();
});

test('one SepPGD gradient equals the float64 twin built from single-point gradients and explicit mode products', async () => {
  const grid = [11, 9];
  const [rank, width, k] = [5, 8, 3];
  const small = cpModel({ grid, rank, network: architecture({ width, omega: 3 }) });
  const values = Float64Array.from(initialParameters(small, 5));
  const goal = Float64Array.from({ length: 99 }, (_, i) => Math.fround(Math.sin(i)));
  const shape = { inputs: 1, width, outputs: rank, depth: 3, name: 'sine' as const, omegas: [3, 3] };
  const count = layerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
  const own = (axis: number) => values.slice(axis * count, (axis + 1) * count);
  const points = grid.map(linspace);
  const factors = grid.map((_, axis) =>
    Float64Array.from([...points[axis]].flatMap(x => [...networkTwin(own(axis), [x], shape)])),
  );
  const matrices = grid.map((n, axis) => {
    const kernel = tangentKernel(
      own(axis),
      [...points[axis]].map(x => [x]),
      shape,
    );
    const { values: l, vectors } = jacobi(kernel, n);
    return Float64Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = i === j ? 1 : 0;
      for (let u = 0; u < k; u++) sum -= (1 - l[k - 1] / l[u]) * vectors[u * n + i] * vectors[u * n + j];
      return sum;
    });
  });
  const residual = cp(factors, grid, rank, 1).map((z, i) => z - goal[i]);
  const p = precondition(residual, grid, matrices, 'sum');
  const gradient = grid.map((n, axis) => {
    const m = mttkrp(p, factors, grid, rank, 1, axis);
    const total = new Float64Array(count);
    for (let i = 0; i < n; i++) {
      networkGradient(own(axis), [points[axis][i]], m.slice(i * rank, (i + 1) * rank), shape).forEach((x, at) => {
        total[at] += x;
      });
    }
    return total;
  });
  // With rate 1 and no momentum left, Adam's first moment after a step is a tenth of the gradient.
  const trainer = await Trainer.create(engine, {
    model: small,
    target: goal,
    optimiser: { rate: 1e-6 },
    preconditioner: { top: k },
    seed: 5,
  });
  await trainer.advance(1);
  const { firstMoment } = await trainer.state();
  requireNorm(
    'gradient',
    firstMoment.map(x => 10 * x),
    gradient.flatMap(part => [...part]),
    1e-4,
  );
  trainer.dispose();
});

test('k is used whole where the spectrum allows; what float32 resolves is told', async () => {
  const trainer = await create();
  await trainer.advance(1);
  const spectra = await trainer.spectra();
  require('a spectrum a network', spectra?.length === 2);
  for (const { used, resolved, values } of spectra) {
    requireEqual('used', used, 6);
    require(`${resolved} resolved of ${values.length}`, resolved >= 6 && resolved <= values.length);
    require('descending', values.every((value, i) => i === 0 || value <= values[i - 1]));
  }
  trainer.dispose();
});

test('an axis of one point, k = 1, and k = n all train', async () => {
  for (const [grid, top] of [
    [[1, 12], 1],
    [[12, 40], 12],
    [
      [40, 9],
      [40, 1],
    ],
  ] as const) {
    const odd = cpModel({ grid: [...grid], rank: 3, network: architecture({ width: 5 }) });
    const values = target.slice(0, grid[0] * grid[1]);
    const trainer = await Trainer.create(engine, {
      model: odd,
      target: values,
      optimiser: { rate: 1e-3 },
      preconditioner: { top },
    });
    const losses = await trainer.advance(40);
    require(`${grid}: ${losses[0]} to ${losses[39]}`, losses[39] < losses[0]);
    trainer.dispose();
  }
});

test('a loss that is not finite ends the run at its step, and an earlier state goes on', async () => {
  const trainer = await create({ optimiser: { rate: 1e-3 }, target });
  await trainer.advance(5);
  const good = await trainer.state();
  const broken = { ...good, parameters: good.parameters.map((x, i) => (i === 7 ? Number.NaN : x)) };
  trainer.restore(broken);
  await requireThrows(
    'diverged',
    () => trainer.advance(3),
    'DivergedError',
    /the loss became NaN at step 5: lower the learning rate/,
  );
  trainer.restore(good);
  require('finite', Number.isFinite((await trainer.advance(3))[2]));
  trainer.dispose();
});

test('options out of range are refused by name, before anything is allocated', async () => {
  const before = engine.memory.bytes;
  const refused = (options: Partial<TrainerOptions>, message: RegExp) =>
    requireThrows(String(message), () => create(options), 'InputError', message);
  await refused({ refresh: 0 }, /refresh: 0: use 1 or more/);
  await refused({ target: [1, 2] }, /target: takes 480 numbers, got 2/);
  await refused({ preconditioner: { top: 21 } }, /top: 21: use a whole number from 1 to 20/);
  await refused({ preconditioner: { top: 0 } }, /top: 0/);
  await refused({ optimiser: { rate: -1 } }, /rate -1/);
  requireEqual('bytes', engine.memory.bytes, before);
  await requireThrows(
    'rank',
    () => cpModel({ grid: [4, 4], rank: 0, network: model.network }),
    'InputError',
    /rank: 0/,
  );
  await requireThrows('axes', () => cpModel({ grid: [4], rank: 1, network: model.network }), 'InputError', /1 axes/);
  await requireThrows('width', () => architecture({ width: 2.5 }), 'InputError', /width: 2\.5/);
  await requireThrows('omega', () => architecture({ width: 4, omega: [1] }), 'InputError', /omega: 1 numbers for 2/);
});

test('between reports no buffer is created: not by steps, nor by refreshes, nor by reading the losses back', async () => {
  const trainer = await create();
  await trainer.advance(1);
  const { gpu } = engine.device;
  const createBuffer = gpu.createBuffer.bind(gpu);
  let created = 0;
  gpu.createBuffer = descriptor => {
    created++;
    return createBuffer(descriptor);
  };
  try {
    for (const steps of [3, 17, 40]) await trainer.advance(steps);
  } finally {
    Reflect.deleteProperty(gpu, 'createBuffer');
  }
  requireEqual('buffers created', created, 0);
  trainer.dispose();
});

test('a tuned run takes only schedules of this device, remembers them, and trains to the same loss within rounding', async () => {
  const plain = await create();
  const expected = await plain.advance(20);
  plain.dispose();
  const before = engine.memory.bytes;
  const tuned = await create({ tune: true });
  const losses = await tuned.advance(20);
  tuned.dispose();
  requireClose('losses', losses, expected, { relative: 1e-3 });
  requireEqual('memory left behind', engine.memory.bytes, before);
  const found = engine.tuning;
  require('products were tuned', Object.keys(found).length > 10);
  const known = new Set(['', ...candidates(engine.device).map(({ id }) => id)]);
  requireEqual(
    'unknown schedules',
    Object.values(found).filter(id => !known.has(id)),
    [],
  );
  process.env.SEPNN_CACHE = mkdtempSync(join(tmpdir(), 'sepnn-tuning-'));
  await rememberTuning(engine);
  engine.device.tuning.clear();
  await recallTuning(engine);
  requireEqual('recalled', engine.tuning, found);
  engine.device.tuning.clear();
  for (const name of readdirSync(process.env.SEPNN_CACHE))
    writeFileSync(join(process.env.SEPNN_CACHE, name), '{"a": [');
  await recallTuning(engine);
  requireEqual('recalled from a broken file', engine.tuning, {});
});
