/** Training: golden cases, exact repetition and resumption, the refresh, divergence. */

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareCase, runCase } from '../../src/experiments/golden/goldenCase.js';
import { type Quantities, requireCase } from '../../src/experiments/golden/goldenFormat.js';
import type { Build } from '../../src/graph/plan.js';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { recallTuning, rememberTuning } from '../../src/io/tuning.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { defineModel, initialParameters } from '../../src/model/model.js';
import { adam } from '../../src/optimiser/adam.js';
import type { LearningRate } from '../../src/optimiser/optimiser.js';
import { sgd } from '../../src/optimiser/sgd.js';
import type { Spectrum } from '../../src/precondition/preconditioner.js';
import { type SepPgdOptions, sepPgd } from '../../src/precondition/sepPgd.js';
import { candidates } from '../../src/schedule/table.js';
import { Trainer, type TrainerState } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireBits, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { requireGolden } from '../helpers/golden.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';
import { cp as cpTwin } from '../reference/contraction/cp.js';
import { mttkrp } from '../reference/contraction/mttkrp.js';
import { layerShapes, networkGradient, network as networkTwin, tangentKernel } from '../reference/network/network.js';
import { precondition, preconditionerOf } from '../reference/precondition/precondition.js';

const test = suite('training');
const golden = fileURLToPath(new URL('../golden/', import.meta.url));

for (const file of readdirSync(golden).filter(name => name.endsWith('.json'))) {
  test(`golden case ${file}: every quantity within its tolerance`, async () => {
    const given: unknown = JSON.parse(readFileSync(`${golden}${file}`, 'utf8'));
    const errors = compareCase(given as Quantities, await runCase(engine, requireCase(given)));
    requireGolden(given, errors);
  });
}

const network = architecture({ width: 16 });
const model = defineModel({ domain: grid([24, 20]), contraction: cp({ rank: 12 }), network });
const target = Float32Array.from({ length: 480 }, (_, i) => 0.5 + 0.4 * Math.sin(i * 0.07) * Math.cos((i % 20) * 0.5));
const byAxes = (more: SepPgdOptions = {}) => sepPgd({ topK: 6, ...more });

function create(options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return Trainer.create(engine, {
    model,
    target,
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: byAxes(),
    ...options,
  });
}

test('the same seed gives the same losses and parameters twice, bit for bit, in submits of any length', async () => {
  const runs: { losses: number[]; parameters: Float32Array }[] = [];
  for (const lengths of [[37], [1, 9, 10, 17]]) {
    const trainer = await create({ seed: 3 });
    const losses: number[] = [];
    for (const length of lengths) {
      losses.push(...(await trainer.advance(length)));
      await trainer.state(); // which disturbs nothing
    }
    runs.push({ losses, parameters: (await trainer.state()).parameters });
    trainer.dispose();
  }
  requireClose('losses', runs[0].losses, runs[1].losses, {});
  requireClose('parameters', runs[0].parameters, runs[1].parameters, {});
});

test('an evaluation runs the networks once, however many targets there are', async () => {
  const counts: number[] = [];
  const compile = engine.compile.bind(engine);
  Object.defineProperty(engine, 'compile', {
    configurable: true,
    value: (builds: Readonly<Record<string, Build>>) => {
      if (builds.evaluate) {
        const graph = engine.trialGraph();
        builds.evaluate(graph);
        counts.push(graph.nodes.filter(({ operation }) => operation.name === 'factorNetwork').length);
      }
      return compile(builds);
    },
  });
  try {
    const evaluations = { other: target.map(y => 1 - y), third: target };
    const trainer = await create({ evaluations });
    const { training, other, third } = await trainer.evaluate();
    requireEqual('the same target twice', third, training);
    require('another one', other !== training);
    trainer.dispose();
  } finally {
    Reflect.deleteProperty(engine, 'compile');
  }
  requireEqual('forward passes', counts, [1]);
});

test('a run of 30 steps equals 13 steps, saved, and 17 more on another trainer, bit for bit', async () => {
  const whole = await create();
  const second = await create({ seed: 99 });
  await whole.advance(13);
  const saved = await whole.state();
  const spectra = await whole.spectra();
  await whole.advance(17);
  second.restore(saved);
  requireSpectra('before a step', await second.spectra(), spectra);
  await second.advance(17);
  requireState('30 steps', await second.state(), await whole.state());
  requireSpectra('after 30 steps', await second.spectra(), await whole.spectra());
  for (const trainer of [whole, second]) trainer.dispose();
});

