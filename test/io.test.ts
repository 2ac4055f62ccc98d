/** Files: safetensors and models round trip and refuse what is damaged; images become planes and back. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { InputError } from '../src/errors.js';
import { architecture } from '../src/factor/network.js';
import { besideEachOther, decodeImage, encodePng, fromPlanes, openImage, toPlanes } from '../src/io/image.js';
import { readModel, writeModel } from '../src/io/modelFile.js';
import { linePlot } from '../src/io/plot.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../src/io/safetensors.js';
import { cpModel, initialParameters, ttModel, tuckerModel } from '../src/separable/model.js';
import { require, requireClose, requireEqual, requireThrows } from './helpers/compare.js';
import { atEnd, suite } from './helpers/suite.js';

const test = suite('files');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-io-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

const sample = () => {
  const tensors = new Map<string, NamedTensor>([
    ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['scalar', { shape: [], data: Float32Array.of(7) }],
    ['b.weight', { shape: [4], data: Float32Array.of(0, -0, Number.NaN, Number.POSITIVE_INFINITY) }],
  ]);
  return { tensors, metadata: { format: 'pt', note: 'äöü' } };
};

test('safetensors: what is written is read again, bits and all', () => {
  const { tensors, metadata } = decodeSafetensors('x', encodeSafetensors(sample()));
  requireEqual('metadata', metadata, sample().metadata);
  for (const [name, { shape, data }] of sample().tensors) {
    requireEqual(`${name}: shape`, tensors.get(name)?.shape, shape);
    requireEqual(
      `${name}: bits`,
      [...new Uint32Array((tensors.get(name) as NamedTensor).data.buffer)],
      [...new Uint32Array(data.buffer)],
    );
  }
});

/** A file with the given header text and so many bytes of data. */
function fileOf(header: string, dataBytes: number, claimed = header.length): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed), true);
  bytes.set(new TextEncoder().encode(header), 8);
  return bytes;
}

test('safetensors: headers that lie are refused with what is wrong', async () => {
  const tensor = (offsets: number[], shape = [1], dtype = 'F32') =>
    JSON.stringify({ t: { dtype, shape, data_offsets: offsets } });
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(3), /has 3 bytes, too few/],
    [fileOf('{}', 0, 1000), /claims a header of 1000 bytes and has 10/],
    [fileOf('{}', 0, 2 ** 40), /claims a header of 1099511627776 bytes, above 100000000/],
    [fileOf('{x', 0), /header is no JSON/],
    [fileOf('[]', 0), /header is no JSON object/],
    [fileOf(tensor([0, 4]), 0), /claims bytes 0 to 4 of 0/],
    [fileOf(tensor([4, 0]), 4), /claims bytes 4 to 0/],
    [fileOf(tensor([-4, 0]), 4), /has no offsets/],
    [fileOf(tensor([0, 4], [2]), 4), /of shape \(2\) claims 4 bytes/],
    [fileOf(tensor([0, 4], [1e300]), 4), /has no shape/],
    [fileOf(tensor([0, 4], [1], 'F64'), 4), /of type F64/],
    [fileOf(tensor([0, 4]), 8), /4 bytes that belong to no tensor/],
    [
      fileOf(
        JSON.stringify({
          a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
          b: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
        }),
        4,
      ),
      /overlap or leave a hole/,
    ],
    [fileOf('{"__metadata__":{"a":1}}', 0), /metadata holds something other than text/],
  ];
  for (const [bytes, message] of cases) {
    await requireThrows(String(message), () => decodeSafetensors('x', bytes), 'InputError', message);
  }
});

test('safetensors: any damage to a file is read as the same, or refused, and never anything else', () => {
  const whole = encodeSafetensors(sample());
  const refusedOrRead = (bytes: Uint8Array) => {
    try {
      decodeSafetensors('x', bytes);
      return true;
    } catch (error) {
      return error instanceof InputError;
    }
  };
  const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(flips, fc.nat(whole.length), (changes, length) => {
      const bytes = whole.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      return refusedOrRead(bytes);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => refusedOrRead(bytes)),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.json(), fc.nat(64), (header, data) => refusedOrRead(fileOf(header, data))),
    { numRuns: 3000 },
  );
});

