/** An error belongs to the call that made it: that call says what, which and the remedy, and all others go on. */

import { layoutOf } from '../../src/buffer/layout.js';
import type { Tensor } from '../../src/buffer/tensor.js';
import { type Dispatch, dispatch } from '../../src/kernel/dispatch.js';
import { Pipelines } from '../../src/kernel/pipelines.js';
import { kernelOf } from '../../src/kernel/reflect.js';
import { add, scale } from '../../src/ops/elementwise/linearCombination.js';
import { sgdStep } from '../../src/ops/optimiser/sgd.js';
import { createEngine, openEngine } from '../../src/public/node.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { device, engine, poisoned } from '../helpers/gpu.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('errors of the device');

const [copySource, copyTarget, storage] = [0x4, 0x8, 0x80];
const all = copySource | copyTarget | storage;
const other = await openEngine({ adapter: 'embedded' });
atEnd(() => other.dispose());

function buffer(label: string, usage: number, gpu: GPUDevice = device.gpu, mappedAtCreation = false): GPUBuffer {
  return gpu.createBuffer({ label, size: 64, usage, mappedAtCreation });
}

/** Work that is none of the failing call's business goes on, and nothing is left for `check`. */
async function requireOthersGoOn(): Promise<void> {
  const x = engine.tensor([2], [1, 2]);
  const plan = await engine.compile(graph => ({ y: scale(graph.read(x), 3) }));
  await plan.run();
  requireClose('another plan', await plan.outputs.y.read(), [3, 6], {});
  await engine.check();
  plan.dispose();
  x.dispose();
}

test('a buffer that cannot be read rejects the read itself, by name and with the remedy', async () => {
  const noSource = engine.wrap(buffer('no source', copyTarget | storage), [16]);
  await requireThrows(
    'usage',
    () => noSource.read(),
    'InputError',
    /read: the buffer 'no source' .* COPY_SRC usage: add/,
  );
  const mapped = buffer('mapped', all, device.gpu, true);
  const wrapped = engine.wrap(mapped, [16]);
  await requireThrows('mapped', () => wrapped.read(), 'InputError', /the buffer 'mapped' is mapped: unmap it/);
  await requireThrows('write', () => wrapped.write(new Float32Array(16)), 'InputError', /write: .* is mapped/);
  const foreign = engine.wrap(buffer('foreign', all, other.device.gpu), [16]);
  await requireThrows('foreign', () => foreign.read(), 'RunError', /^read: .*Buffer.*foreign.*: give buffers of this/);
  await requireOthersGoOn();
});

test('a destroyed buffer rejects every read, and never gives the numbers of the one before', async () => {
  const doomed = buffer('doomed', all);
  const tensor = engine.wrap(doomed, [16]);
  tensor.write(new Float32Array(16).fill(7));
  requireClose('before', await tensor.read(), new Float32Array(16).fill(7), {});
  doomed.destroy();
  for (let i = 0; i < 2; i++) {
    await requireThrows(
      'after',
      () => tensor.read(),
      'RunError',
      /^read: .*doomed.* destroyed: give buffers.* neither destroyed/,
    );
  }
  await requireOthersGoOn();
});