/** What the last refresh found: values, and the counts of pairs that are used and resolved. */
function requireSpectra(what: string, got?: readonly Spectrum[], wanted?: readonly Spectrum[]): void {
  require(`${what}: spectra`, got !== undefined && wanted !== undefined && wanted.length > 0);
  requireEqual(
    `${what}: spectra`,
    got.map(({ values, used, resolved }) => [[...values], used, resolved]),
    wanted.map(({ values, used, resolved }) => [[...values], used, resolved]),
  );
  require(`${what}: counted`, got.every(({ used, resolved }) => used >= 1 && resolved >= used));
}

/** All of a state to the bit. */
function requireState(what: string, got: TrainerState, wanted: TrainerState): void {
  requireEqual(`${what}: step`, got.step, wanted.step);
  requireEqual(`${what}: parts`, Object.keys(got), Object.keys(wanted));
  requireBits(`${what}: parameters`, got.parameters, wanted.parameters);
  for (const part of ['optimiser', 'preconditioner'] as const) {
    const [here, there] = [got[part], wanted[part]];
    if (!here || !there) continue;
    requireEqual(`${what}: ${part}`, [here.name, Object.keys(here.state)], [there.name, Object.keys(there.state)]);
    for (const [key, values] of Object.entries(there.state)) {
      requireBits(`${what}: ${part}, ${key}`, here.state[key], values);
    }
  }
}

test('60 steps equal 30, saved to a file, and 30 more of what the file holds, bit for bit', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'sepnn-resumed-')), 'model.safetensors');
  // More points than are turned to a diagonal directly on one axis, so that a refresh starts from the last one.
  const colours = defineModel({
    domain: grid([40, 12]),
    contraction: cp({ rank: 6 }),
    members: 2,
    network: architecture({ width: 8 }),
  });
  const both = Float32Array.from([...target, ...target.map(y => 1 - y)]);
  const kinds: [string, Partial<TrainerOptions>][] = [
    ['plain', {}],
    ['sum', { preconditioner: byAxes({ modulation: 'sqrt', meanOfLogits: true }) }],
    ['product, between two refreshes', { preconditioner: byAxes({ combine: 'product', refresh: 7 }) }],
  ];
  for (const [name, kind] of kinds) {
    const optimiser = adam({ learningRate: 1e-3, weightDecay: 1e-5 });
    const options: TrainerOptions = { model: colours, target: both, optimiser, ...kind };
    const whole = await Trainer.create(engine, options);
    await whole.advance(30);
    await writeModel(path, { model: colours, state: await whole.state(), training: {} });
    const spectra = await whole.spectra();
    const losses = await whole.advance(30);
    const saved = await readModel(path);
    const second = await Trainer.create(engine, { ...options, model: saved.model, seed: 99 });
    second.restore(saved.state);
    if (kind.preconditioner) requireSpectra(name, await second.spectra(), spectra);
    requireClose(`${name}: losses`, await second.advance(30), losses, {});
    const got = await second.state();
    requireEqual(`${name}: step`, got.step, 60);
    requireState(name, got, await whole.state());
    for (const trainer of [whole, second]) trainer.dispose();
  }
});

test('a state of another optimiser is refused and changes nothing; one without an optimiser starts it anew', async () => {
  const [byAdam, bySgd] = [await create(), await create({ optimiser: sgd({ learningRate: 1e-3, momentum: 0.9 }) })];
  await byAdam.advance(3);
  await bySgd.advance(2);
  const [foreign, own] = [await byAdam.state(), await bySgd.state()];
  await requireThrows(
    'of Adam',
    () => bySgd.restore(foreign),
    'InputError',
    /^restore: the state is of adam, and this one is sgd: leave its optimiser out$/,
  );
  const wrong: [TrainerState, RegExp][] = [
    [
      { ...foreign, optimiser: { name: 'sgd', state: {} } },
      /^restore: the optimiser's state is not that of these parameters: it needs moment$/,
    ],
    [{ step: 3, parameters: foreign.parameters.slice(1) }, /: takes 1016 numbers, got 1015$/],
    [{ ...own, parameters: foreign.parameters, step: 1.5 }, /^restore: step: 1\.5: use a whole number from 0 to/],
    [{ ...own, parameters: foreign.parameters, step: Number.NaN }, /^restore: step: NaN: use a whole number from 0 to/],
  ];
  for (const [state, message] of wrong) {
    await requireThrows(String(message), () => bySgd.restore(state), 'InputError', message);
  }
  requireState('nothing is changed', await bySgd.state(), own);
  // From the first step on, as another trainer from the same parameters.
  const { parameters, preconditioner } = foreign;
  require('a preconditioner', preconditioner !== undefined);
  const fresh = await create({ optimiser: sgd({ learningRate: 1e-3, momentum: 0.9 }), seed: 5 });
  for (const trainer of [bySgd, fresh]) trainer.restore({ step: 0, parameters, preconditioner });
  const { optimiser } = await bySgd.state();
  requireClose('moment', optimiser.state.moment, new Float32Array(parameters.length), {});
  requireClose('losses', await bySgd.advance(5), await fresh.advance(5), {});
  requireState('5 steps', await bySgd.state(), await fresh.state());
  for (const trainer of [byAdam, bySgd, fresh]) trainer.dispose();
});

