/** Work cut by time: where submits end, on a simulated device too, and that results are the same bits however a call is cut. */

import type { Device } from '../../src/device/device.js';
import type { Plan } from '../../src/graph/plan.js';
import { eigendecompose } from '../../src/immediate/eigendecompose.js';
import {
  correction,
  endOfSubmit,
  expectedMilliseconds,
  leastRate,
  mostDispatches,
  mostInDispatch,
  mostSubmits,
  submitMilliseconds,
} from '../../src/kernel/pace.js';
import type { Part, Sequence } from '../../src/kernel/sequence.js';
import { submit } from '../../src/kernel/submit.js';
import { add, scale } from '../../src/ops/elementwise/linearCombination.js';
import {
  adam,
  architecture,
  cp,
  createEngine,
  defineModel,
  evaluate,
  grid,
  initialParameters,
  sepPgd,
  Trainer,
} from '../../src/public/node.js';
import { require, requireBits, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { atRate, device, engine } from '../helpers/gpu.js';
import { random, randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('pace');

const sumOf = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0);

test('submits end after whole runs, within a run that is too long by itself, and none has more than its time or count', () => {
  for (let trial = 0; trial < 200; trial++) {
    const length = randomInteger(1, trial % 2 === 0 ? 20 : 600);
    const longest = 10 ** randomInteger(-2, 2);
    const expected = Array.from({ length }, () => longest * random());
    const run = sumOf(expected);
    const end = length * randomInteger(1, 9);
    let at = 0;
    while (at < end) {
      const next = endOfSubmit(expected, at, end, 0, 0);
      const took = sumOf(Array.from({ length: next - at }, (_, i) => expected[(at + i) % length]));
      require('goes on', next > at && next <= end);
      require(`${took} ms`, took <= submitMilliseconds || next === at + 1);
      require(`${next - at} dispatches`, next - at <= mostDispatches);
      const fits = run <= submitMilliseconds && length <= mostDispatches;
      if (fits) requireEqual('within a run', next % length, 0);
      // As many as there is room for.
      const more = fits ? [length, run] : [1, expected[next % length]];
      const room = next - at + more[0] <= mostDispatches && took + more[1] <= 0.999 * submitMilliseconds;
      require('room is left', next === end || !room || (!fits && next % length === 0));
      at = next;
    }
  }
  requireEqual('beside others, where there is room', endOfSubmit([10, 10], 0, 20, 3, 200), 4);
  requireEqual('and where there is none', endOfSubmit([60], 0, 5, 3, 200), 0);
  requireEqual('a dispatch that is past all by itself goes alone', endOfSubmit([900, 1], 0, 2, 0, 0), 1);
});

test('at 50 GFLOP/s: 18 dispatches of 92 MFLOP go by 250 ms, 2.5 GFLOP to a dispatch, and few workgroups count for more', () => {
  const dispatches = Array.from({ length: 18 }, () => ({
    work: { operations: 92e6 / 18, bytes: 2e5 },
    workgroups: [40, 1, 1] as const,
  }));
  const expected = dispatches.map(one => expectedMilliseconds(one, leastRate));
  requireClose('a step', [sumOf(expected)], [2.31], { relative: 0.01 });
  requireEqual('steps in the first submits of 1024', endOfSubmit(expected, 0, 18 * 1024, 0, 0), 18 * 14);
  const slow = expected.map(ms => 10 * ms);
  requireEqual('on a device ten times slower', endOfSubmit(slow, 0, 18 * 1024, 0, 0), 18 * 10);
  requireEqual('rows of 33 GFLOP in 512', mostInDispatch(33e9 / 512, leastRate), 38);
  requireEqual('on an H100', mostInDispatch(33e9 / 512, 3e13) >= 512, true);
  const alone = { ...dispatches[0], workgroups: [1, 1, 1] as const };
  require('one workgroup', expectedMilliseconds(alone, leastRate) > 10 * expected[0]);
});

/** A device that takes for each dispatch what it is told, and whose clock is that of the process meanwhile. */
function simulated(lasts: readonly number[], guessed: readonly number[]) {
  let [clock, free] = [0, 0];
  const submits: { readonly dispatches: number; readonly milliseconds: number; readonly begun: number }[] = [];
  let underWay = 0;
  let most = 0;
  let idle = 0;
  let measured = 0;
  const expected = Float64Array.from(guessed);
  const length = lasts.length;
  const inPart = <T>({ from, to }: Part, visit: (i: number) => T) =>
    Array.from({ length: to - from }, (_, i) => visit((from + i) % length));
  let encoded: Part[] = [];
  const sequence = {
    expected,
    length,
    get measured() {
      return measured >= length;
    },
    encode: (_: unknown, part: Part) => encoded.push(part),
    lasts: (part: Part) => sumOf(inPart(part, i => expected[i])),
    correct: (part: Part, factor: number) => {
      for (const i of new Set(inPart(part, i => i))) expected[i] *= factor;
      measured = Math.max(measured, (part.from % length) + part.to - part.from);
    },
  };
  const gpu = {
    createCommandEncoder: () => ({
      pushDebugGroup: () => {},
      beginComputePass: () => ({ end: () => {} }),
      finish: () => {},
    }),
    queue: {
      submit: () => {
        const milliseconds = sumOf(encoded.flatMap(part => inPart(part, i => lasts[i])));
        submits.push({ dispatches: sumOf(encoded.map(({ from, to }) => to - from)), milliseconds, begun: clock });
        encoded = [];
        idle += Math.max(0, clock - free);
        free = Math.max(free, clock) + milliseconds;
        most = Math.max(most, ++underWay);
      },
    },
  };
  const fake = {
    gpu,
    doneAt: 0,
    attempt: (_: string, work: () => void) => {
      work();
      return { error: Promise.resolve(undefined) };
    },
    done: async () => {
      const at = free;
      for (let i = 0; i < 5; i++) await Promise.resolve();
      clock = Math.max(clock, at);
      underWay--;
    },
  };
  const run = async (times: number) => {
    const { performance } = globalThis;
    Object.defineProperty(globalThis, 'performance', { value: { now: () => clock }, configurable: true });
    try {
      const part = { sequence: sequence as unknown as Sequence, from: 0, to: times * length };
      await submit(fake as unknown as Device, [[part]]);
    } finally {
      Object.defineProperty(globalThis, 'performance', { value: performance, configurable: true });
    }
    return { submits, most, idle };
  };
  return { run };
}

test('a device that is ten times slower than guessed, or thousands faster: no submit is too long, two under way, hardly idle', async () => {
  const guessed = Array.from({ length: 18 }, () => 0.05 + random());
  for (const factor of [10, 1, 1 / 10, 1 / 3000]) {
    const { submits, most, idle } = await simulated(
      guessed.map(ms => ms * factor * (0.5 + random())),
      guessed,
    ).run(1024);
    requireEqual(`${factor}: dispatches`, sumOf(submits.map(one => one.dispatches)), 18 * 1024);
    const longest = Math.max(...submits.map(one => one.milliseconds));
    require(`${factor}: ${longest} ms`, longest <= 1.5 * submitMilliseconds);
    requireEqual(`${factor}: the first is one step`, submits[0].dispatches, 18);
    requireEqual(`${factor}: at once`, most, mostSubmits);
    requireClose(`${factor}: idle`, [idle], [0], { absolute: 1e-6 });
  }
});

test('a list of 2440 dispatches, some of one thread and four times slower than guessed, goes in submits of their time', async () => {
  const serial = Array.from({ length: 2440 }, () => random() < 0.1);
  const guessed = serial.map(one => (one ? 2 : 0.3) * (0.5 + random()));
  const lasts = guessed.map((ms, i) => ms * (serial[i] ? 4 : 1));
  const { submits } = await simulated(lasts, guessed).run(3);
  const longest = Math.max(...submits.map(one => one.milliseconds));
  require(`${longest} ms`, longest <= 2 * submitMilliseconds);
  require(`${submits.length} submits`, submits.length >= Math.ceil((3 * 2440) / mostDispatches));
});

test('one measurement changes what is expected by no more than half or eight times', () => {
  requireEqual(
    'factors',
    [correction(10, 1), correction(10, 20), correction(1, 1e6), correction(5, 0)],
    [0.5, 2, 8, 0.5],
  );
});

/** Has every plan of a trainer, or one, expect so much of each dispatch. */
function expecting(plan: Plan, milliseconds: () => number): void {
  const { sequence } = plan as unknown as { sequence: Sequence };
  sequence.expected.forEach((_, i) => {
    sequence.expected[i] = milliseconds();
  });
}

function plansOf(trainer: Trainer): Plan[] {
  const { step, refreshStep, prepare } = (
    trainer as unknown as { plans: Record<'step' | 'refreshStep', { plan: Plan }[][]> & { prepare: Plan } }
  ).plans;
  return [...step, ...refreshStep]
    .flat()
    .map(({ plan }) => plan)
    .concat(prepare);
}

/** How many submits `work` makes of dispatches, and the most under way at once. */
async function submitsIn(work: () => Promise<unknown>): Promise<{ count: number; most: number }> {
  let [count, underWay, most] = [0, 0, 0];
  const { attempt, done } = device;
  device.attempt = function attempted(what, body) {
    if (what === 'run') {
      count++;
      most = Math.max(most, ++underWay);
    }
    return attempt.call(device, what, body) as never;
  };
  device.done = async () => {
    await done.call(device);
    underWay--;
  };
  try {
    await work();
  } finally {
    Reflect.deleteProperty(device, 'attempt');
    Reflect.deleteProperty(device, 'done');
  }
  return { count, most };
}

const model = defineModel({ domain: grid([11, 7]), contraction: cp({ rank: 5 }), network: architecture({ width: 6 }) });
const options = {
  model,
  target: Float32Array.from(randoms(77)),
  optimiser: adam({ learningRate: 1e-2 }),
  preconditioner: sepPgd({ topK: 3, refresh: 4 }),
};

for (const [name, more] of Object.entries({
  'the whole domain': {},
  'slabs that are loaded': { slabBytes: 128, targetBytes: 0 },
})) {
  test(`ten steps on ${name} are the same bits in a few submits, in one a dispatch, and in some cut anywhere`, async () => {
    const whole = await Trainer.create(engine, { ...options, ...more });
    const losses = await whole.advance(10);
    const { parameters } = await whole.state();
    for (const milliseconds of [() => 1e30, () => 10 ** (4 * random())]) {
      const cut = await Trainer.create(engine, { ...options, ...more });
      for (const plan of plansOf(cut)) expecting(plan, milliseconds);
      const submits = await submitsIn(async () => requireBits('losses', await cut.advance(10), losses));
      requireBits('parameters', (await cut.state()).parameters, parameters);
      require(`${submits.count} submits`, submits.count > 20);
      requireEqual('under way', submits.most, mostSubmits);
      cut.dispose();
    }
    whole.dispose();
  });
}

test('a probe of k, and eigenpairs, which are hundreds of dispatches, are cut too, to the same bits', async () => {
  const size = 70;
  const values = randoms(size * size);
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) values[i * size + j] = values[j * size + i];
  const [[{ vectors }], auto] = [
    await eigendecompose(engine, [size, size], values),
    await Trainer.create(engine, { ...options, preconditioner: sepPgd() }),
  ];
  const chosen = auto.preconditioner?.topK;
  auto.dispose();
  device.rate = 1e3;
  try {
    const cut = await submitsIn(async () => {
      const [found] = await eigendecompose(engine, [size, size], values);
      requireBits('vectors', found.vectors, vectors);
    });
    require(`${cut.count} submits`, cut.count > 50);
    device.rate = 1e8;
    const probe = await submitsIn(async () => {
      const trainer = await Trainer.create(engine, { ...options, preconditioner: sepPgd() });
      requireEqual('k', trainer.preconditioner?.topK, chosen);
      trainer.dispose();
    });
    require(`${probe.count} submits of a probe`, probe.count > 5);
  } finally {
    device.rate = undefined;
  }
});

