/** Graphs compiled to plans: lifetimes, updates in place, host buffers, encoding, errors. */

import { layoutOf } from '../../src/buffer/layout.js';
import { bufferOf } from '../../src/buffer/memory.js';
import { InputError } from '../../src/errors.js';
import type { Graph, Operation } from '../../src/graph/operation.js';
import type { Dispatch } from '../../src/kernel/dispatch.js';
import { measure } from '../../src/kernel/measure.js';
import { Pipelines } from '../../src/kernel/pipelines.js';
import { tanh } from '../../src/model/activation.js';
import { contractCp } from '../../src/ops/contraction/contractCp.js';
import { fill } from '../../src/ops/elementwise/fill.js';
import { add, scale, subtract } from '../../src/ops/elementwise/linearCombination.js';
import { multiply } from '../../src/ops/elementwise/multiply.js';
import { reshape } from '../../src/ops/elementwise/reshape.js';
import { sum } from '../../src/ops/elementwise/sum.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { multiplyStored, productOfParts } from '../../src/ops/linear/product.js';
import { factorNetwork, parameterShapes } from '../../src/ops/network/factorNetwork.js';
import { pointwiseLoss } from '../../src/ops/objective/pointwiseLoss.js';
import { sgdStep } from '../../src/ops/optimiser/sgd.js';
import { vjp } from '../../src/ops/vjp.js';
import { createEngine } from '../../src/public/index.js';
import { tune } from '../../src/schedule/tune.js';
import * as losses from '../../src/wgsl/loss.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { atRate, device, engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { product } from '../reference/linear/product.js';

const test = suite('graph and engine');

test('a chain of operations takes the memory of two values, however long it is', async () => {
  const a = engine.tensor([64, 64], randoms(64 * 64));
  const before = engine.memory.bytes;
  const plan = await engine.compile(graph => {
    let x = graph.read(a);
    for (let i = 0; i < 20; i++) x = scale(x, 1.01);
    return { x };
  });
  const valueBytes = 64 * 64 * 4;
  const [slots, outputs, tables] = [2 * valueBytes, valueBytes, 20 * 256];
  requireEqual('bytes', engine.memory.bytes - before, slots + outputs + tables);
  plan.dispose();
  requireEqual('bytes after it is disposed of', engine.memory.bytes, before);
});

test('nodes that nothing depends on are not run; an output may be the input itself', async () => {
  const a = engine.tensor([3], [1, 2, 3]);
  const plan = await engine.compile(graph => {
    const x = graph.read(a);
    multiply(x, x);
    return { x, y: add(x, x) };
  });
  await plan.run();
  requireEqual(
    'dispatches',
    plan.dispatches.map(dispatch => dispatch.kernel),
    ['linearCombination', 'copyRows'],
  );
  requireEqual(
    'outputs',
    [[...(await plan.outputs.x.read())], [...(await plan.outputs.y.read())]],
    [
      [1, 2, 3],
      [2, 4, 6],
    ],
  );
});

test('state updated in place takes no copy; state that is read later keeps what it was', async () => {
  const [p, m, g] = [engine.tensor([4], [1, 2, 3, 4]), engine.tensor([4]), engine.tensor([4], [1, 1, 1, 1])];
  const [half, plain] = [engine.tensor([1], [0.5]), { momentum: 0, weightDecay: 0 }];
  const inPlace = await engine.compile(graph => {
    const next = sgdStep(graph.read(p), graph.read(m), graph.read(g), graph.read(half), plain);
    graph.assign(p, next.parameters);
    graph.assign(m, next.moment);
  });
  requireEqual(
    'dispatches',
    inPlace.dispatches.map(dispatch => dispatch.kernel),
    ['sgd'],
  );
  await inPlace.run({ times: 3 });
  requireClose('after three runs', await p.read(), [-0.5, 0.5, 1.5, 2.5], {});

  const withOld = await engine.compile(graph => {
    const before = graph.read(p);
    const next = sgdStep(before, graph.read(m), graph.read(g), graph.read(half), plain);
    graph.assign(p, next.parameters);
    return { moved: subtract(next.parameters, before) };
  });
  await withOld.run();
  requireClose('difference', await withOld.outputs.moved.read(), [-0.5, -0.5, -0.5, -0.5], {});
  requireClose('state', await p.read(), [-1, 0, 1, 2], {});
});