test('models: parameters, moments, eigenvectors, step and architecture round trip; other files are refused', async () => {
  const model = cpModel({
    grid: [5, 4],
    channels: 2,
    rank: 3,
    network: architecture({ width: 6, frequencies: [1, 2.5] }),
  });
  const parameters = initialParameters(model, 1);
  const state = {
    step: 77,
    parameters,
    firstMoment: parameters.map(x => x / 2),
    secondMoment: parameters.map(x => x * x),
    vectors: Float32Array.of(1, 2, 3),
    scaled: Float32Array.of(4, 5, 6),
  };
  const path = join(folder, 'model.safetensors');
  await writeModel(path, { model, state, training: { lr: 1e-4 } });
  const read = await readModel(path);
  requireEqual('model', read.model, model);
  requireEqual('training', read.training, { lr: 1e-4 });
  requireEqual('step', read.state.step, 77);
  for (const key of ['parameters', 'firstMoment', 'secondMoment', 'vectors', 'scaled'] as const) {
    requireClose(key, read.state[key] as Float32Array, state[key], {});
  }
  const names = [...decodeSafetensors('x', readFileSync(path)).tensors.keys()];
  require('names', names.includes('channel1.axis0.layer2.weight') && names.includes('channel0.axis1.layer0.bias'));

  const other = join(folder, 'other.safetensors');
  writeFileSync(other, encodeSafetensors(sample()));
  await requireThrows('no model', () => readModel(other), 'InputError', /holds no model of sepnn/);
  const changed = (change: (metadata: Record<string, unknown>) => void) => {
    const file = decodeSafetensors('x', readFileSync(path));
    const metadata = JSON.parse(file.metadata.sepnn) as Record<string, unknown>;
    change(metadata);
    writeFileSync(other, encodeSafetensors({ ...file, metadata: { sepnn: JSON.stringify(metadata) } }));
    return readModel(other);
  };
  await requireThrows(
    'newer',
    () => changed(m => Object.assign(m, { version: 9 })),
    'InputError',
    /is of format 9, and this sepnn reads 1/,
  );
  await requireThrows('step', () => changed(m => Object.assign(m, { step: -1 })), 'InputError', /its step is -1/);
  await requireThrows(
    'rank',
    () => changed(m => Object.assign(m.model as object, { rank: 4 })),
    'InputError',
    /is 18 numbers, not 24/,
  );
  await requireThrows(
    'grid',
    () => changed(m => Object.assign(m.model as object, { grid: [1e9] })),
    'InputError',
    /describes no model/,
  );
  await requireThrows(
    'network',
    () => changed(m => Object.assign(m.model as object, { network: null })),
    'InputError',
    /describes no model/,
  );
});

test('models: trains and Tucker models round trip, a core a tensor of its own; another count of ranks is refused', async () => {
  const common = { grid: [5, 4, 3], channels: 2, network: architecture({ width: 6 }) };
  for (const model of [ttModel({ ...common, ranks: [2, 3] }), tuckerModel({ ...common, ranks: [2, 3, 5] })]) {
    const parameters = initialParameters(model, 1);
    const [firstMoment, secondMoment] = [parameters.map(x => x / 2), parameters.map(x => x * x)];
    const path = join(folder, `${model.kind}.safetensors`);
    await writeModel(path, { model, state: { step: 7, parameters, firstMoment, secondMoment }, training: {} });
    const read = await readModel(path);
    requireEqual('model', read.model, model);
    requireClose('parameters', read.state.parameters, parameters, {});
    requireClose('first moment', read.state.firstMoment, firstMoment, {});
    requireClose('second moment', read.state.secondMoment, secondMoment, {});
    const file = decodeSafetensors('x', readFileSync(path));
    requireEqual('core', file.tensors.get('channel1.core')?.shape, model.kind === 'tucker' ? [2, 3, 5] : undefined);
    const metadata = JSON.parse(file.metadata.sepnn) as { model: { ranks: number[] } };
    metadata.model.ranks = [2];
    writeFileSync(path, encodeSafetensors({ ...file, metadata: { sepnn: JSON.stringify(metadata) } }));
    await requireThrows(
      'ranks',
      () => readModel(path),
      'InputError',
      /describes no model \(ranks: 1 for .* of 3 axes: give [23]\): give a file that sepnn wrote/,
    );
  }
});

test('images: planes and back are the same picture; numbers outside [0, 1] are cut off, NaN is black', async () => {
  const planes = Float32Array.from({ length: 3 * 6 }, (_, i) => (i * 14) / 255);
  const path = join(folder, 'planes.png');
  writeFileSync(path, await encodePng(fromPlanes(planes, 3, 2)));
  const file = await openImage(path);
  requireEqual('size', [file.width, file.height], [3, 2]);
  requireClose('planes', toPlanes(await decodeImage(file), false), planes, { absolute: 1e-6 });
  const gray = toPlanes(await decodeImage(file), true);
  requireClose('gray', [gray[0]], [0.299 * planes[0] + 0.587 * planes[6] + 0.114 * planes[12]], { absolute: 1e-6 });
  const wild = fromPlanes([2, -1, Number.NaN, 0.5], 2, 2);
  requireEqual('bytes', [...wild.data], [255, 255, 255, 0, 0, 0, 0, 0, 0, 128, 128, 128]);
  const beside = besideEachOther([wild, wild]);
  requireEqual('beside each other', [beside.width, beside.height, beside.data[6]], [8, 2, 255]);
});

test('plots: every line is drawn, with its name and the axes', () => {
  const svg = linePlot(
    [
      {
        name: 'plain',
        points: [
          [0, 1],
          [10, 2],
        ],
      },
      {
        name: 'SepPGD',
        points: [
          [0, 1],
          [10, 3],
        ],
      },
    ],
    { title: 'a title', x: 'step', y: 'PSNR (dB)' },
  );
  for (const text of ['<svg', 'plain', 'SepPGD', 'a title', 'step', 'PSNR (dB)']) require(text, svg.includes(text));
});
