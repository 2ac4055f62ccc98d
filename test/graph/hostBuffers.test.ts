/** Buffers that go both ways: a host's, read and written where they lie, and ours, handed on as a host wants them. */

import { add, scale } from '../../src/ops/elementwise/linearCombination.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { packedCopy } from '../../src/public/index.js';
import { require, requireBits, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { device, engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { product } from '../reference/linear/product.js';

const test = suite('host buffers');

const [copySource, copyTarget, vertex, storage] = [0x4, 0x8, 0x20, 0x80];
const usual = copySource | copyTarget | storage;

function hostBuffer(values: ArrayLike<number>, usage = usual, offset = 0): GPUBuffer {
  const buffer = device.gpu.createBuffer({ label: 'of the host', size: offset + values.length * 4, usage });
  if (usage & copyTarget) device.gpu.queue.writeBuffer(buffer, offset, Float32Array.from(values));
  return buffer;
}

/** What a buffer holds, read by a host's own means. */
async function contentOf(buffer: GPUBuffer): Promise<Float32Array> {
  const staging = device.gpu.createBuffer({ size: buffer.size, usage: 0x1 | copyTarget });
  const encoder = device.gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.gpu.queue.submit([encoder.finish()]);
  await device.track(staging.mapAsync(1));
  const content = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return content;
}

test("outputs go into a host's buffers by their names, packed, and outlive the plan", async () => {
  const [rows, columns, inner] = [5, 7, 3];
  const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
  const [x, y] = [engine.tensor([rows, inner], a), engine.tensor([inner, columns], b)];
  const [c, twice] = [hostBuffer(new Float32Array(rows * columns).fill(9)), hostBuffer(new Float32Array(40).fill(9))];
  const plan = await engine.compile(
    graph => {
      const value = matmul(graph.read(x), graph.read(y));
      return { c: value, twice: scale(value, 2), other: add(value, value) };
    },
    { into: { c, twice } },
  );
  await plan.run();
  const expected = Float32Array.from(product({ rows, columns, inner, a, b }));
  requireClose('c', await contentOf(c), expected, { absolute: 1e-6 });
  const found = await contentOf(twice);
  requireClose(
    'twice',
    found.subarray(0, 35),
    expected.map(value => 2 * value),
    { absolute: 1e-6 },
  );
  requireEqual('what lies behind it', [...found.subarray(35)], [9, 9, 9, 9, 9]);
  requireBits('as a tensor', await plan.outputs.c.read(), await contentOf(c));
  requireBits('one of our own', await plan.outputs.other.read(), found.subarray(0, 35));
  plan.dispose();
  requireClose('after the plan', await contentOf(c), expected, { absolute: 1e-6 });
  const refused = (into: Record<string, GPUBuffer>) =>
    engine.compile(graph => ({ sum: add(graph.read(x), graph.read(x)) }), { into });
  const before = engine.memory.buffers;
  await requireThrows('a name', () => refused({ total: c }), 'InputError', /^into: option total is unknown: use sum$/);
  const small = hostBuffer([1, 2, 3]);
  await requireThrows(
    'a size',
    () => refused({ sum: small }),
    'InputError',
    /'of the host' has 12 bytes, and shape \(5, 3\)/,
  );
  requireEqual('buffers', engine.memory.buffers, before);
});

test('a wrapped buffer may begin at an offset, for reading, writing and running', async () => {
  const offset = device.limits.minStorageBufferOffsetAlignment;
  const values = Float32Array.from(randoms(15));
  const buffer = hostBuffer(values, usual, offset);
  const tensor = engine.wrap(buffer, [5, 3], { offset });
  requireBits('read', await tensor.read(), values);
  const plan = await engine.compile(graph => ({ y: scale(graph.read(tensor), 2) }));
  await plan.run();
  requireBits(
    'run',
    await plan.outputs.y.read(),
    values.map(value => 2 * value),
  );
  tensor.write(new Float32Array(15).fill(3));
  const content = await contentOf(buffer);
  requireEqual('before it', Math.max(...content.subarray(0, offset / 4)), 0);
  requireEqual('in it', [...content.subarray(offset / 4)], new Array(15).fill(3));
  const target = engine.wrap(hostBuffer(new Float32Array(15), usual, 2 * offset), [5, 3], { offset: 2 * offset });
  const assigned = await engine.compile(graph => graph.assign(target, scale(graph.read(tensor), 2)));
  await assigned.run();
  requireEqual('assigned', [...(await target.read())], new Array(15).fill(6));
  tensor.clear();
  requireEqual('cleared', [...(await tensor.read())], new Array(15).fill(0));
  const wrap = (at: number) => () => engine.wrap(buffer, [5, 3], { offset: at });
  await requireThrows(
    'unaligned',
    wrap(100),
    'InputError',
    /^wrap: offset 100: use a multiple of \d+ bytes, or a buffer/,
  );
  await requireThrows('negative', wrap(-offset), 'InputError', /^wrap: offset -/);
  await requireThrows('none', wrap(Number.NaN), 'InputError', /^wrap: offset NaN/);
  await requireThrows('past the end', wrap(2 * offset), 'InputError', /takes 60 from \d+ on$/);
});

test('a packed tensor hands its buffer on with the usages that were asked for; a padded one says how to', async () => {
  const values = Float32Array.from(randoms(15));
  const packed = engine.packed([[5, 3]], values, { usage: vertex });
  requireBits('packed', (await contentOf(packed.buffer)).subarray(0, 15), values);
  require('vertex', (packed.buffer.usage & vertex) !== 0);
  requireEqual('plain', engine.packed([[5, 3]]).buffer.usage & vertex, 0);
  const mapped = () => engine.packed([[5, 3]], values, { usage: 0x1 });
  await requireThrows('mapped', mapped, 'InputError', /^packed: usage 1: use flags other than MAP_READ/);
  const padded = engine.tensor([5, 3], values);
  await requireThrows('padded', () => padded.buffer, 'InputError', /shape \(5, 3\) has padded rows: use .*packedCopy/);
  const held = Object.values(padded.storage).concat(Object.values(padded));
  require('a padded buffer can be reached', !held.some(value => value instanceof Object && 'mapState' in value));
  const before = engine.memory.buffers;
  const copy = await packedCopy(engine, padded, { usage: vertex });
  requireBits('copy', (await contentOf(copy.buffer)).subarray(0, 15), values);
  require('vertex of the copy', (copy.buffer.usage & vertex) !== 0);
  requireEqual('the copy alone is left', engine.memory.buffers, before + 1);
  copy.dispose();
  await requireThrows('disposed', () => copy.buffer, 'InputError', /disposed/);
  const buffer = hostBuffer(values);
  require("a host's own", engine.wrap(buffer, [5, 3]).buffer === buffer);
  const stack = engine.stack(
    [
      [2, 3],
      [1, 5],
    ],
    randoms(11),
  );
  requireBits(
    'a stack',
    await contentOf((await packedCopy(engine, stack)).buffer),
    new Float32Array([...(await stack.read()), 0]),
  );
});