test('a value that is updated in place twice in a row takes no copy, unless it was wanted in between or before', async () => {
  const [half, plain] = [engine.tensor([1], [0.5]), { momentum: 0, weightDecay: 0 }];
  const [p, q, m, g] = [engine.tensor([3]), engine.tensor([3]), engine.tensor([3]), engine.tensor([3], [2, 4, 6])];
  const cases: readonly (readonly [string, from: 'itself' | 'another', wanted: 'between' | 'before' | '', number])[] = [
    ['in place', 'itself', '', 0],
    ['from nothing, into place', 'another', '', 0],
    ['wanted in between', 'itself', 'between', 4],
    ['wanted as it was', 'itself', 'before', 2],
    ['from nothing, wanted in between', 'another', 'between', 2],
  ];
  for (const [name, from, wanted, copies] of cases) {
    p.write([1, 2, 3]);
    q.write([0, 0, 0]);
    const plan = await engine.compile(graph => {
      const before = from === 'itself' ? graph.read(p) : scale(graph.read(g), 2);
      const [moment, gradient, rate] = [m, g, half].map(one => graph.read(one));
      const once = sgdStep(before, moment, gradient, rate, plain);
      const twice = sgdStep(once.parameters, once.moment, gradient, rate, plain);
      graph.assign(p, twice.parameters);
      graph.assign(m, twice.moment);
      if (wanted) graph.assign(q, wanted === 'before' ? before : once.parameters);
    });
    const ran = plan.dispatches.flatMap(({ kernel }) => kernel.split(' + ')); // on a GPU some are joined
    requireEqual(`${name}: copies`, ran.filter(kernel => kernel === 'copyRows').length, copies);
    await plan.run();
    const start = from === 'itself' ? [1, 2, 3] : [4, 8, 12];
    requireClose(
      name,
      await p.read(),
      start.map((x, i) => x - 2 * (i + 1)),
      {},
    );
    const kept = { between: start.map((x, i) => x - (i + 1)), before: start, '': [0, 0, 0] }[wanted];
    requireClose(`${name}: the other`, await q.read(), kept, {});
    plan.dispose();
  }
});

test('a tensor that is read and assigned in one graph is read as it was at the start', async () => {
  const momentless = { momentum: 0, weightDecay: 0 };
  const rate = engine.tensor([1], [0.5]);
  const makers = {
    padded: (...x: number[]) => engine.tensor([3], x),
    packed: (...x: number[]) => engine.packed([[3]], x),
  };
  for (const [name, make] of Object.entries(makers)) {
    const [a, b, c, p, old] = [make(1, 2, 3), make(4, 5, 6), make(7, 8, 9), make(1, 2, 3), make(0, 0, 0)];
    const [m, g] = [make(0, 0, 0), make(2, 2, 2)];
    const plan = await engine.compile(graph => {
      graph.assign(a, graph.read(b));
      graph.assign(b, graph.read(c));
      graph.assign(c, graph.read(a));
      const next = sgdStep(graph.read(p), graph.read(m), graph.read(g), graph.read(rate), momentless);
      graph.assign(p, next.parameters);
      graph.assign(old, graph.read(p));
      return { before: graph.read(p), doubled: scale(graph.read(a), 2) };
    });
    await plan.run({ times: 2 });
    const { before, doubled } = plan.outputs;
    const found = await Promise.all([a, b, c, p, old, before, doubled].map(async one => [...(await one.read())]));
    requireEqual(`${name}: after two runs`, found, [
      [7, 8, 9],
      [1, 2, 3],
      [4, 5, 6],
      [-1, 0, 1],
      [0, 1, 2],
      [0, 1, 2],
      [8, 10, 12],
    ]);
    plan.dispose();
  }
});

test('a value that is overwritten in place may be another input of the same step', async () => {
  const [p, m, rate] = [engine.tensor([2], [4, 8]), engine.tensor([2]), engine.tensor([1], [0.5])];
  const plan = await engine.compile(graph => {
    const parameters = graph.read(p);
    const next = sgdStep(parameters, graph.read(m), parameters, graph.read(rate), { momentum: 0, weightDecay: 0 });
    graph.assign(p, next.parameters);
  });
  await plan.run({ times: 2 });
  requireEqual('p - p / 2, twice', [...(await p.read())], [1, 2]);
});