test('reads at once of a good and of a bad buffer each get their own', async () => {
  const bad = buffer('bad', all);
  const [good, wrapped] = [engine.tensor([2], [5, 6]), engine.wrap(bad, [16])];
  bad.destroy();
  const [first, second, third] = await Promise.allSettled([good.read(), wrapped.read(), good.read()]);
  requireEqual(
    'states',
    [first, second, third].map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  requireClose('good', (third as PromiseFulfilledResult<Float32Array>).value, [5, 6], {});
});

test('a plan over a tensor that is disposed of, or a buffer that is mapped, is refused before the GPU sees it', async () => {
  const [a, b] = [engine.tensor([3], [1, 2, 3]), engine.tensor([3], [4, 5, 6])];
  const host = buffer('of the host', all, device.gpu, true);
  const c = engine.wrap(host, [3]);
  const plan = await engine.compile(graph => ({ sum: add(add(graph.read(a), graph.read(b)), graph.read(c)) }));
  await requireThrows('mapped', () => plan.run(), 'InputError', /run: the buffer 'of the host' is mapped/);
  host.unmap();
  await plan.run();
  requireClose('sum', await plan.outputs.sum.read(), [5, 7, 9], {});
  b.dispose();
  const disposed = /the tensor of shape \(3\) has been disposed of: make another/;
  await requireThrows('run', () => plan.run(), 'InputError', disposed);
  await requireThrows('in a row', () => engine.run([[plan, 1]]), 'InputError', disposed);
  await requireThrows('encode', () => plan.encode(device.gpu.createCommandEncoder()), 'InputError', disposed);
  await requireThrows('profile', () => engine.profile(plan), 'InputError', disposed);
  await requireOthersGoOn();
});

test('a plan over a buffer that its host destroyed rejects, and so does that run alone', async () => {
  const doomed = buffer('of the host', all);
  const a = engine.wrap(doomed, [3]);
  const plan = await engine.compile(graph => ({ b: scale(graph.read(a), 2) }));
  doomed.destroy();
  const runs = [plan.run(), requireOthersGoOn()];
  await requireThrows('run', () => runs[0], 'RunError', /^run: .*of the host.*destroyed/);
  await runs[1];
});

test('one buffer to read and to write is refused when the plan is compiled, with the kernel and both bindings', async () => {
  const shared = buffer('shared', all);
  const [from, to] = [engine.wrap(shared, [16]), engine.wrap(shared, [16])];
  const before = engine.memory.buffers;
  await requireThrows(
    'compile',
    () => engine.compile(graph => graph.assign(to, scale(graph.read(from), 2))),
    'InputError',
    /^\w+: the buffer 'shared' is bound to \w+ and written as \w+: use two$/,
  );
  requireEqual('buffers', engine.memory.buffers, before);
  const twice = () => {
    const [p, m] = [engine.wrap(shared, [4]), engine.wrap(shared, [4])];
    return sgdOn(p, m);
  };
  await requireThrows('written twice', twice, 'InputError', /^sgd: the buffer 'shared' is bound to \w+ and written as/);
  await requireOthersGoOn();
});

/** A plan that writes two tensors in one dispatch. */
function sgdOn(p: Tensor, m: Tensor) {
  const [g, rate] = [engine.tensor([4], [1, 2, 3, 4]), engine.tensor([1], [0.5])];
  return engine.compile(graph => {
    const plain = { momentum: 0, weightDecay: 0 };
    const next = sgdStep(graph.read(p), graph.read(m), graph.read(g), graph.read(rate), plain);
    graph.assign(p, next.parameters);
    graph.assign(m, next.moment);
  });
}

test('two places of one buffer may be written in one dispatch', async () => {
  const offset = device.limits.minStorageBufferOffsetAlignment;
  const shared = device.gpu.createBuffer({ label: 'shared', size: offset + 16, usage: all });
  const [p, m] = [engine.wrap(shared, [4]), engine.wrap(shared, [4], { offset })];
  const plan = await sgdOn(p, m);
  await plan.run({ times: 2 });
  requireClose('p', await p.read(), [-1, -2, -3, -4], {});
  requireClose('m', await m.read(), [1, 2, 3, 4], {});
});

test('what is of another device is refused, before the GPU sees it where it is a tensor', async () => {
  const foreign: Tensor = other.tensor([2], [1, 2]);
  const message = /the tensor of shape \(2\) is of another device: read it, and make one/;
  await requireThrows('read', () => engine.compile(g => ({ b: scale(g.read(foreign), 2) })), 'InputError', message);
  const own = engine.tensor([2]);
  const assigned = () => engine.compile(g => g.assign(foreign, scale(g.read(own), 2)));
  await requireThrows('assign', assigned, 'InputError', message);
  const wrapped = engine.wrap(buffer('foreign', all, other.device.gpu), [2]);
  const before = engine.memory.buffers;
  await requireThrows(
    'buffer',
    () => engine.compile(g => ({ b: scale(g.read(wrapped), 2) })),
    'RunError',
    /^bind: .*foreign/,
  );
  requireEqual('buffers', engine.memory.buffers, before);
  const bare = buffer('bare', all) as unknown as Tensor;
  const noTensor = /^tensor: an object is none: use engine.wrap/;
  await requireThrows('no tensor', () => engine.compile(g => ({ b: g.read(bare) })), 'InputError', noTensor);
  await requireOthersGoOn();
});

test('a kernel that binds more than the device has is refused with that, and nothing is told outside of the call', async () => {
  const outside: string[] = [];
  const listen = ({ error }: GPUUncapturedErrorEvent) => outside.push(error.message);
  device.gpu.addEventListener('uncapturederror', listen);
  const count = device.limits.maxStorageBuffersPerShaderStage + 1;
  const names = Array.from({ length: count }, (_, i) => `many${i}`);
  const bindings = names.map((name, i) => `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<f32>;`);
  const sum = names.map(name => `${name}[0]`).join(' + ');
  const source = `${bindings.join('\n')}\n@compute @workgroup_size(1) fn main() { many0[0] = ${sum}; }`;
  const { storage } = poisoned(layoutOf([4]));
  const one: Dispatch = dispatch(kernelOf('many', source), {
    buffers: Object.fromEntries(names.map(name => [name, storage])),
    workgroups: [1, 1, 1],
  });
  const message = new RegExp(`^kernel many: .*storage buffers \\(${count}\\).*limit`);
  await requireThrows('get', () => new Pipelines(device).get(one), 'RunError', message);
  await requireOthersGoOn();
  device.gpu.removeEventListener('uncapturederror', listen);
  requireEqual('outside', outside, []);
});

test('two engines on one device may use the tensors of each other', async () => {
  const guest = await createEngine({ device: device.gpu });
  const x = guest.tensor([2], [1, 2]);
  const plan = await engine.compile(graph => ({ y: scale(graph.read(x), 2) }));
  await plan.run();
  requireClose('y', await plan.outputs.y.read(), [2, 4], {});
  await guest.dispose();
  await requireThrows('after', () => plan.run(), 'InputError', /engine has been disposed/);
});

test('what a call left that does not wait is told once: by the next use of its tensor, or else by check', async () => {
  // No device refuses memory when it is asked to: one that makes a buffer of a usage that does not exist.
  const refusing = new Proxy(device.gpu, {
    get: (gpu, name) => {
      if (name === 'createBuffer' && refuse)
        return (given: object) => gpu.createBuffer({ ...given, usage: 0 } as never);
      const value = Reflect.get(gpu, name);
      return typeof value === 'function' ? value.bind(gpu) : value;
    },
  });
  let refuse = false;
  const guest = await createEngine({ device: refusing });
  const make = () => {
    refuse = true;
    const tensor = guest.tensor([4]);
    refuse = false;
    return tensor;
  };
  make();
  await requireThrows('check', () => guest.check(), 'RunError', /^tensor: /);
  await guest.check();

  const used = make();
  await requireThrows('compile', () => guest.compile(g => ({ y: scale(g.read(used), 2) })), 'RunError', /^tensor: /);
  await guest.check();
  const good = guest.tensor([2], [8, 9]);
  requireClose('others go on', await good.read(), [8, 9], {});
  await guest.dispose();
  require('nothing is left', guest.memory.buffers === 0);
});
