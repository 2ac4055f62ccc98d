/** What a fleet does for each of its models by itself, against float64 twins: losses, records, steps of optimisers. */

import { type Shape, sizeOf, sizeOfAll } from '../../src/buffer/layout.js';
import type { Tensor } from '../../src/buffer/tensor.js';
import { bitsOf, countsIn, cut, joined } from '../../src/host/arrays.js';
import { eigenpairsOfPlaces } from '../../src/ops/fleet/eigenpairsOfPlaces.js';
import { intoPlaces as intoPlacesOperation } from '../../src/ops/fleet/intoPlaces.js';
import { lossOfPlaces } from '../../src/ops/fleet/lossOfPlaces.js';
import { modulateOfPlaces as modulateOfPlacesOperation } from '../../src/ops/fleet/modulateOfPlaces.js';
import { recordPlaces as recordPlacesOperation } from '../../src/ops/fleet/recordPlaces.js';
import {
  adamOfPlaces as adamOfPlacesOperation,
  muonStepOfPlaces as muonStepOfPlacesOperation,
  sgdOfPlaces as sgdOfPlacesOperation,
} from '../../src/ops/fleet/stepOfPlaces.js';
import { modulations } from '../../src/ops/precondition/modulate.js';
import { require, requireBits, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { lossNames, lossTexts } from '../helpers/losses.js';
import { random, randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { adamOfPlaces } from '../reference/fleet/adamOfPlaces.js';
import { intoPlaces } from '../reference/fleet/intoPlaces.js';
import { modulateOfPlaces } from '../reference/fleet/modulateOfPlaces.js';
import { muonStepOfPlaces } from '../reference/fleet/muonStepOfPlaces.js';
import { type PlaceRecord, recordPlaces } from '../reference/fleet/recordPlaces.js';
import { sgdOfPlaces } from '../reference/fleet/sgdOfPlaces.js';
import { pointwiseLoss } from '../reference/objective/pointwiseLoss.js';

const test = suite('kernels: fleets');

const moves = ['rests', 'steps', 'returns'] as const;
type Move = (typeof moves)[number];

/** Counts, moves, rates and decays as the device has them. */
function rosterOf(
  places: readonly { readonly count: number; readonly move: Move; readonly rate: number; readonly decay: number }[],
): Float32Array {
  return joined(
    places.flatMap(({ count, move, rate, decay }) => [
      bitsOf(count, moves.indexOf(move)),
      Float32Array.of(rate, decay),
    ]),
  );
}

test('lossOfPlaces: every place has the loss of its own outputs, whatever they are elsewhere, and all their cotangent', async () => {
  for (const [shape, places, each] of [
    [[1, 1], 1, 1],
    [[3, 5], 4, 1],
    [[33, 70], 3, 2],
    [[2, 3, 5], 65, 1],
  ] as const) {
    for (const name of lossNames) {
      const shapes: Shape[] = Array(places * each).fill(shape);
      const size = sizeOf(shape) * each;
      const z = randoms(sizeOfAll(shapes));
      const y = z.map(() => (random() < 0.1 ? Number.NaN : Math.fround(random())));
      const wrong = randomInteger(0, places); // one past the last: none
      z.fill(Number.NaN, wrong * size, (wrong + 1) * size);
      if (wrong < places) y[wrong * size] = 0.5; // or it has no point at all, and no loss
      const output = engine.stack(shapes, Float32Array.from(z));
      const target = engine.packed(shapes, Float32Array.from(y));
      const plan = await engine.compile(g =>
        lossOfPlaces(g.read(output), g.read(target), { loss: lossTexts[name], places }),
      );
      await plan.run();
      const expected = Array.from({ length: places }, (_, i) =>
        pointwiseLoss(z.slice(i * size, (i + 1) * size), y.slice(i * size, (i + 1) * size), name),
      );
      const { losses, cotangent } = plan.outputs;
      const own = expected.map(({ loss }, i) => (i === wrong ? Number.NaN : loss));
      requireClose(`${name} of ${places}`, await losses.read(), own, { relative: 2e-6 });
      const all = Float64Array.from(expected.flatMap(({ cotangent: one }) => [...one]));
      requireClose(`${name} of ${places}: G`, await cotangent.read(), all, { relative: 1e-6, absolute: 2e-6 });
      for (const one of [plan, output, target]) one.dispose();
    }
  }
});

test('recordPlaces: a model with steps left counts, one with none rests, one whose loss is not finite returns and ends', async () => {
  for (const places of [1, 5, 130]) {
    const capacity = 8;
    const before = Array.from({ length: places }, (): PlaceRecord => {
      const count = randomInteger(0, 20);
      const last = randomInteger(0, 1) * randomInteger(1, 40);
      return { count, last, history: randoms(capacity), move: 'steps', rate: Math.fround(random()) };
    });
    const losses = before.map((_, i) => [0.25, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][i % 4]);
    const schedules = before.map(() => randoms(capacity).map(Math.abs));
    const rows = (arrays: readonly Float64Array[]) => engine.tensor([places, capacity], joined(arrays));
    const tensors = {
      losses: engine.tensor([places], losses),
      schedule: rows(schedules),
      last: engine.tensor([places], bitsOf(...before.map(({ last }) => last))),
      history: rows(before.map(({ history }) => history)),
      roster: engine.tensor([places, 4], rosterOf(before.map(one => ({ ...one, decay: 0.5 })))),
    };
    const plan = await engine.compile(g => {
      const [last, history, roster] = [tensors.last, tensors.history, tensors.roster].map(one => g.read(one));
      const next = recordPlacesOperation(g.read(tensors.losses), g.read(tensors.schedule), { last, history, roster });
      g.assign(tensors.last, next.last);
      g.assign(tensors.history, next.history);
      g.assign(tensors.roster, next.roster);
    });
    await plan.run();
    const expected = before.map((one, i) => recordPlaces(losses[i], schedules[i], one));
    requireEqual(
      `${places}: last`,
      [...countsIn(await tensors.last.read())],
      expected.map(({ last }) => last),
    );
    const roster = rosterOf(expected.map(one => ({ ...one, decay: 0.5 })));
    requireBits(`${places}: roster`, await tensors.roster.read(), roster);
    requireClose(
      `${places}: history`,
      await tensors.history.read(),
      joined(expected.map(({ history }) => history)),
      {},
    );
    plan.dispose();
    for (const tensor of Object.values<Tensor>(tensors)) tensor.dispose();
  }
});

/** A fleet's parameters in two regions, of which a model has some parts each, with whatever else is of their shapes. */
const regions = {
  counts: [2, 1],
  shapes: [
    [
      [3, 5],
      [1, 2],
    ],
    [[4, 7]],
  ],
} as const;

function dot(a: ArrayLike<number>, row: number, b: ArrayLike<number>, other: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += a[row * length + i] * b[other * length + i];
  return sum;
}

function fleetOf(places: number) {
  const shapes: Shape[] = regions.shapes.flatMap(own => Array<readonly Shape[]>(places).fill(own).flat());
  const sizes = shapes.map(sizeOf);
  /** Which parts are of a place. */
  const partsOf = (place: number) => [2 * place, 2 * place + 1, 2 * places + place];
  const models = Array.from({ length: places }, () => ({
    move: moves[randomInteger(0, 2)],
    count: randomInteger(1, 300),
    rate: Math.fround(3e-3 * random()),
    decay: random() < 0.5 ? Math.fround(0.3 * random()) : -1,
  }));
  const random32 = () => cut(randoms(sizeOfAll(shapes)), sizes);
  const stackOf = (parts: readonly Float64Array[]) => engine.stack(shapes, joined(parts));
  return { shapes, sizes, partsOf, models, random32, stackOf, roster: engine.tensor([places, 4], rosterOf(models)) };
}

test('adamOfPlaces: every place goes by its own count, rate, decay and move, L2 and decoupled, or beside another optimiser', async () => {
  for (const places of [1, 3, 40]) {
    for (const [decoupled, share] of [
      [false, undefined],
      [true, undefined],
      [false, 0.25],
      [true, 0.25],
    ] as const) {
      const { partsOf, models, random32, stackOf, roster } = fleetOf(places);
      const names = ['p', 'before', 'g', 'm', 'v'] as const;
      const given = Object.fromEntries(names.map(name => [name, random32()])) as Record<
        'p' | 'before' | 'g' | 'm' | 'v',
        Float64Array[]
      >;
      given.v = given.v.map(part => part.map(Math.abs));
      const tensors = Object.fromEntries(names.map(name => [name, stackOf(given[name])])) as Record<
        keyof typeof given,
        Tensor
      >;
      const settings = {
        ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, decoupled },
        ...(share !== undefined && { share }),
      };
      const plan = await engine.compile(g => {
        const [parameters, before, gradient, firstMoment, secondMoment] = names.map(name => g.read(tensors[name]));
        const step = { places, regions: regions.counts, roster: g.read(roster), before };
        const next = adamOfPlacesOperation({ parameters, firstMoment, secondMoment }, gradient, step, settings);
        g.assign(tensors.p, next.parameters);
        g.assign(tensors.m, next.firstMoment);
        g.assign(tensors.v, next.secondMoment);
        g.assign(tensors.before, next.before);
      });
      await plan.run();
      const expected = { p: [...given.p], before: [...given.before], m: [...given.m], v: [...given.v] };
      models.forEach(({ move, count, rate, decay }, place) => {
        const hasOwn = decay >= 0 && share === undefined;
        const own = {
          ...settings,
          learningRate: (share ?? 1) * rate,
          weightDecay: hasOwn ? decay : settings.weightDecay,
        };
        for (const part of partsOf(place)) {
          const [p, before, g, m, v] = names.map(name => given[name][part]);
          const next = adamOfPlaces({ p, m, v, before }, g, move, count, own);
          for (const name of ['p', 'before', 'm', 'v'] as const) expected[name][part] = next[name];
        }
      });
      for (const name of ['p', 'before', 'm', 'v'] as const) {
        const what = `${name} of ${places}${decoupled ? ', decoupled' : ''}${share ? ', beside another' : ''}`;
        requireClose(what, await tensors[name].read(), joined(expected[name]), { relative: 1e-6, absolute: 1e-6 });
      }
      plan.dispose();
    }
  }
});

test('sgdOfPlaces: every place goes by its own rate, decay and move; beside another by a share of the rate alone', async () => {
  for (const [places, share] of [[1], [3], [40], [3, 0.25]]) {
    const { partsOf, models, random32, stackOf, roster } = fleetOf(places);
    const [given, before, gradient, moments] = [random32(), random32(), random32(), random32()];
    const tensors = { p: stackOf(given), before: stackOf(before), g: stackOf(gradient), m: stackOf(moments) };
    const settings = { momentum: 0.5, weightDecay: 0.125 };
    const plan = await engine.compile(g => {
      const step = { places, regions: regions.counts, roster: g.read(roster), before: g.read(tensors.before) };
      const all = { ...settings, ...(share !== undefined && { share }) };
      const next = sgdOfPlacesOperation(g.read(tensors.p), g.read(tensors.m), g.read(tensors.g), step, all);
      g.assign(tensors.p, next.parameters);
      g.assign(tensors.m, next.moment);
      g.assign(tensors.before, next.before);
    });
    await plan.run();
    const expected = { p: [...given], before: [...before], m: [...moments] };
    models.forEach(({ move, rate, decay }, place) => {
      const isOwn = share === undefined && decay >= 0;
      const own = {
        ...settings,
        learningRate: rate * (share ?? 1),
        weightDecay: isOwn ? decay : settings.weightDecay,
      };
      for (const part of partsOf(place)) {
        const state = { p: given[part], m: moments[part], before: before[part] };
        const next = sgdOfPlaces(state, gradient[part], move, own);
        for (const name of ['p', 'before', 'm'] as const) expected[name][part] = next[name];
      }
    });
    for (const name of ['p', 'before', 'm'] as const) {
      const what = `${name} of ${places}${share ? ', beside another' : ''}`;
      requireClose(what, await tensors[name].read(), joined(expected[name]), { absolute: 5e-7 });
    }
    plan.dispose();
  }
});

test('muonStepOfPlaces: matrices of models that step follow the twin by their rate and decay; biases and all else stay to the bit', async () => {
  for (const places of [1, 3, 70]) {
    const { shapes, sizes, models, random32, stackOf, roster } = fleetOf(places);
    // The first matrices of the first region, and those of the second.
    const matrices = shapes.flatMap((_, part) => (part < 2 * places && part % 2 === 1 ? [] : [part]));
    const owners = matrices.map(part => (part < 2 * places ? part / 2 : part - 2 * places));
    const given = random32();
    const parameters = stackOf(given);
    const w = matrices.map(part => {
      const [rows, columns] = shapes[part];
      return { rows, columns: columns - 1, tall: rows > columns - 1 };
    });
    const u = w.map(({ rows, columns }) => randoms(rows * columns));
    const stored = u.map((one, i) => {
      const { rows, columns, tall } = w[i];
      return tall ? one.map((_, at) => one[(at % rows) * columns + Math.floor(at / rows)]) : one;
    });
    const direction = engine.stack(
      w.map(({ rows, columns, tall }) => (tall ? [columns, rows] : [rows, columns])),
      joined(stored),
    );
    const plan = await engine.compile(g => {
      const of = { roster: g.read(roster), places: owners };
      const attributes = { matrices, weightDecay: 0.125 };
      g.assign(parameters, muonStepOfPlacesOperation(g.read(parameters), g.read(direction), of, attributes));
    });
    await plan.run();
    const found = cut(await parameters.read(), sizes);
    given.forEach((own, part) => {
      const at = matrices.indexOf(part);
      if (at < 0) {
        requireBits(`part ${part} of ${places}`, found[part], Float32Array.from(own));
        return;
      }
      const { rows, columns } = w[at];
      const { move, rate, decay } = models[owners[at]];
      const settings = { rate, decay: decay < 0 ? 0.125 : decay };
      const isBias = (i: number) => i % (columns + 1) === columns;
      const numbers = (of: ArrayLike<number>, bias: boolean) =>
        Float64Array.from(Array.from(of).filter((_, i) => isBias(i) === bias));
      const expected = muonStepOfPlaces(numbers(own, false), u[at], [rows, columns], move, settings);
      requireClose(`part ${part} of ${places}`, numbers(found[part], false), expected, { absolute: 5e-7 });
      requireBits(
        `biases of ${part}`,
        Float32Array.from(numbers(found[part], true)),
        Float32Array.from(numbers(own, true)),
      );
    });
    for (const one of [plan, parameters, direction, roster]) one.dispose();
  }
});

test('modulateOfPlaces: every matrix has a k of its own, up to the one of all', async () => {
  const columns = 7;
  const spectra = [
    [5, 3, 2, 1.5],
    [4, 1, 0, -3],
    [9, 6, 3, 2],
    [8, 1, 0.5, 0.25],
  ];
  const rows = spectra.map(list => randoms(list.length * columns));
  const own = [1, 3, 2, 9];
  const values = engine.stack(
    spectra.map(list => [list.length]),
    spectra.flat(),
  );
  const vectors = engine.stack(
    spectra.map(list => [list.length, columns]),
    joined(rows),
  );
  const tops = engine.tensor([spectra.length], bitsOf(...own));
  for (const modulation of modulations) {
    const attributes = { topK: spectra.map(() => 3), modulation, scale: spectra.map(() => 0.5) };
    const plan = await engine.compile(g =>
      modulateOfPlacesOperation(g.read(values), g.read(vectors), attributes, g.read(tops)),
    );
    await plan.run();
    const expected = spectra.map((list, i) =>
      modulateOfPlaces(Float64Array.from(list), rows[i], columns, 3, own[i], modulation, 0.5),
    );
    const scaled = joined(expected.map(one => one.scaled));
    requireClose(modulation, await plan.outputs.scaled.read(), scaled, { absolute: 1e-6 });
    requireEqual(
      `${modulation}: used`,
      [...countsIn(await plan.outputs.used.read())],
      expected.map(({ used }) => used),
    );
    plan.dispose();
  }
});

test('eigenpairsOfPlaces: of small kernels, all pairs are pairs and orthonormal, whatever the start', async () => {
  const sizes = [1, 6, 17, 32];
  const shapes = sizes.map(n => [n, n]);
  // Of falling spectra, of which the last are lost in rounding.
  const rows = sizes.map(n => randoms(n * n).map((x, i) => x / (1 + (i % n)) ** 2));
  const given = sizes.map((n, which) =>
    Float32Array.from({ length: n * n }, (_, i) => dot(rows[which], Math.floor(i / n), rows[which], i % n, n)),
  );
  const matrices = engine.stack(shapes, joined(given));
  const start = engine.stack(shapes, new Float32Array(sizeOfAll(shapes)).fill(Number.NaN));
  const plan = await engine.compile(g => eigenpairsOfPlaces(g.read(matrices), g.read(start), { iterations: 1 }));
  await plan.run();
  const found = cut(await plan.outputs.values.read(), sizes);
  const all = cut(
    await plan.outputs.vectors.read(),
    sizes.map(n => n * n),
  );
  sizes.forEach((n, which) => {
    const v = all[which];
    const each = { length: n * n };
    const gram = Float64Array.from(each, (_, i) => dot(v, Math.floor(i / n), v, i % n, n));
    const unit = Float64Array.from(each, (_, i) => Number(i % n === Math.floor(i / n)));
    requireClose(`${n}: V V^T`, gram, unit, { absolute: 4e-6 });
    const images = Float64Array.from(each, (_, i) => dot(v, Math.floor(i / n), given[which], i % n, n));
    const scaled = Float64Array.from(each, (_, i) => found[which][Math.floor(i / n)] * v[i]);
    requireClose(`${n}: V A`, images, scaled, { absolute: 4e-6 * found[which][0] });
    require(`${n}: descending`, found[which].every((value, i) => i === 0 || value <= found[which][i - 1]));
  });
  for (const one of [plan, matrices, start]) one.dispose();
});

test('intoPlaces: stacks and vectors take what is fresh in the places chosen, and keep the rest to the bit', async () => {
  for (const [places, shape, parts] of [
    [1, [3, 5], 2],
    [5, [3, 5], 2],
    [70, [33, 7], 1],
    [3, [6], 0], // a vector of so many numbers, shared out
  ] as const) {
    const shapes: Shape[] = parts === 0 ? [shape] : Array(places * parts).fill(shape);
    const [old, next] = [randoms(sizeOfAll(shapes)), randoms(sizeOfAll(shapes))];
    const choice = Array.from({ length: places }, (_, i) => (i * 7) % 3 !== 1);
    const kept = engine.stack(shapes, Float32Array.from(old));
    const fresh = engine.stack(shapes, Float32Array.from(next));
    const chosen = engine.tensor([places], bitsOf(...choice.map(Number)));
    const plan = await engine.compile(g =>
      g.assign(kept, intoPlacesOperation(g.read(kept), g.read(fresh), g.read(chosen))),
    );
    await plan.run();
    requireClose(`${places} places`, await kept.read(), intoPlaces(old, next, choice, old.length / places), {});
    plan.dispose();
  }
});

test('a stack that is not as much in each place is refused with what it has', async () => {
  const [uneven, chosen] = [
    engine.stack([
      [2, 3],
      [3, 2],
    ]),
    engine.tensor([2]),
  ];
  await requireThrows(
    'intoPlaces',
    () => engine.compile(g => g.assign(uneven, intoPlacesOperation(g.read(uneven), g.read(uneven), g.read(chosen)))),
    'InputError',
    /^a fleet of 2 places takes as much for each, got \[\(2, 3\), \(3, 2\)\]$/,
  );
  const [parameters, roster] = [engine.stack([[2], [2], [2]]), engine.tensor([2, 4])];
  await requireThrows(
    'sgdOfPlaces',
    () =>
      engine.compile(g => {
        const [now, before, own] = [g.read(parameters), g.read(parameters), g.read(roster)];
        const step = { roster: own, before, places: 2, regions: [1] };
        g.assign(parameters, sgdOfPlacesOperation(now, now, now, step, { momentum: 0, weightDecay: 0 }).parameters);
      }),
    'InputError',
    /^sgdOfPlaces: 2 places take 2 parameters, got 3: give those of one place as often$/,
  );
});
