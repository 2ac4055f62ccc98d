/** Optimisers, sums and the small elementwise kernels against their float64 twins. */

import { layoutOf, packedStackOf, stackOf } from '../../src/buffer/layout.js';
import type { Operand } from '../../src/graph/operation.js';
import { type Dispatch, dispatch, oneThreadEach } from '../../src/kernel/dispatch.js';
import { features as featuresOperation } from '../../src/ops/network/features.js';
import { adamSettings as adamUniform } from '../../src/ops/optimiser/adam.js';
import * as elementwise from '../../src/wgsl/elementwise.js';
import * as objective from '../../src/wgsl/objective.js';
import * as optimiser from '../../src/wgsl/optimiser.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { lossNames, lossTexts } from '../helpers/losses.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { copyRows } from '../reference/elementwise/copyRows.js';
import { fill } from '../reference/elementwise/fill.js';
import { linearCombination } from '../reference/elementwise/linearCombination.js';
import { multiply } from '../reference/elementwise/multiply.js';
import { sum } from '../reference/elementwise/sum.js';
import { features } from '../reference/network/features.js';
import { pointwiseLoss } from '../reference/objective/pointwiseLoss.js';
import { type AdamSettings, adam } from '../reference/optimiser/adam.js';
import { record } from '../reference/optimiser/record.js';
import { sgd } from '../reference/optimiser/sgd.js';

const test = suite('kernels: training and elementwise');
const adamSettings: AdamSettings = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  decoupled: false,
};
const sizes = [1, 63, 64, 65, 70_001];

function line(count: number) {
  return oneThreadEach(device, count);
}

/** A number that a kernel reads from memory. */
function scalar(value: number) {
  return filled(packedStackOf([[1]]), [value]);
}

/** A u32 as a tensor's number. */
function bits(value: number): Float32Array {
  return new Float32Array(new Uint32Array([value]).buffer);
}

async function adamOnDevice(
  arrays: readonly Float64Array[],
  t: number,
  settings: AdamSettings,
  workgroups?: readonly [number, number, number],
) {
  const layout = layoutOf([arrays[0].length]);
  const each = line(layout.length / 4);
  const [p, g, m, v] = arrays.map(values => filled(layout, values));
  const [step, learningRate] = [filled(packedStackOf([[1]]), bits(t)), scalar(settings.learningRate)];
  await run([
    dispatch(optimiser.adam, {
      constants: { ...each.constants, QUADS: (layout.length / 4) % 4 === 0 ? 4 : 1, DECOUPLED: settings.decoupled },
      workgroups: workgroups ?? each.workgroups,
      settings: adamUniform(layout.length / 4, settings),
      buffers: {
        step: step.storage,
        learningRate: learningRate.storage,
        gradient: g.storage,
        parameter: p.storage,
        firstMoment: m.storage,
        secondMoment: v.storage,
      },
    }),
  ]);
  return Promise.all([p, m, v].map(contentOf));
}

test('adam: steps from fresh random state match the float64 twin, L2 and decoupled, at 1 to 70,001 parameters', async () => {
  for (const count of sizes) {
    for (const decoupled of [false, true]) {
      for (const t of [1, 2, 30, 100_000]) {
        const state = [randoms(count), randoms(count, 10), randoms(count), randoms(count).map(Math.abs)];
        const settings = { ...adamSettings, decoupled };
        const [p, m, v] = await adamOnDevice(state, t, settings);
        const expected = adam(state[0], state[1], state[2], state[3], t, settings);
        requireClose(`m of ${count} at step ${t}`, m, expected.m, { relative: 1e-6, absolute: 1e-6 });
        requireClose(`v of ${count} at step ${t}`, v, expected.v, { relative: 1e-6, absolute: 1e-7 });
        requireClose(`p of ${count} at step ${t}`, p, expected.p, { relative: 2e-7, absolute: 2e-7 });
      }
    }
  }
});