test('a gradient that an operation does not give is refused, not taken for zero', async () => {
  const x = engine.tensor([2], [1, 2]);
  await requireThrows(
    'a loss whose target depends on x',
    () =>
      engine.compile(graph => {
        const value = graph.read(x);
        const { loss } = pointwiseLoss(scale(value, 3), multiply(value, value), losses.squaredError);
        return { gradient: vjp(loss, 1, [value])[0] };
      }),
    'InputError',
    /^pointwiseLoss: has no gradient with respect to its input 1$/,
  );
  const { depth, width } = { depth: 2, width: 3 };
  const [parameters, input] = [engine.stack(parameterShapes(1, 2, { depth, width } as never)), engine.tensor([4, 2])];
  await requireThrows(
    'networks whose input is wanted',
    () =>
      engine.compile(graph => {
        const points = graph.read(input);
        const attributes = { depth, width, activation: tanh, omegas: [1] };
        const { factors } = factorNetwork(graph.read(parameters), scale(points, 2), attributes);
        return { gradient: vjp(sum(factors), 1, [points])[0] };
      }),
    'InputError',
    /^factorNetwork: has no gradient with respect to its input 1$/,
  );
});

test('a loss is fused with the contraction before it, unless somebody else wants the output', async () => {
  const factors = engine.stack(
    [
      [5, 2],
      [6, 2],
    ],
    randoms(22),
  );
  const target = engine.tensor([5, 6], randoms(30));
  const kernelsOf = async (keep: boolean) => {
    const plan = await engine.compile(graph => {
      const output = contractCp(graph.read(factors), { axes: 2, scale: 1 });
      const { loss, cotangent } = pointwiseLoss(output, graph.read(target), losses.squaredError);
      return { loss, cotangent, ...(keep && { output }) };
    });
    await plan.run();
    const result = { kernels: plan.dispatches.map(d => d.kernel), loss: await plan.outputs.loss.read() };
    plan.dispose();
    return result;
  };
  const [fused, apart] = [await kernelsOf(false), await kernelsOf(true)];
  requireEqual('fused', fused.kernels, ['cpLoss', 'sum']);
  requireEqual('apart', apart.kernels, ['cp', 'pointwiseLoss', 'sum']);
  requireClose('the same loss', fused.loss, apart.loss, { relative: 1e-6 });
});

test('a host buffer is read and written in place where kernels take packed rows, and padded where they do not', async () => {
  const [rows, columns, inner] = [5, 7, 3];
  const usage = 0x80 | 0x4 | 0x8;
  const hostBuffer = (values: Float64Array) => {
    const buffer = device.gpu.createBuffer({ size: values.length * 4, usage });
    device.gpu.queue.writeBuffer(buffer, 0, Float32Array.from(values));
    return buffer;
  };
  const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
  const [left, right, out] = [hostBuffer(a), hostBuffer(b), hostBuffer(new Float64Array(rows * columns))];
  const bytes = engine.memory.bytes;
  const [x, y, z] = [
    engine.wrap(left, [rows, inner]),
    engine.wrap(right, [inner, columns]),
    engine.wrap(out, [rows, columns]),
  ];
  requireEqual('wrapping takes no memory', engine.memory.bytes, bytes);
  const plan = await engine.compile(graph => graph.assign(z, matmul(graph.read(x), graph.read(y))));
  await plan.run();
  requireClose('product', await z.read(), product({ rows, columns, inner, a, b }), { absolute: 1e-6 });

  const target = engine.wrap(right, [inner, columns]);
  const output = engine.tensor([inner, columns], randoms(inner * columns));
  const loss = await engine.compile(graph => ({
    l: pointwiseLoss(graph.read(output), graph.read(target), losses.squaredError).loss,
  }));
  requireEqual(
    'a target is not copied',
    loss.dispatches.map(d => d.kernel),
    ['pointwiseLoss', 'sum', 'copyRows'].slice(0, loss.dispatches.length),
  );
  for (const tensor of [x, y, z, target]) tensor.dispose();
  plan.dispose();
  device.gpu.queue.writeBuffer(left, 0, new Float32Array(1));
  await engine.check();
  for (const buffer of [left, right, out]) buffer.destroy();
});

