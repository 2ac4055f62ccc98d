/** Batches of a grid: sub-grids that have every point once, and steps on them in turn that are those of a trainer of each. */

import { cut, joined } from '../../src/host/arrays.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { coordinatesOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { defineModel, type Model, onDomain, outputShapes } from '../../src/model/model.js';
import { decoder } from '../../src/model/readout/decoder.js';
import { adam } from '../../src/optimiser/adam.js';
import { shampoo } from '../../src/optimiser/shampoo.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { type Batches, interleaved, subgrids } from '../../src/train/batches.js';
import { Trainer, type TrainerState } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireBits, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { random, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('batches');

const network = architecture({ width: 8, omega: 5 });
const plane = defineModel({ domain: grid([7, 9]), contraction: cp({ rank: 5 }), network, members: 2 });
const volume = defineModel({ domain: grid([5, 4, 6]), contraction: tucker({ ranks: [3, 2, 4] }), network });
const colours = defineModel({
  domain: grid([6, 11]),
  contraction: cp({ rank: 7 }),
  network,
  readout: decoder({ hidden: 6, outputs: 3 }),
});
const joint = defineModel({ domain: grid([6, 5]), contraction: jointNetwork(), network });

const sizeOf = ({ domain, members, readout }: Model) =>
  domain.shape.reduce((product, n) => product * n, members * readout.outputs);

test('batches have every point of a grid once between them, with its own coordinates and its own number of a target', () => {
  for (const [model, every] of [
    [plane, 2],
    [plane, [3, 1]],
    [volume, [2, 3, 1]],
    [colours, [6, 10]],
  ] as const) {
    const { domain } = model;
    const points = domain.shape.reduce((product, n) => product * n, 1);
    const all = coordinatesOf(domain);
    const seen = new Float64Array(sizeOf(model));
    // Each number is its own place, so that it tells the point it belongs to.
    const batches = subgrids(
      model,
      Float32Array.from(seen, (_, i) => i),
      every,
    );
    const strides: readonly number[] = typeof every === 'number' ? domain.shape.map(() => every) : every;
    requireEqual(
      'batches',
      batches.length,
      strides.reduce((product: number, n) => product * n, 1),
    );
    for (const batch of batches) {
      const places = batch.values;
      requireEqual('numbers', places.length, sizeOf(batch.model));
      const there = coordinatesOf(batch.model.domain);
      const own = there.length / domain.axes;
      places.forEach((place, i) => {
        seen[place]++;
        for (let d = 0; d < domain.axes; d++) {
          const [found, expected] = [there[(i % own) * domain.axes + d], all[(place % points) * domain.axes + d]];
          requireClose('coordinate', [found], [expected], { absolute: 1e-12 });
        }
      });
    }
    requireEqual('each once', [...new Set(seen)], [1]);
  }
});

interface Kept {
  readonly losses: readonly number[];
  readonly state: TrainerState;
}

async function made(options: TrainerOptions, counts: readonly number[]): Promise<Kept> {
  const trainer = await Trainer.create(engine, options);
  const losses: number[] = [];
  for (const count of counts) losses.push(...(await trainer.advance(count)));
  const state = await trainer.state();
  trainer.dispose();
  return { losses, state };
}

test('a step on a batch is that of a trainer of the sub-grid, and they come in turn', async () => {
  for (const [model, every, optimiser] of [
    [plane, [2, 3], adam({ learningRate: 1e-2 })],
    [volume, 2, adam({ learningRate: 1e-2 })],
    [colours, 2, shampoo({ learningRate: 1e-2, refresh: 3 })],
    [joint, 2, adam({ learningRate: 1e-2 })],
  ] as const) {
    const before = engine.memory.bytes;
    const target = Float32Array.from(randoms(sizeOf(model)), value => (random() < 0.1 ? Number.NaN : value));
    const batches = interleaved(every);
    const found = await made({ model, target, optimiser, batches }, [1, 6, 2]);
    const parts = subgrids(model, target, every);
    let state: TrainerState | undefined;
    const losses: number[] = [];
    for (let step = 0; step < 9; step++) {
      const part = parts[step % parts.length];
      const trainer = await Trainer.create(engine, {
        model: onDomain(model, part.model.domain),
        target: part.values,
        optimiser,
      });
      if (state) await trainer.restore(state);
      losses.push(...(await trainer.advance(1)));
      state = await trainer.state();
      trainer.dispose();
    }
    requireBits('losses', Float32Array.from(found.losses), Float32Array.from(losses));
    requireBits('parameters', found.state.parameters, (state as TrainerState).parameters);
    requireEqual('bytes', engine.memory.bytes, before);
  }
});

test('a run in batches goes on from a state to the bit, in the middle of a round', async () => {
  const options = { model: colours, target: randoms(sizeOf(colours)), optimiser: adam({ learningRate: 1e-2 }) };
  const inBatches = { ...options, batches: interleaved([2, 3]) };
  const whole = await made(inBatches, [11]);
  const half = await made(inBatches, [4]);
  const trainer = await Trainer.create(engine, inBatches);
  await trainer.restore(half.state);
  await trainer.advance(7);
  requireBits('parameters', (await trainer.state()).parameters, whole.state.parameters);
  trainer.dispose();
});

test('evaluate and render are of the whole grid, in slabs too, where batches need none; a target may come by rows', async () => {
  const target = randoms(sizeOf(colours));
  const optimiser = adam({ learningRate: 1e-2 });
  const evaluations = { other: randoms(sizeOf(colours)) };
  const [, columns] = colours.domain.shape;
  const rows = (from: number, to: number) =>
    joined(cut(target, [66, 66, 66]).map(plane => plane.slice(from * columns, to * columns)));
  const apart = await Trainer.create(engine, {
    ...{ model: colours, target: rows, optimiser, evaluations },
    ...{ batches: interleaved(2), slabBytes: 2000 },
  });
  const whole = await Trainer.create(engine, { model: colours, target, optimiser, evaluations });
  await apart.advance(5);
  await whole.restore(await apart.state());
  const [found, expected] = [await apart.evaluate(), await whole.evaluate()];
  for (const name of ['training', 'other']) requireClose(name, [found[name]], [expected[name]], { relative: 1e-6 });
  requireClose('render', await apart.render(), await whole.render(), { absolute: 1e-6 });
  require('work', apart.work.step.operations < 0.5 * whole.work.step.operations);
  apart.dispose();
  whole.dispose();
});

test('batches go in slabs by memory, as whole ones to rounding', async () => {
  const volume = defineModel({ domain: grid([24, 10, 9]), contraction: cp({ rank: 5 }), network });
  const target = Float32Array.from(randoms(2160), value => (random() < 0.1 ? Number.NaN : value));
  for (const optimiser of [adam({ learningRate: 1e-4 }), shampoo({ learningRate: 1e-3, refresh: 3 })]) {
    const options = { model: volume, target, optimiser, batches: interleaved([2, 1, 2]) };
    const rows = { model: volume, target: (from: number, to: number) => target.slice(90 * from, 90 * to), optimiser };
    const before = engine.memory.bytes;
    const whole = await made(options, [9]);
    const plans = (of: Trainer) => (of as unknown as { plans: { step: unknown[][] } }).plans.step;
    for (const [what, more] of [
      ['held', { ...options, slabBytes: 1600 }],
      ['streamed', { ...rows, batches: options.batches, slabBytes: 1600, targetBytes: 0 }],
    ] as const) {
      const trainer = await Trainer.create(engine, more);
      const steps = plans(trainer);
      requireEqual(`${what}: batches`, steps.length, 4);
      require(`${what}: ${steps.map(({ length }) => length)} plans`, steps.every(({ length }) => length > 3));
      requireClose(`${what}: losses`, await trainer.advance(9), whole.losses, { relative: 1e-5 });
      requireNorm(`${what}: parameters`, (await trainer.state()).parameters, whole.state.parameters, 1e-4);
      trainer.dispose();
    }
    requireEqual('bytes', engine.memory.bytes, before);
  }
});

test('a sub-grid of which nothing is given has no turn: no step follows a momentum alone', async () => {
  const [rows, columns] = plane.domain.shape;
  const isIn = (i: number) => (Math.floor(i / columns) % rows) % 2 === 1 && (i % columns) % 2 === 0;
  const target = Float32Array.from(randoms(sizeOf(plane)), (value, i) => (isIn(i) ? Number.NaN : value));
  const { losses } = await made(
    { model: plane, target, optimiser: adam({ learningRate: 1e-2 }), batches: interleaved(2) },
    [7],
  );
  require(`${losses}`, losses.every(loss => loss > 0));
  const others = subgrids(plane, target, 2).filter((_, i) => i !== 2);
  requireEqual(
    'others',
    others.map(({ values }) => values.some(Number.isNaN)),
    [false, false, false],
  );
  const first = await Trainer.create(engine, {
    ...{ model: onDomain(plane, others[0].model.domain), target: others[0].values },
    optimiser: adam({ learningRate: 1e-2 }),
  });
  requireBits('first', await first.advance(1), Float32Array.from(losses.slice(0, 1)));
  first.dispose();
});

test('batches that a grid does not have, or of what has none, are refused in one line', async () => {
  const refused = (message: RegExp, more: Partial<TrainerOptions> & { readonly batches: Batches }) =>
    requireThrows(
      `${message}`,
      () =>
        Trainer.create(engine, {
          ...{ model: plane, target: new Float32Array(sizeOf(plane)), optimiser: adam({ learningRate: 1e-2 }) },
          ...more,
        }),
      'InputError',
      message,
    );
  await requireThrows('0', async () => interleaved(0), 'InputError', /^interleaved: 0: use a whole number from 1/);
  await refused(/^interleaved: every 8, 8 of 7 x 9: give a grid, and a number for each/, { batches: interleaved(8) });
  const square = onDomain(plane, grid([10, 10]));
  await refused(/^interleaved: every 9, 9 are 81 sub-grids: use at most 64$/, {
    ...{ model: square, target: new Float32Array(200), batches: interleaved(9) },
  });
  await refused(/^interleaved: every 2, 2, 2 of 7 x 9: /, { batches: interleaved([2, 2, 2]) });
  await refused(/^batches: .* give interleaved\(2\)$/, { batches: 2 as unknown as Batches });
  await refused(/^batches: a preconditioner is of the whole domain: leave one of them out$/, {
    ...{ preconditioner: sepPgd({ topK: 2 }), batches: interleaved(2) },
  });
  await refused(/^target: is NaN everywhere/, {
    target: () => new Float32Array(126).fill(Number.NaN),
    batches: interleaved(2),
  });
  const onDevice = engine.packed(outputShapes(plane));
  await refused(/^batches: a target on the device is not cut into them: give numbers, or rows of them$/, {
    ...{ target: onDevice, batches: interleaved(2) },
  });
  onDevice.dispose();
  const domain = scatteredPoints({ axes: 2, coordinates: randoms(18) });
  const model = defineModel({ domain, contraction: cp({ rank: 5 }), network });
  await refused(/^interleaved: every 2 of 9 points of 2 axes: give a grid/, {
    ...{ model, target: new Float32Array(9), batches: interleaved(2) },
  });
});