test('an optimiser that is started anew late in a run corrects its bias from there, and is resumed so', async () => {
  const [late, early] = [await create(), await create()];
  const { optimiser: _, ...first } = await early.state();
  // A multiple of the refresh, past the ring of losses.
  for (const [trainer, step] of [
    [late, 5000],
    [early, 0],
  ] as const)
    trainer.restore({ ...first, step });
  requireBits('losses', await late.advance(12), await early.advance(12));
  const saved = await late.state();
  requireBits('parameters', saved.parameters, (await early.state()).parameters);
  requireEqual('since', [saved.step, saved.optimiser.since], [5012, 5000]);
  const again = await create({ seed: 9 });
  again.restore(saved);
  requireBits('losses of the next', await again.advance(9), await early.advance(9));
  for (const trainer of [late, early, again]) trainer.dispose();
});

test('a learning rate that is a function of the step gives the run of the same constant, and a step to another one that of a restart there', async () => {
  const trained = async (learningRate: LearningRate, counts: readonly number[], from?: TrainerState) => {
    const trainer = await create({ optimiser: adam({ learningRate }) });
    if (from) trainer.restore(from);
    for (const count of counts) await trainer.advance(count);
    const state = await trainer.state();
    trainer.dispose();
    return state;
  };
  const before = await trained(1e-3, [13]);
  requireState('a constant', await trained(() => 1e-3, [13]), before);
  const asked: number[] = [];
  const stepped = (step: number) => {
    asked.push(step);
    return step < 13 ? 1e-3 : 1e-4;
  };
  const trainer = await create({ optimiser: adam({ learningRate: stepped }) });
  await trainer.advance(1);
  const [work, { bytes, buffers }] = [trainer.work, engine.memory];
  await trainer.advance(24);
  requireEqual('the same plans', trainer.work, work);
  requireEqual('the same memory', [engine.memory.bytes, engine.memory.buffers], [bytes, buffers]);
  const got = await trainer.state();
  trainer.dispose();
  requireEqual(
    'steps asked for',
    asked,
    Array.from({ length: 25 }, (_, step) => step),
  );
  requireState('a restart', got, await trained(1e-4, [12], before));
  const constant = await trained(1e-3, [12], before);
  require('another run than the constant', got.parameters.some((x, i) => x !== constant.parameters[i]));
});

test('a learning rate of 0 leaves the parameters alone; one that is no number is refused at its step, before any is made', async () => {
  const trainer = await create({ optimiser: adam({ learningRate: step => (step < 2 ? 0 : Number.NaN) }) });
  const { parameters } = await trainer.state();
  await trainer.advance(2);
  requireBits('parameters', (await trainer.state()).parameters, parameters);
  for (const count of [1, 20]) {
    await requireThrows(
      `${count} steps`,
      () => trainer.advance(count),
      'InputError',
      /^learningRate at step 2: NaN: use a number that float32 holds from 0$/,
    );
  }
  requireEqual('step', trainer.step, 2);
  requireBits('parameters', (await trainer.state()).parameters, parameters);
  trainer.dispose();
});