test('a plan is encoded into an encoder or a pass of a host, several runs at once, and submitted by the host', async () => {
  const p = engine.tensor([3], [1, 1, 1]);
  const plan = await engine.compile(graph => graph.assign(p, scale(graph.read(p), 2)));
  const encoder = device.gpu.createCommandEncoder();
  plan.encode(encoder, { times: 5 });
  const pass = encoder.beginComputePass();
  plan.encode(pass);
  plan.encode(pass, { times: 2 });
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
  requireClose('p', await p.read(), [256, 256, 256], {});
});

test('plans compiled together share their memory', async () => {
  const a = engine.tensor([32, 32], randoms(1024));
  const build = (graph: Graph) => ({
    total: sum(multiply(scale(graph.read(a), 2), graph.read(a))),
  });
  const before = engine.memory.bytes;
  const one = await engine.compile(build);
  const alone = engine.memory.bytes - before;
  const both = await engine.compile({ first: build, second: build });
  const together = engine.memory.bytes - before - alone;
  require(`two take ${together} bytes, one ${alone}`, together < 1.5 * alone);
  await engine.run([
    [both.first, 2],
    [both.second, 1],
  ]);
  requireClose('results', await both.first.outputs.total.read(), await both.second.outputs.total.read(), {});
  for (const plan of [one, both.first, both.second]) plan.dispose();
  requireEqual('all of it is freed', engine.memory.bytes, before);
});

test("a borrowed device outlives the engine, and the engine's own buffers do not", async () => {
  const guest = await createEngine({ device: device.gpu });
  const x = guest.tensor([2], [1, 2]);
  requireClose('read', await x.read(), [1, 2], {});
  await guest.dispose();
  requireEqual('bytes', guest.memory.bytes, 0);
  const y = engine.tensor([1], [7]);
  requireClose('the device goes on', await y.read(), [7], {});
});

test('bad input is refused before the device is touched', async () => {
  await requireThrows('a size', () => engine.tensor([3, 0]), 'InputError', /shape \(3, 0\): 0 is no size of an axis/);
  await requireThrows('a fraction', () => engine.tensor([1.5]), 'InputError', /1\.5 is no size/);
  await requireThrows(
    'a count',
    () => engine.tensor([2, 2], [1, 2, 3]),
    'InputError',
    /shape \(2, 2\): takes 4 numbers, got 3/,
  );
  await requireThrows('too large', () => engine.tensor([1 << 16, 1 << 15]), 'InputError', /binds at most/);
  const small = device.gpu.createBuffer({ size: 16, usage: 0x80 });
  await requireThrows(
    'a small buffer',
    () => engine.wrap(small, [5]),
    'InputError',
    /has 16 bytes, and shape \(5\) takes 20/,
  );
  const other = device.gpu.createBuffer({ size: 64, usage: 0x8 });
  await requireThrows('a usage', () => engine.wrap(other, [4]), 'InputError', /without STORAGE usage/);
  await requireThrows(
    'no device',
    () => createEngine({ device: {} as GPUDevice }),
    'InputError',
    /^device: an object is none: await adapter.requestDevice\(/,
  );
  const cut = () => createEngine({ device: engine.device.gpu, longSums: 5 as never });
  await requireThrows('no sums', cut, 'InputError', /^longSums: .* is none: give that of sepnn$/);
  const gone = engine.tensor([1]);
  gone.dispose();
  gone.dispose();
  await requireThrows('disposed', () => gone.read(), 'InputError', /disposed/);
  await requireThrows('a plan on it', () => engine.compile(g => ({ x: g.read(gone) })), 'InputError', /disposed/);
  const a = engine.tensor([2]);
  const plan = await engine.compile(graph => ({ x: scale(graph.read(a), 2) }));
  await requireThrows('times', () => plan.run({ times: 0 }), 'InputError', /times: 0/);
  await requireThrows(
    'assigned twice',
    () =>
      engine.compile(graph => {
        graph.assign(a, scale(graph.read(a), 2));
        graph.assign(a, scale(graph.read(a), 3));
      }),
    'InputError',
    /assigned twice/,
  );
  const noEncoder = /^encode: undefined is none: give an encoder or a pass$/;
  await requireThrows('no encoder', () => plan.encode(undefined as never), 'InputError', noEncoder);
  const parts = { 'no list': plan, 'no times': [plan], 'no plan': [[a, 1]], nothing: undefined };
  for (const [name, wrong] of Object.entries(parts)) {
    const error = /^run: (an object|undefined) is (no list|none): give \[\[plan, times\], \.\.\.\]$/;
    await requireThrows(name, () => engine.run(wrong as never), 'InputError', error);
  }
  const shapes = /^reshape: 2 is no list: give a shape for each tensor, such as \[\[3, 2\]\]$/;
  const flat = () => engine.compile(graph => ({ x: reshape(graph.read(a), [2] as never) }));
  await requireThrows('a shape in no list', flat, 'InputError', shapes);
  for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null] as number[]) {
    const at = () => atRate(rate, () => engine.compile(graph => ({ x: scale(graph.read(a), 2) })));
    await requireThrows(`rate ${rate}`, at, 'InputError', /^rate: [^:]+: use FLOP\/s > 0$/);
  }
  plan.dispose();
  await requireThrows('a disposed plan', () => plan.run(), 'InputError', /plan has been disposed/);
});

