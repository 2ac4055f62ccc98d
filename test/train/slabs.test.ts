/** Training in slabs of the first axis: the same as on the whole grid, to rounding, for every kind of model. */

import type { Graph } from '../../src/graph/operation.js';
import { architecture } from '../../src/model/architecture.js';
import type { Contraction } from '../../src/model/contraction/contraction.js';
import { cp } from '../../src/model/contraction/cp.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { descriptionOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { evaluate } from '../../src/model/evaluate.js';
import { slabsOf } from '../../src/model/fits.js';
import { defineModel, initialParameters, type Model, type ModelOptions, outputShape } from '../../src/model/model.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { bceWithLogits } from '../../src/objective/bceWithLogits.js';
import type { Objective } from '../../src/objective/objective.js';
import { squaredError } from '../../src/objective/squaredError.js';
import { add, scale } from '../../src/ops/elementwise/linearCombination.js';
import { pieces } from '../../src/ops/elementwise/pieces.js';
import { vjp, vjpOfSeveral } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import type { Preconditioner } from '../../src/precondition/preconditioner.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import type { TrainerOptions } from '../../src/train/trainerOptions.js';
import { require, requireBits, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { random, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('slabs');

const network = architecture({ width: 8, omega: 5 });
const points = [13, 9, 7];
const modelOn = (shape: readonly number[], contraction: Contraction, more: Partial<ModelOptions> = {}) =>
  defineModel({ domain: grid(shape), contraction, network, ...more });
const volume = modelOn(points, cp({ rank: 6, scale: 0.5 }));

/** Bytes of so many indices of the first axis. */
function bytesOf({ domain, members, readout }: Model, rows: number): number {
  const [, ...others] = domain.shape;
  const width = 4 * Math.ceil((others.at(-1) ?? 1) / 4);
  return 4 * members * readout.outputs * rows * others.slice(0, -1).reduce((product, n) => product * n, 1) * width;
}

/** Numbers in [0, 1), about every fifth missing. */
function maskedTarget(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => (random() < 0.2 ? Number.NaN : random()));
}

interface Found {
  readonly losses: Float32Array;
  readonly gradient: Float32Array;
  readonly parameters: Float32Array;
  readonly evaluations: readonly number[];
  readonly output: Float32Array;
}

/** What a trainer does in a few steps; Adam's first moment after the first is a tenth of the gradient. */
async function train(options: TrainerOptions): Promise<Found> {
  const trainer = await Trainer.create(engine, options);
  const first = await trainer.advance(1);
  const { firstMoment } = (await trainer.state()).optimiser.state;
  const losses = Float32Array.of(...first, ...(await trainer.advance(2)));
  const found = {
    losses,
    gradient: firstMoment,
    parameters: (await trainer.state()).parameters,
    evaluations: Object.values(await trainer.evaluate()),
    output: await trainer.render(),
  };
  trainer.dispose();
  return found;
}

/** The same in slabs of each of these heights as on the whole grid. */
async function requireSame(what: string, options: TrainerOptions, heights: readonly number[]): Promise<void> {
  const before = engine.memory.bytes;
  const { model } = options;
  const whole = await train(options);
  for (const [i, height] of heights.entries()) {
    const where = `${what}, slabs of ${height} rows, targets on the ${i % 2 === 0 ? 'host' : 'device'}`;
    const slabs = await train({
      ...options,
      slabBytes: bytesOf(model, height),
      targetBytes: i % 2 === 0 ? 0 : 2 ** 30,
    });
    requireNorm(`${where}: gradient`, slabs.gradient, whole.gradient, 2e-5);
    requireClose(`${where}: losses`, slabs.losses, whole.losses, { relative: 1e-5 });
    requireNorm(`${where}: parameters`, slabs.parameters, whole.parameters, 1e-4);
    requireClose(`${where}: evaluations`, slabs.evaluations, whole.evaluations, { relative: 2e-4 });
    requireNorm(`${where}: output`, slabs.output, whole.output, 1e-3);
  }
  requireEqual('bytes left', engine.memory.bytes, before);
}

/** Refreshed in the second step too, and combined both ways. */
const preconditioners = {
  plain: {},
  sum: { preconditioner: sepPgd({ topK: 3, refresh: 2 }) },
  product: { preconditioner: sepPgd({ topK: 3, combine: 'product', refresh: 2 }) },
};

for (const [name, preconditioner] of Object.entries(preconditioners)) {
  test(`${name}: a 13 x 9 x 7 grid in 2, 3 and 13 slabs trains as whole, masked, with both losses`, async () => {
    const target = maskedTarget(819);
    const common = { model: volume, target, optimiser: adam({ learningRate: 1e-4 }), ...preconditioner };
    const evaluations = { other: maskedTarget(819) };
    await requireSame('squares', { ...common, evaluations }, [7, 5, 1]);
    await requireSame('cross-entropy', { ...common, objective: bceWithLogits() }, [4]);
  });

  test(`${name}: tensor trains, Tucker models, 2 and 4 axes, members and shared outputs train in slabs as whole`, async () => {
    const models: [Model, number][] = [
      [modelOn(points, tensorTrain({ ranks: [4, 3] })), 5],
      [modelOn(points, tucker({ ranks: [4, 3, 5] })), 6],
      [modelOn([11, 14], cp({ rank: 5 }), { members: 3 }), 3],
      [modelOn([6, 3, 5, 4], cp({ rank: 4 })), 4],
      [modelOn([9, 4, 6], cp({ rank: 5 }), { readout: mixing({ outputs: 3 }) }), 4],
      [modelOn([7, 6], tucker({ ranks: 3 }), { members: 2 }), 2],
    ];
    for (const [model, height] of models) {
      const target = maskedTarget(outputShape(model).reduce((product, n) => product * n, model.members));
      const options = { model, target, optimiser: adam({ learningRate: 1e-4 }), ...preconditioner };
      await requireSame(`${model.contraction.name} on ${descriptionOf(model.domain)}`, options, [height]);
    }
  });
}

/** Half the squared error, its cotangent doubled on the way as an objective of a host may want. */
const doubled: Objective = {
  ...squaredError(),
  name: 'doubled',
  goal: (output, target) => ({
    ...squaredError().goal(output, target),
    transformations: new Map([[output, cotangent => scale(cotangent, 2)]]),
  }),
};

test("an objective's own transformation of the cotangent acts in slabs as on the whole grid, before SepPGD's", async () => {
  for (const preconditioner of Object.values(preconditioners)) {
    const options = { model: volume, target: maskedTarget(819), optimiser: adam({ learningRate: 1e-4 }) };
    await requireSame('doubled', { ...options, objective: doubled, ...preconditioner }, [5]);
  }
});

test('a target that fails within a step leaves the steps before it, and a trainer goes on from there to the same bits', async () => {
  const values = maskedTarget(13 * 9 * 7);
  let calls = Number.NEGATIVE_INFINITY;
  const target = (from: number, to: number) => {
    if (++calls === 8) throw new RangeError('gone');
    return values.subarray(from * 63, to * 63);
  };
  const learningRate = (step: number) => 1e-3 / (1 + step);
  const options = { model: volume, target, optimiser: adam({ learningRate }) };
  const trainer = await Trainer.create(engine, { ...options, slabBytes: bytesOf(volume, 5), targetBytes: 0 });
  const expected = await trainer.advance(5);
  trainer.dispose();
  const other = await Trainer.create(engine, { ...options, slabBytes: bytesOf(volume, 5), targetBytes: 0 });
  calls = 0; // three slabs a step: the eighth is of the third step
  await requireThrows('a failing target', () => other.advance(5), 'RangeError', /gone/);
  requireEqual('steps made', other.step, 2);
  requireBits('losses', await other.advance(3), expected.subarray(2));
  other.dispose();
});

test('what would be left out in slabs is refused: a preconditioner elsewhere than at the output, or of whole outputs', async () => {
  const before = engine.memory.bytes;
  const options = { model: volume, target: maskedTarget(819), optimiser: adam({ learningRate: 1e-4 }) };
  const inSlabs = { slabBytes: bytesOf(volume, 5) };
  const refused = (more: Partial<TrainerOptions>, message: RegExp) =>
    requireThrows(String(message), () => Trainer.create(engine, { ...options, ...more }), 'InputError', message);
  const elsewhere: Objective = {
    ...squaredError(),
    name: 'elsewhere',
    goal: (output, target) => {
      const twice = scale(output, 2);
      return { ...squaredError().goal(twice, target), preconditioned: [twice] };
    },
  };
  await refused(
    { ...inSlabs, objective: elsewhere, ...preconditioners.sum },
    /^elsewhere: slabs are not preconditioned through it: use plain gradients$/,
  );
  /** SepPGD of which a form in slabs is known only where it is not refreshed. */
  const whole = (atOnce: boolean): Preconditioner => ({
    ...sepPgd({ topK: 3, refresh: 1 }),
    name: 'whole',
    async start(...given) {
      const state = await sepPgd({ topK: 3, refresh: 1 }).start(...given);
      return {
        ...state,
        name: 'whole',
        current: graph => {
          const { slabs, ...applied } = state.current(graph);
          return atOnce || !slabs ? applied : { ...applied, slabs };
        },
        refreshed: (...at) => {
          const { slabs: _, ...applied } = state.refreshed?.(...at) ?? state.current(at[0]);
          return applied;
        },
      };
    },
  });
  await refused({ ...inSlabs, preconditioner: whole(true) }, /^whole: takes the whole output at once/);
  await refused({ ...inSlabs, preconditioner: whole(false) }, /^whole: takes the whole output at once/);
  requireEqual('bytes', engine.memory.bytes, before);
});

test('a run of 12 steps in slabs equals 5, saved, and 7 more on another trainer, bit for bit', async () => {
  const options: TrainerOptions = {
    model: volume,
    target: maskedTarget(819),
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: sepPgd({ topK: 4, refresh: 4 }),
    slabBytes: bytesOf(volume, 5),
    targetBytes: 0,
  };
  const [whole, first] = [await Trainer.create(engine, options), await Trainer.create(engine, options)];
  const second = await Trainer.create(engine, { ...options, seed: 99, targetBytes: 2 ** 20 });
  const losses = await whole.advance(12);
  await first.advance(5);
  second.restore(await first.state());
  requireClose('losses', await second.advance(7), losses.subarray(5), {});
  const [expected, got] = [await whole.state(), await second.state()];
  requireClose('parameters', got.parameters, expected.parameters, {});
  for (const part of ['optimiser', 'preconditioner'] as const) {
    const [saved, wanted] = [got[part]?.state ?? {}, expected[part]?.state ?? { none: new Float32Array(1) }];
    requireEqual(part, Object.keys(saved), Object.keys(wanted));
    for (const key of Object.keys(wanted)) requireBits(`${part}: ${key}`, saved[key], wanted[key]);
  }
  for (const trainer of [whole, first, second]) trainer.dispose();
});

test('a device that binds less is given slabs by itself, and what they take is less than the whole grid takes', async () => {
  const options = {
    model: modelOn([64, 40, 40], cp({ rank: 4 })),
    target: randoms(102_400),
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: sepPgd({ topK: 4 }),
  };
  const bytes = async (more: Partial<TrainerOptions>) => {
    const before = engine.memory.bytes;
    const trainer = await Trainer.create(engine, { ...options, ...more });
    const taken = engine.memory.bytes - before;
    const { step } = trainer.work;
    const [loss] = await trainer.advance(1);
    trainer.dispose();
    return { taken, loss, ...step };
  };
  const whole = await bytes({});
  const { device } = engine;
  Object.defineProperty(device, 'mostBindingBytes', { value: 2 ** 17, configurable: true });
  let slabs: typeof whole;
  let streamed: typeof whole;
  try {
    slabs = await bytes({});
    streamed = await bytes({ targetBytes: 2 ** 17 });
  } finally {
    Reflect.deleteProperty(device, 'mostBindingBytes');
  }
  requireClose('loss', [slabs.loss, streamed.loss], [whole.loss, whole.loss], { relative: 1e-5 });
  require(`${slabs.taken} of ${whole.taken} bytes`, slabs.taken < 0.6 * whole.taken);
  require(`${streamed.taken} of ${slabs.taken} bytes`, streamed.taken < slabs.taken - 200_000);
  // Z, three MTTKRPs, two axes' mode products there and back and the third's projection are the same operations.
  const [count, rank, k] = [102_400, 4, 4];
  const corrections = 2 * count * (k / 64) * rank * 3 - 2 * count * k;
  requireClose('operations', [slabs.operations], [whole.operations + corrections], { relative: 0.1 });
  require('more dispatches', slabs.dispatches > 4 * 8 && whole.dispatches <= 24);
});

test('on a GPU a slab of one row, of which there are as many partial losses or more as numbers, trains within a binding too', async () => {
  const { device } = engine;
  const options = {
    model: modelOn([3, 64, 64], cp({ rank: 4 })),
    target: maskedTarget(3 * 64 * 64),
    optimiser: adam({ learningRate: 1e-3 }),
  };
  const whole = await Trainer.create(engine, options);
  const { cpu } = device;
  const set = (name: string, value: unknown) =>
    Object.defineProperty(device, name, { value, configurable: true, writable: true });
  set('cpu', false);
  set('mostBindingBytes', 2 ** 15);
  device.rate = 1e15;
  try {
    const slabs = await Trainer.create(engine, options);
    requireClose('losses', await slabs.advance(2), await whole.advance(2), { relative: 1e-5 });
    slabs.dispose();
  } finally {
    set('cpu', cpu);
    device.rate = undefined;
    Reflect.deleteProperty(device, 'mostBindingBytes');
  }
  whole.dispose();
});

test('more eigenvectors than a slab has rows, whose projection no binding holds whole, train as on the whole grid', async () => {
  const { device } = engine;
  const options = {
    model: modelOn([40, 48, 40], cp({ rank: 4 })),
    target: randoms(76_800),
    optimiser: adam({ learningRate: 1e-4 }),
    preconditioner: sepPgd({ topK: [32, 4, 4] }),
  };
  const whole = await train(options);
  Object.defineProperty(device, 'mostBindingBytes', { value: 4 * 16 * 1920, configurable: true });
  try {
    const slabs = await train(options);
    requireClose('losses', slabs.losses, whole.losses, { relative: 1e-5 });
    requireNorm('gradient', slabs.gradient, whole.gradient, 2e-5);
    requireNorm('parameters', slabs.parameters, whole.parameters, 1e-4);
  } finally {
    Reflect.deleteProperty(device, 'mostBindingBytes');
  }
});

test('slabs: as few as fit, of one height but the last, within bindings, what lies between products too', () => {
  const device = (mostBindingBytes: number) => ({ mostBindingBytes });
  const statue = modelOn([304, 512, 262], cp({ rank: 200 }));
  requireEqual('of a volume', slabsOf(statue, device(2 ** 27)), [
    [0, 152],
    [152, 304],
  ]);
  requireEqual('whole', slabsOf(statue, device(2 ** 28)), [[0, 304]]);
  requireEqual('uneven', slabsOf(volume, device(2 ** 27), bytesOf(volume, 5)), [
    [0, 5],
    [5, 10],
    [10, 13],
  ]);
  requireEqual('single rows', slabsOf(volume, device(2 ** 27), bytesOf(volume, 1)).length, 13);
  const train = modelOn([64, 64, 4], tensorTrain({ ranks: [2, 64] }));
  requireEqual('wider than its output', slabsOf(train, device(2 ** 18)).length, 4);
});

test('slabs: a row, a projection or a number that cannot be is refused in one line, before anything is allocated', async () => {
  const before = engine.memory.bytes;
  const options = { model: volume, target: new Float32Array(819), optimiser: adam({ learningRate: 1e-3 }) };
  const refused = (more: Partial<TrainerOptions>, message: RegExp) =>
    requireThrows(String(message), () => Trainer.create(engine, { ...options, ...more }), 'InputError', message);
  await refused(
    { slabBytes: 287 },
    /^grid: one index of the first axis of 13 x 9 x 7 is 288 bytes.* at most 287 fit: put the longest/,
  );
  await refused({ slabBytes: -1 }, /slabBytes: -1: use a number of bytes/);
  await refused({ targetBytes: Number.NaN }, /targetBytes: NaN/);
  await refused({ evaluations: { other: [1] } }, /^evaluations: other: takes 819 numbers, got 1$/);
  requireEqual('bytes', engine.memory.bytes, before);
});

test('pieces: ranges of rows and columns of several stacks in any order, and the VJP puts each back among zeros', async () => {
  const [a, b] = [randoms(35), randoms(24)];
  const [left, right] = [
    engine.stack([[5, 7]], a),
    engine.stack(
      [
        [2, 3],
        [3, 6],
      ],
      b,
    ),
  ];
  const build = (graph: Graph) => {
    const inputs = [graph.read(left), graph.read(right)];
    const taken = pieces(inputs, [
      { stack: 1, part: 1 },
      { part: 0, rows: [1, 4], columns: [3, 6] },
      { stack: 1, part: 0, rows: [1, 2] },
      { part: 0, rows: [4, 5] },
    ]);
    const [ofLeft, ofRight] = vjp(taken, taken, inputs);
    const several = vjpOfSeveral(
      new Map([
        [taken, taken],
        [add(inputs[0], inputs[0]), inputs[0]],
      ]),
      inputs,
    );
    return { taken, ofLeft, ofRight, both: several[0] };
  };
  const plan = await engine.compile(build);
  await plan.run();
  const at = (row: number, column: number) => a[row * 7 + column];
  const block = [1, 2, 3].flatMap(row => [3, 4, 5].map(column => at(row, column)));
  const expected = [...b.slice(6), ...block, ...b.slice(3, 6), ...a.slice(28)];
  requireClose('pieces', await plan.outputs.taken.read(), expected, {});
  const kept = (row: number, column: number) => row === 4 || (row >= 1 && row < 4 && column >= 3 && column < 6);
  const back = a.map((x, i) => (kept(Math.floor(i / 7), i % 7) ? x : 0));
  requireClose('back', await plan.outputs.ofLeft.read(), back, {});
  requireClose(
    'and of the other',
    await plan.outputs.ofRight.read(),
    b.map((x, i) => (i < 3 ? 0 : x)),
    {},
  );
  requireClose(
    'of two outputs',
    await plan.outputs.both.read(),
    back.map((x, i) => x + 2 * a[i]),
    { relative: 1e-6 },
  );
  plan.dispose();
  const refused = (message: RegExp, ...taken: Parameters<typeof pieces>[1]) =>
    requireThrows(
      String(message),
      () => engine.compile(graph => void pieces([graph.read(left)], taken)),
      'InputError',
      message,
    );
  await refused(/pieces: there is no part 1/, { part: 1 });
  await refused(/rows 0 to 6 and columns 0 to 7 of \(5, 7\): no such piece/, { part: 0, rows: [0, 6] });
  await refused(/rows 2 to 2/, { part: 0, rows: [2, 2] });
  await refused(
    /pieces 0 and 1, \(2, 7\) and \(5, 2\) of part 0, overlap/,
    { part: 0, rows: [3, 5] },
    { part: 0, columns: [0, 2] },
  );
  left.dispose();
  right.dispose();
});

test('a target that is given by rows, at once or later, trains in the bits of one that is given whole, and is asked for no more than it must', async () => {
  const kinds: [Model, number][] = [
    [volume, 5],
    [modelOn([11, 14], cp({ rank: 5 }), { members: 2, readout: mixing({ outputs: 3 }) }), 4],
  ];
  for (const [model, height] of kinds) {
    const [points, ...others] = model.domain.shape;
    const planes = model.members * model.readout.outputs;
    const row = others.reduce((product, n) => product * n, 1);
    const target = maskedTarget(planes * points * row);
    let asked: number[] = [];
    const rows = (from: number, to: number) => {
      asked.push(from);
      const parts = Array.from({ length: planes }, (_, plane) =>
        Array.from(target.subarray((plane * points + from) * row, (plane * points + to) * row)),
      );
      return from % 2 === 0 ? parts.flat() : Promise.resolve(Float32Array.from(parts.flat()));
    };
    const slab = bytesOf(model, height);
    const count = Math.ceil(points / height);
    // Those of training come first: two slabs of the packed numbers stay, then none, then all.
    const packed = 4 * planes * height * row;
    for (const [targetBytes, stay] of [
      [2 * packed, 2],
      [0, 0],
      [2 ** 30, count],
    ]) {
      const common = { model, optimiser: adam({ learningRate: 1e-4 }), slabBytes: slab, targetBytes };
      const [given, later] = [
        await Trainer.create(engine, { ...common, target }),
        await Trainer.create(engine, { ...common, target: rows, evaluations: { same: rows } }),
      ];
      asked = [];
      const losses = await later.advance(2);
      requireEqual(`${stay} of ${count} slabs stay`, asked.length, 2 * (count - stay));
      requireBits('losses', losses, await given.advance(2));
      requireBits('parameters', (await later.state()).parameters, (await given.state()).parameters);
      requireBits('output', await later.render(), await given.render());
      const { training, same } = await later.evaluate();
      requireEqual('evaluations', [training, same], [(await given.evaluate()).training, training]);
      for (const one of [given, later]) one.dispose();
    }
    const whole = { model, optimiser: adam({ learningRate: 1e-4 }) };
    const [given, later] = [
      await Trainer.create(engine, { ...whole, target }),
      await Trainer.create(engine, { ...whole, target: rows }),
    ];
    requireBits('on the whole domain', await later.advance(2), await given.advance(2));
    for (const one of [given, later]) one.dispose();
  }
  const short = () => new Float32Array(3);
  const wrong = { model: volume, target: short, optimiser: adam({ learningRate: 1e-4 }) };
  await requireThrows('too few', () => Trainer.create(engine, wrong), 'InputError', /takes 819 numbers, got 3$/);
  const inSlabs = { ...wrong, slabBytes: bytesOf(volume, 5), targetBytes: 0 };
  const late = await Trainer.create(engine, inSlabs);
  await requireThrows('too few, when asked for', () => late.advance(1), 'InputError', /takes 315 numbers, got 3$/);
  late.dispose();
});

test('rows that hold what is no number are refused by their place, whether they stay on the device or come in a step', async () => {
  const row = 9 * 7;
  const wrong = (value: unknown) => (from: number, to: number) =>
    Array.from({ length: (to - from) * row }, (_, i) => (from === 5 && i === 8 ? value : Number.NaN)) as number[];
  const common = { model: volume, optimiser: adam({ learningRate: 1e-4 }), slabBytes: bytesOf(volume, 5) };
  const nothing = (() => undefined) as unknown as () => Float32Array;
  const cases: [TrainerOptions['target'], RegExp][] = [
    [wrong(undefined), /^target, rows 5 to 10: holds undefined at 8: use float32 numbers, NaN for a point left out$/],
    [wrong('1'), /^target, rows 5 to 10: holds "1" at 8: use float32 numbers/],
    [wrong(Number.POSITIVE_INFINITY), /^target, rows 5 to 10: holds Infinity at 8: use float32 numbers/],
    [nothing, /^target, rows 0 to 5: takes 315 numbers, got undefined$/],
  ];
  const before = engine.memory.bytes;
  for (const [target, message] of cases) {
    await requireThrows('at once', () => Trainer.create(engine, { ...common, target }), 'InputError', message);
    const later = await Trainer.create(engine, { ...common, target, targetBytes: 0 });
    await requireThrows('in a step', () => later.advance(1), 'InputError', message);
    later.dispose();
  }
  requireEqual('bytes', engine.memory.bytes, before);
});

test('rows of a target that its host has from the same device train in the bits of those that it has already, beside other trainers', async () => {
  const teacher = initialParameters(volume, 7);
  const target = await evaluate(engine, volume, teacher);
  const row = target.length / points[0];
  const common = {
    model: volume,
    optimiser: adam({ learningRate: 1e-4 }),
    slabBytes: bytesOf(volume, 5),
    targetBytes: 0,
  };
  const rows = async (from: number, to: number) =>
    (await evaluate(engine, volume, teacher)).subarray(from * row, to * row);
  const trainers = await Promise.all(
    [target, rows, rows].map(one => Trainer.create(engine, { ...common, target: one })),
  );
  const [losses, ...others] = await Promise.all(trainers.map(trainer => trainer.advance(3)));
  others.forEach((own, i) => {
    requireBits(`trainer ${i}`, own, losses);
  });
  for (const trainer of trainers) trainer.dispose();
});