test('adam: the last of 70,001 parameters is updated where workgroups fold into two dimensions', async () => {
  const count = 70_001;
  const zeros = new Float64Array(count);
  const arrays = [zeros, fill(count, 1), zeros, zeros];
  const [p] = await adamOnDevice(arrays, 1, { ...adamSettings, weightDecay: 0 }, [50, 6, 1]);
  requireClose('the last', [p[count - 1]], [-adamSettings.learningRate], { relative: 1e-5 });
  require('every parameter moved', p.every(x => x < 0));
});

test('adam: a NaN gradient reaches its own parameter and no other', async () => {
  const [p, g, m, v] = [randoms(130), randoms(130), new Float64Array(130), new Float64Array(130)];
  g[77] = Number.NaN;
  const [next] = await adamOnDevice([p, g, m, v], 1, adamSettings);
  requireEqual(
    'parameters that are NaN',
    [...next].flatMap((x, i) => (Number.isNaN(x) ? [i] : [])),
    [77],
  );
});

test('sgd: plain, with momentum and with decay matches the float64 twin', async () => {
  for (const count of sizes) {
    for (const settings of [
      { learningRate: 0.1, momentum: 0, weightDecay: 0 },
      { learningRate: 0.01, momentum: 0.9, weightDecay: 0.02 },
    ]) {
      const [p, g, m] = [randoms(count), randoms(count), randoms(count)];
      const layout = packedStackOf([[count]]);
      const [parameter, gradient, moment] = [p, g, m].map(values => filled(layout, values));
      await run([
        dispatch(optimiser.sgd, {
          ...line(count),
          settings: { count, momentum: settings.momentum, weightDecay: settings.weightDecay },
          buffers: {
            learningRate: scalar(settings.learningRate).storage,
            gradient: gradient.storage,
            parameter: parameter.storage,
            moment: moment.storage,
          },
        }),
      ]);
      const expected = sgd(p, g, m, settings);
      requireClose(`p of ${count}`, await contentOf(parameter), expected.p, { absolute: 3e-7 });
      requireClose(`m of ${count}`, await contentOf(moment), expected.m, { absolute: 3e-7 });
    }
  }
});

test('sum: rows with padding between, from one number to several stretches, on workgroups of any power of two', async () => {
  for (const workgroup of [8, 64, 256]) {
    for (const [rows, columns, stretch] of [
      [1, 1, 64],
      [3, 5, 64],
      [70, 33, 64],
      [1, 5000, 1024],
    ]) {
      const values = randoms(rows * columns);
      const input = filled(layoutOf([rows, columns]), values);
      const groups = Math.ceil((rows * columns) / stretch);
      const result = poisoned(packedStackOf([[groups]]));
      await run([
        dispatch(elementwise.sum, {
          constants: { WORKGROUP: workgroup },
          settings: { rows, columns, inputStride: input.layout.parts[0].stride, stretch },
          buffers: { input: input.storage, result: result.storage },
          workgroups: [groups, 1, 1],
        }),
      ]);
      const expected = Array.from({ length: groups }, (_, i) => sum(values.slice(i * stretch, (i + 1) * stretch)));
      // A lane adds stretch / workgroup numbers in turn, and a tree of log2(workgroup) levels adds the lanes' sums. Each of
      // these rounds sums that grow like the root of what they stand for: 2^-24 sqrt(stretch) / 3 each, as a deviation.
      const additions = Math.max(1, stretch / workgroup) + Math.log2(workgroup);
      const absolute = 2 ** -23 * Math.sqrt(stretch * additions);
      requireClose(`${rows} x ${columns}`, await contentOf(result), expected, { absolute });
    }
  }
});

interface Ring {
  readonly loss: Operand;
  readonly counter: Operand;
  readonly history: Operand;
  readonly schedule: Operand;
  readonly learningRate: Operand;
}

function ringOf(loss: number, step: number, history: Float64Array, schedule: Float64Array): Ring {
  return {
    loss: scalar(loss),
    counter: filled(packedStackOf([[1]]), bits(step)),
    history: filled(packedStackOf([[history.length]]), history),
    schedule: filled(packedStackOf([[schedule.length]]), schedule),
    learningRate: poisoned(packedStackOf([[1]])),
  };
}