test('plain and preconditioned losses fall; evaluate gives the loss of the next step; render gives the output', async () => {
  for (const preconditioner of [undefined, byAxes(), byAxes({ combine: 'product' })]) {
    const options: TrainerOptions = {
      model,
      target,
      optimiser: adam({ learningRate: 1e-3 }),
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

test('members are trained apart: a member of two is what it is alone, with its own parameters', async () => {
  const two = { ...model, members: 2 };
  const both = await Trainer.create(engine, {
    model: two,
    target: Float32Array.from([...target, ...target.map(y => 1 - y)]),
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: byAxes(),
  });
  const alone = await create();
  await both.advance(15);
  await alone.advance(15);
  requireClose('first member', (await both.render()).slice(0, 480), await alone.render(), { absolute: 2e-5 });
  both.dispose();
  alone.dispose();
});

test('one SepPGD gradient equals the float64 twin built from single-point gradients and explicit mode products', async () => {
  const counts = [11, 9];
  const [rank, width, k] = [5, 8, 3];
  const small = defineModel({
    domain: grid(counts),
    contraction: cp({ rank }),
    network: architecture({ width, omega: 3 }),
  });
  const values = Float64Array.from(initialParameters(small, 5));
  const goal = Float64Array.from({ length: 99 }, (_, i) => Math.fround(Math.sin(i)));
  const shape = { inputs: 1, width, outputs: rank, depth: 3, name: 'sine' as const, omegas: [3, 3] };
  const count = layerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
  const own = (axis: number) => values.slice(axis * count, (axis + 1) * count);
  const points = counts.map(linspace);
  const factors = counts.map((_, axis) =>
    Float64Array.from([...points[axis]].flatMap(x => [...networkTwin(own(axis), [x], shape)])),
  );
  const matrices = counts.map((n, axis) => {
    const kernel = tangentKernel(
      own(axis),
      [...points[axis]].map(x => [x]),
      shape,
    );
    return preconditionerOf(kernel, n, k);
  });
  const residual = cpTwin(factors, counts, rank, 1).map((z, i) => z - goal[i]);
  const p = precondition(residual, counts, matrices, 'sum');
  const gradient = counts.map((n, axis) => {
    const m = mttkrp(p, factors, counts, rank, 1, axis);
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
    optimiser: adam({ learningRate: 1e-6 }),
    preconditioner: sepPgd({ topK: k }),
    seed: 5,
  });
  await trainer.advance(1);
  const { firstMoment } = (await trainer.state()).optimiser.state;
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
  for (const [counts, topK] of [
    [[1, 12], 1],
    [[12, 40], 12],
    [
      [40, 9],
      [40, 1],
    ],
  ] as const) {
    const odd = defineModel({
      domain: grid(counts),
      contraction: cp({ rank: 3 }),
      network: architecture({ width: 5 }),
    });
    const values = target.slice(0, counts[0] * counts[1]);
    const trainer = await Trainer.create(engine, {
      model: odd,
      target: values,
      optimiser: adam({ learningRate: 1e-3 }),
      preconditioner: sepPgd({ topK }),
    });
    const losses = await trainer.advance(40);
    require(`${counts}: ${losses[0]} to ${losses[39]}`, losses[39] < losses[0]);
    trainer.dispose();
  }
});

test('a loss that is not finite ends the run at its step, and an earlier state goes on', async () => {
  const trainer = await create();
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

/** The products of a training for which a tuner would look, by asking for none of them to be measured. */
async function tunedKeys(): Promise<readonly string[]> {
  const { tuning } = engine.device;
  const asked = new Set<string>();
  tuning.has = key => asked.add(key).size > 0;
  try {
    (await create({ tune: true })).dispose();
  } finally {
    Reflect.deleteProperty(tuning, 'has');
  }
  return [...asked];
}

test('a tuned run takes only schedules of this device, remembers them, and trains to the same loss within rounding', async () => {
  const plain = await create();
  const expected = await plain.advance(20);
  plain.dispose();
  const before = engine.memory.bytes;
  const keys = await tunedKeys();
  require(`${keys.length} products to be tuned`, keys.length > 10);
  // Of a network, of the loss, and of a refresh: the schedules of each take seconds to compile. What is known of the
  // others is that none is faster than the table's.
  const kinds = [/^hidden /, /^cpLoss /, /, upper$/];
  const measured = kinds.map(kind => keys.find(key => kind.test(key)) ?? `none of ${kind}`);
  const known = keys.filter(key => !measured.includes(key));
  engine.tuning = Object.fromEntries(known.map(key => [key, '']));
  const tuned = await create({ tune: true });
  const losses = await tuned.advance(20);
  tuned.dispose();
  requireClose('losses', losses, expected, { relative: 1e-3 });
  requireEqual('memory left behind', engine.memory.bytes, before);
  const found = engine.tuning;
  requireEqual('products that were tuned', Object.keys(found).sort(), [...known, ...measured].sort());
  requireEqual(
    'left alone',
    known.filter(key => found[key] !== ''),
    [],
  );
  const ids = new Set(['', ...candidates(engine.device).map(({ id }) => id)]);
  requireEqual(
    'unknown schedules',
    Object.values(found).filter(id => !ids.has(id)),
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