test('calls at once do not come between the pieces of each other', async () => {
  const state = engine.tensor([3], [1, 2, 3]);
  const plan = (factor: number, summand: number) =>
    engine.compile(graph => {
      const value = graph.read(state);
      const next = scale(add(value, scale(value, summand)), factor);
      graph.assign(state, add(next, value));
    });
  const plans = [await plan(0.5, 0.25), await plan(-0.75, 2), await plan(0.3, -0.7)];
  for (const one of plans) await one.run({ times: 5 });
  await plans[0].run();
  const expected = await state.read();
  state.write([1, 2, 3]);
  for (const one of plans) expecting(one, () => 1e30);
  await Promise.all([...plans.map(one => one.run({ times: 5 })), plans[0].run()]);
  requireBits('state', await state.read(), expected);
  for (const one of [...plans, state]) one.dispose();
});

test('a call that is cut ends soon once its trainer, or its engine, is disposed of', async () => {
  const guest = await createEngine({ device: device.gpu });
  const { preconditioner: _, ...plain } = options; // whose texts a guest compiles again
  for (const [on, end, gone] of [
    [engine, (trainer: Trainer) => trainer.dispose(), /^the trainer has been disposed of/],
    [guest, () => guest.dispose(), /^the engine has been disposed of/],
  ] as const) {
    const trainer = await Trainer.create(on, plain);
    await trainer.advance(1);
    for (const plan of plansOf(trainer)) expecting(plan, () => 1e30);
    let submits = 0;
    const { attempt } = on.device;
    on.device.attempt = (what, body) => {
      if (what === 'run') submits++;
      return attempt.call(on.device, what, body) as never;
    };
    const advanced = trainer.advance(1000);
    advanced.catch(() => {});
    while (submits < 5) await new Promise(resolve => setTimeout(resolve, 1));
    end(trainer);
    await requireThrows('advance', () => advanced, 'InputError', gone);
    require(`${submits} submits`, submits < 500);
    Reflect.deleteProperty(on.device, 'attempt');
  }
});

test('a trainer says how many steps take a quarter of a second, by those that it made', async () => {
  const trainer = await Trainer.create(engine, options);
  requireEqual('before the first', trainer.pace, 1);
  for (const plan of plansOf(trainer)) expecting(plan, () => 1e30);
  const start = performance.now();
  await trainer.advance(30);
  const steps = (30 * 250) / (performance.now() - start);
  require(`${trainer.pace} steps, ${steps}`, trainer.pace >= Math.min(1024, steps) && trainer.pace <= 1.5 * steps + 1);
  trainer.dispose();
});

test('tiles of an evaluation are cut by the rate, with the same numbers', async () => {
  const parameters = initialParameters(model, 0);
  const whole = await evaluate(engine, model, parameters);
  const rate = 20 * 4e3; // 4000 operations a dispatch
  const cut = await atRate(rate, () =>
    submitsIn(async () => requireBits('output', await evaluate(engine, model, parameters), whole)),
  );
  require(`${cut.count} tiles`, cut.count >= 2);
});