function recordDispatch({ loss, counter, history, schedule, learningRate }: Ring, capacity: number): Dispatch {
  return dispatch(optimiser.record, {
    settings: { capacity },
    buffers: {
      loss: loss.storage,
      schedule: schedule.storage,
      step: counter.storage,
      history: history.storage,
      learningRate: learningRate.storage,
    },
    workgroups: [1, 1, 1],
  });
}

async function countOf(counter: Operand): Promise<number> {
  return new Uint32Array((await contentOf(counter)).buffer)[0];
}

test('record: the loss goes to its place in the ring, the rate of that place is handed on, the step is counted', async () => {
  for (const step of [0, 4, 5, 13]) {
    const [before, rates] = [randoms(5), randoms(5).map(Math.abs)];
    const ring = ringOf(0.25, step, before, rates);
    await run([recordDispatch(ring, 5)]);
    const expected = record(0.25, step, before, rates);
    requireClose('history', await contentOf(ring.history), expected.history, {});
    requireClose('learning rate', await contentOf(ring.learningRate), [expected.learningRate], {});
    requireClose('the schedule stays', await contentOf(ring.schedule), rates, {});
    requireEqual('step', await countOf(ring.counter), expected.step);
  }
});

test('record and sgd, replayed in one submit past the end of the ring: every step goes by the rate of its own place', async () => {
  const [count, capacity, first, steps] = [5, 3, 2, 8];
  const [start, g, rates] = [randoms(count), randoms(count), randoms(capacity).map(Math.abs)];
  const ring = ringOf(0.5, first, randoms(capacity), rates);
  const layout = packedStackOf([[count]]);
  const [parameter, gradient, moment] = [start, g, new Float64Array(count)].map(values => filled(layout, values));
  const settings = { momentum: 0.5, weightDecay: 0.125 };
  const update = dispatch(optimiser.sgd, {
    ...line(count),
    settings: { count, ...settings },
    buffers: {
      learningRate: ring.learningRate.storage,
      gradient: gradient.storage,
      parameter: parameter.storage,
      moment: moment.storage,
    },
  });
  await run(Array.from({ length: steps }, () => [recordDispatch(ring, capacity), update]).flat());
  let state: ReturnType<typeof sgd> = { p: start, m: new Float64Array(count) };
  for (let i = 0; i < steps; i++) {
    state = sgd(state.p, g, state.m, { ...settings, learningRate: rates[(first + i) % capacity] });
  }
  requireClose('parameters', await contentOf(parameter), state.p, { absolute: 5e-6 });
  requireClose('moment', await contentOf(moment), state.m, { absolute: 5e-6 });
  requireEqual('step', await countOf(ring.counter), first + steps);
});

test('linearCombination, multiply and fill match at 1 to 70,001 numbers', async () => {
  for (const count of sizes) {
    const [a, b] = [randoms(count), randoms(count)];
    const layout = packedStackOf([[count]]);
    const [left, right] = [a, b].map(values => filled(layout, values));
    const results = [poisoned(layout), poisoned(layout), poisoned(layout)];
    const [combined, multiplied, constant] = results.map(result => result.storage);
    const buffers = { left: left.storage, right: right.storage };
    await run([
      dispatch(elementwise.linearCombination, {
        ...line(count),
        settings: { count, alpha: -2, beta: 0.5 },
        buffers: { ...buffers, result: combined },
      }),
      dispatch(elementwise.multiply, {
        ...line(count),
        settings: { count },
        buffers: { ...buffers, result: multiplied },
      }),
      dispatch(elementwise.fill, { ...line(count), settings: { count, value: 0.75 }, buffers: { result: constant } }),
    ]);
    const expected = [linearCombination(a, b, -2, 0.5), multiply(a, b), fill(count, 0.75)];
    for (const [i, result] of results.entries()) {
      requireClose(`result ${i} of ${count}`, await contentOf(result), expected[i], { absolute: 2e-7 });
    }
  }
});