test('a plan that fails to compile frees what it had taken', async () => {
  const a = engine.tensor([4, 3]);
  const before = engine.memory;
  await requireThrows(
    'second of two',
    () =>
      engine.compile({
        good: graph => ({ x: scale(graph.read(a), 2) }),
        bad: graph => ({ x: matmul(graph.read(a), graph.read(a)) }),
      }),
    'InputError',
    /inner axes differ/,
  );
  requireEqual('bytes', engine.memory.bytes, before.bytes);
});

test('whoever is refused half way keeps nothing: outputs, stand-ins of a tuner, tables of a measurement', async () => {
  const before = engine.memory.buffers;
  const tooLong = device.limits.maxStorageBufferBindingSize / 4 + 4;
  const outputs = (graph: Graph) => ({ x: fill(graph, layoutOf([4]), 1), y: fill(graph, layoutOf([tooLong]), 1) });
  await requireThrows('an output', () => engine.compile(outputs), 'InputError', /at most/);
  requireEqual('buffers after an output that does not fit', engine.memory.buffers, before);

  const refusing: Operation = {
    name: 'refusing',
    shapes: () => [layoutOf([4])],
    lower: () => {
      throw new InputError('refusing: never lowered');
    },
  };
  const refused = (graph: Graph) => ({ x: graph.apply(refusing, [], undefined)[0] });
  await requireThrows('a lowering', () => engine.tune({ refused }), 'InputError', /never lowered/);
  requireEqual('buffers after a lowering that throws', engine.memory.buffers, before);

  const a = engine.tensor([8, 8]);
  const [{ memory }, pipelines] = [a, new Pipelines(device)];
  const [whole] = a.layout.parts;
  const buffers = { left: a.storage, right: a.storage, result: engine.tensor([8, 8]).storage };
  const multiplication = multiplyStored(device, [productOfParts(whole, whole, whole)], buffers);
  const broken = { ...multiplication, source: 'no WGSL' };
  const variants = { key: 'never known', list: () => [{ id: 'broken', dispatch: broken }] };
  const held = engine.memory.buffers;
  const told: number[][] = [];
  device.whileTuning = (...given) => told.push(given);
  const known = { key: 'known', list: () => [] };
  device.tuning.set(known.key, '');
  const dispatches = [{ variants: known }, {}, { variants }].map(one => ({
    ...multiplication,
    variants: undefined,
    ...one,
  }));
  const tuned = tune(dispatches as Dispatch[], memory, pipelines);
  await requireThrows('a candidate', () => tuned, 'RunError', /product/);
  Reflect.deleteProperty(device, 'whileTuning');
  device.tuning.delete(known.key);
  requireEqual('told of what is not known', told, [[0, 1]]);
  requireEqual('buffers after a candidate that does not compile', engine.memory.buffers, held);

  bufferOf(buffers.result).destroy();
  await requireThrows('a run', () => measure(multiplication, memory, pipelines), 'RunError', /destroyed/);
  requireEqual('buffers after a run that fails', engine.memory.buffers, held);
});

test('padding is never seen: a value with odd rows is the same after any number of operations', async () => {
  const values = randoms(5 * 3);
  const a = engine.tensor([5, 3], values);
  requireEqual('stored numbers', layoutOf([5, 3]).length, 20);
  const eye = engine.tensor([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  const plan = await engine.compile(graph => {
    let x = graph.read(a);
    for (let i = 0; i < 4; i++) x = matmul(x, graph.read(eye));
    return { x };
  });
  await plan.run();
  requireClose('x', await plan.outputs.x.read(), values, {});
});