test('copyRows: packed to padded and back, a batch at once, and what lies between the rows stays', async () => {
  const shapes = [
    [3, 5],
    [1, 1],
    [70, 2],
  ];
  const values = shapes.map(([rows, columns]) => randoms(rows * columns));
  const all = values.flatMap(list => [...list]);
  const packed = filled(packedStackOf([[all.length]]), all);
  const target = stackOf(shapes);
  const before = randoms(target.length);
  const result = filled(packedStackOf([[target.length]]), before);
  let at = 0;
  const problems = shapes.map(([rows, columns], i) => {
    const { offset, stride } = target.parts[i];
    at += rows * columns;
    return { rows, columns, input: at - rows * columns, inputStride: columns, result: offset, resultStride: stride };
  });
  await run([
    dispatch(elementwise.copyRows, {
      constants: { WORKGROUP: 64 },
      problems,
      buffers: { input: packed.storage, result: result.storage },
      workgroups: [Math.ceil(140 / 64), 1, shapes.length],
    }),
  ]);
  const expected = before.slice();
  target.parts.forEach(({ offset, stride }, i) => {
    const [rows, columns] = shapes[i];
    const own = expected.slice(offset, offset + rows * stride);
    expected.set(copyRows(values[i], columns, own, stride, rows, columns), offset);
  });
  requireClose('rows', await contentOf(result), expected, {});
});

test('pointwiseLoss: both losses and their cotangents match; NaN targets count for nothing', async () => {
  for (const name of lossNames) {
    for (const [rows, columns] of [
      [1, 1],
      [3, 5],
      [66, 37],
    ]) {
      const z = randoms(rows * columns, name === 'squared-error' ? 1 : 12);
      if (rows === 66) z.fill(Number.NaN, 40, 44); // an output of NaN is no point that is left out
      const y = randoms(rows * columns).map((value, i) => (i % 4 === 2 ? Number.NaN : value));
      const [input, targets] = [filled(layoutOf([rows, columns]), z), filled(packedStackOf([[rows, columns]]), y)];
      const result = poisoned(layoutOf([rows, columns]));
      const groups = Math.ceil((rows * Math.ceil(columns / 4)) / 64);
      const partial = poisoned(packedStackOf([[groups * 64]]));
      const stride = input.layout.parts[0].stride / 4;
      await run([
        dispatch(objective.pointwiseLoss, {
          constants: { WORKGROUP: 64 },
          slots: { loss: lossTexts[name] },
          problems: [
            {
              rows,
              columns,
              input: 0,
              inputStride: stride,
              result: 0,
              resultStride: stride,
              targets: 0,
              targetsStride: columns,
            },
          ],
          buffers: { input: input.storage, targets: targets.storage, result: result.storage, loss: partial.storage },
          workgroups: [groups, 1, 1],
        }),
      ]);
      const expected = pointwiseLoss(z, y, name);
      requireClose(`${name} cotangent`, await contentOf(result), expected.cotangent, {
        relative: 1e-6,
        absolute: 3e-7,
      });
      const total = sum(Float64Array.from(await contentOf(partial)));
      requireClose(`${name} loss`, [total], [expected.loss], { relative: 2e-6, absolute: 1e-7 });
    }
  }
});

test('features: plain and Fourier, one to four coordinates, networks of different length at once, match to 2e-6', async () => {
  for (const axes of [1, 2, 4]) {
    for (const frequencies of [new Float64Array(0), randoms(5 * axes, 20)]) {
      const coordinates = [1, 70, 131].map(n => randoms(n * axes));
      const source = engine.stack(
        coordinates.map(x => (axes === 1 ? [x.length] : [x.length / axes, axes])),
        coordinates.flatMap(x => [...x]),
      );
      const b = frequencies.length > 0 ? engine.tensor(axes === 1 ? [5] : [5, axes], frequencies) : undefined;
      const plan = await engine.compile(graph => ({ h: featuresOperation(graph.read(source), b && graph.read(b)) }));
      await plan.run();
      const expected = coordinates.flatMap(x => [...features(x, frequencies, axes)]);
      requireClose(`${axes} axes`, await plan.outputs.h.read(), expected, { absolute: 2e-6 });
      plan.dispose();
    }
  }
});
