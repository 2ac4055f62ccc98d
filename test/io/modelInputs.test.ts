/** Model files of other types, of more and of fewer tensors, with numbers that are none, and made to do harm. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { fourierFrequencies } from '../../src/experiments/image/model.js';
import { decodeModel, readModel, writeModel } from '../../src/io/model/modelFile.js';
import { decodeSafetensors } from '../../src/io/model/safetensors.js';
import { sumsKey } from '../../src/io/model/sums.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel, initialParameters } from '../../src/model/model.js';
import { adapter, folder, picture, requireRefused, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { damaged, distorted, fuzzCount, readOrRefused } from '../helpers/fuzz.js';
import { suite } from '../helpers/suite.js';
import { numbersOf, type ReferenceTensor, readSafetensors, writeSafetensors } from '../reference/safetensors.js';

const test = suite('model inputs');
const caseFile = (name: string) => fileURLToPath(new URL(`cases/${name}`, import.meta.url));

const model = defineModel({
  domain: grid([6, 8]),
  contraction: cp({ rank: 3 }),
  network: architecture({ width: 4, frequencies: [1, 2.5] }),
  members: 3,
});
const parameters = initialParameters(model, 1);
const optimiser = {
  name: 'adam',
  state: { firstMoment: parameters.map(x => x / 2), secondMoment: parameters.map(x => x * x) },
};

/** A file of the model, by the reference's reader. */
async function written(name: string) {
  const path = join(folder, name);
  await writeModel(path, { model, state: { step: 7, parameters, optimiser }, training: {} });
  return readSafetensors(readFileSync(path));
}

/** The same numbers in another type, rounded towards zero where bits are cut off. */
const encoders: Readonly<Record<string, (value: number) => Uint8Array>> = {
  F64: value => new Uint8Array(Float64Array.of(value).buffer),
  BF16: value => new Uint8Array(Float32Array.of(value).buffer).subarray(2),
  F16: value => {
    const size = Math.min(15, Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1e-30))));
    const steps = Math.trunc(Math.abs(value) * 2 ** (10 - size));
    const bits = steps < 1024 ? steps : (size + 15) * 1024 + steps - 1024;
    return new Uint8Array(Uint16Array.of((value < 0 ? 32768 : 0) + bits).buffer);
  },
};

function retyped(tensors: ReadonlyMap<string, ReferenceTensor>, dtype: string): Map<string, ReferenceTensor> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const bytes = Uint8Array.from(numbersOf(tensor).flatMap(value => [...encoders[dtype](value)]));
      return [name, { dtype, shape: tensor.shape, bytes }] as const;
    }),
  );
}

test('types: every number of float16 and of bfloat16, and float64 rounded, is the one that the reference finds', () => {
  const every = new Uint8Array(Uint16Array.from({ length: 65_536 }, (_, i) => i).buffer);
  const doubles = new Uint8Array(Float64Array.of(0.1, -1 / 3, 1e300, 1e-46, -0, Number.NaN, 2 ** 24 + 1).buffer);
  const tensors = new Map([
    ['double', { dtype: 'F64', shape: [7], bytes: doubles }],
    ['half', { dtype: 'F16', shape: [256, 256], bytes: every }],
    ['odd', { dtype: 'U8', shape: [3], bytes: Uint8Array.of(1, 2, 3) }],
    ['brain', { dtype: 'BF16', shape: [65_536], bytes: every }],
  ]);
  const decoded = decodeSafetensors('x', writeSafetensors({}, tensors));
  for (const name of ['double', 'half', 'brain']) {
    const expected = numbersOf(tensors.get(name) as ReferenceTensor).map(Math.fround);
    const actual = decoded.tensors.get(name)?.data ?? [];
    const wrong = expected.findIndex((value, i) => !Object.is(value, actual[i]));
    requireEqual(`${name}: the first that differs`, [wrong, actual[wrong]], [-1, undefined]);
  }
  requireEqual('not read', [...decoded.unread], [['odd', { shape: [3], type: 'U8' }]]);
});

test('models in float16, bfloat16 and float64, with tensors of others beside theirs, are read', async () => {
  const { metadata, tensors } = await written('types.safetensors');
  for (const dtype of ['F16', 'BF16', 'F64']) {
    const changed = retyped(tensors, dtype);
    changed.set('epoch', { dtype: 'I64', shape: [], bytes: new Uint8Array(8) });
    changed.set('mask', { dtype: 'BOOL', shape: [2, 3], bytes: new Uint8Array(6) });
    changed.set('encoder.weight', { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) });
    const { state, model: read } = decodeModel('x', writeSafetensors(metadata, changed));
    requireEqual(`${dtype}: model`, read, model);
    // 10 bits of fraction, 7, 23.
    const relative = { F16: 2 ** -10, BF16: 2 ** -7, F64: 0 }[dtype] ?? 0;
    requireClose(`${dtype}: parameters`, state.parameters, parameters, { relative, absolute: relative * 2 ** -14 });
    requireEqual(`${dtype}: moments`, Object.keys(state.optimiser?.state ?? {}), ['firstMoment', 'secondMoment']);
  }
  const name = 'member1.axis0.layer1.weight';
  const tensor = tensors.get(name) as ReferenceTensor;
  const whole = writeSafetensors(metadata, new Map(tensors).set(name, { ...tensor, dtype: 'I32' }));
  const message = /^model x: tensor member1\.axis0\.layer1\.weight is of I32: give F32, F16, BF16 or F64$/;
  await requireThrows(name, () => decodeModel('x', whole), 'InputError', message);
});

test('files of float16 and of weights alone are rendered; weights alone are not trained on from', async () => {
  const image = await picture('resumed.png', 24, 16);
  const same = ['--rank', '8', '--width', '16', '--top-k', '4', '--steps', '22', '--report-every', '1', ...adapter];
  for (const name of ['model-float16', 'model-weights-only']) {
    const path = caseFile(`${name}.safetensors`);
    const expected = [...readSafetensors(readFileSync(path)).tensors].filter(([key]) => key.startsWith('channel'));
    const { state } = await readModel(path);
    const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, x) => total + x * x, 0);
    const sums = [sum(state.parameters), sum(expected.flatMap(([, tensor]) => numbersOf(tensor)))];
    requireClose(`${name}: squares of the weights`, [sums[0]], [sums[1]], { relative: 1e-12 });
    const out = `${name}.png`;
    const { code, stderr } = await sepnn('render', path, '--out', out, '--json', ...adapter);
    requireEqual(`${name}: render`, [code, stderr], [0, '']);
  }
  const half = ['--resume', caseFile('model-float16.safetensors'), '--resume-anyway'];
  const halves = await sepnn('fit', image, ...same, '--json', ...half);
  requireEqual('float16 with its moments: fit', [halves.code, halves.stderr], [0, '']);
  const alone = caseFile('model-weights-only.safetensors');
  const { metadata, tensors } = await written('alone.safetensors');
  const weights = new Map([...tensors].filter(([name]) => !name.startsWith('optimiser.')));
  const today = join(folder, 'today.safetensors');
  writeFileSync(today, writeSafetensors(metadata, weights));
  requireEqual('today: parameters', [...(await readModel(today)).state.parameters], [...parameters]);
  const small = await picture('small.png', 8, 6);
  const own = ['--rank', '3', '--width', '4', '--fourier', '1', '--steps', '20', ...adapter];
  const message = /^sepnn: --resume .*: holds weights alone, without the optimiser's moments: give the whole file/;
  await requireRefused(
    [
      [[image, ...same, '--resume', alone], message],
      [[small, ...own, '--resume', withOwnFrequencies(today)], message],
    ],
    args => sepnn('fit', ...args),
  );
});

/** A file whose model is that of `fit --fourier 1` with the seed 0. */
function withOwnFrequencies(path: string): string {
  const { metadata, tensors } = readSafetensors(readFileSync(path));
  const record = JSON.parse(metadata.sepnn);
  record.model.network.frequencies = fourierFrequencies(1, 1, 4, 0);
  writeFileSync(path, writeSafetensors({ sepnn: JSON.stringify(record) }, tensors));
  return path;
}

test('weights that are not finite are refused by the name of their tensor; moments matter to --resume alone', async () => {
  const path = caseFile('model-weights-only.safetensors');
  const whole = caseFile('model-float16.safetensors');
  const image = await picture('finite.png', 24, 16);
  const same = ['--rank', '8', '--width', '16', '--top-k', '4', '--steps', '22', ...adapter];
  const changed = (from: string, out: string, name: string, change: (view: DataView) => void) => {
    const { metadata, tensors } = readSafetensors(readFileSync(from));
    const tensor = tensors.get(name) as ReferenceTensor;
    const bytes = Uint8Array.from(tensor.bytes);
    change(new DataView(bytes.buffer));
    const file = join(folder, out);
    writeFileSync(file, writeSafetensors(metadata, new Map(tensors).set(name, { ...tensor, bytes })));
    return file;
  };
  const nan = changed(path, 'nan.safetensors', 'channel1.axis0.layer1.weight', view =>
    view.setUint32(20, 0x7fc00000, true),
  );
  const infinite = changed(whole, 'inf.safetensors', 'channel2.axis1.layer0.bias', view =>
    view.setUint16(2, 0xfc00, true),
  );
  await requireRefused(
    [
      [['render', nan], /model .*nan\.safetensors: tensor channel1\.axis0\.layer1\.weight holds NaN at 5: give/],
      [['render', infinite], /model .*: tensor channel2\.axis1\.layer0\.bias holds -Infinity at 1: give/],
      [['fit', image, ...same, '--resume', nan], /tensor channel1\.axis0\.layer1\.weight holds NaN at 5/],
      [['fit', image, ...same, '--resume', infinite], /tensor channel2\.axis1\.layer0\.bias holds -Infinity at 1/],
      [['ntk', infinite], /tensor channel2\.axis1\.layer0\.bias holds -Infinity at 1/],
    ],
    args => sepnn(...args),
  );
  const moment = 'firstMoment.channel0.axis0.layer0.bias';
  const first = changed(whole, 'moment.safetensors', moment, view => view.setUint16(0, 0x7e00, true));
  const second = changed(whole, 'zero.safetensors', moment.replace('first', 'second'), view =>
    view.setUint16(0, 0, true),
  );
  const rendered = await sepnn('render', first, '--out', 'moment.png', '--json', ...adapter);
  requireEqual('render', [rendered.code, rendered.stderr], [0, '']);
  await requireRefused(
    [
      [[image, ...same, '--resume', first], /--resume .*: optimiser\.firstMoment holds NaN at 1: give a file whose/],
      [
        [image, ...same, '--resume', second],
        /--resume .*: its second moment 1 is 0 and the first .*, as float16 leaves/,
      ],
    ],
    args => sepnn('fit', ...args),
  );
});

/** A file with the given header and so many bytes of data. */
function fileOf(header: string, dataBytes: number): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(dataBytes)]);
}

test('safetensors: names that are there twice, and shapes that no file has, are refused', async () => {
  const entry = (dtype: string, shape: unknown, from: number, to: number) =>
    JSON.stringify({ dtype, shape, data_offsets: [from, to] });
  const one = entry('F32', [1], 0, 4);
  const cases: [string, number, RegExp][] = [
    [`{"a":${one},"a":${entry('F32', [1], 4, 8)}}`, 8, /names a twice/],
    [`{"a":${one},"\\u0061":${one}}`, 4, /names a twice/],
    [`{"a":${entry('F32', [0], 0, 0)} ,"a" : ${one}}`, 4, /names a twice/],
    [`{"__metadata__":{"sepnn":"1","sepnn":"2"}}`, 0, /names sepnn twice/],
    [`{"__metadata__":{},"__metadata__":{}}`, 0, /names __metadata__ twice/],
    ['{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4, /names shape twice/],
    [` {"a":${one}}`, 4, /no JSON object/],
    [`{"a":${entry('F16', [1], 0, 4)}}`, 4, /tensor a \(F16\) of shape \(1\) claims 4 bytes/],
    [`{"a":${entry('F4', [3], 0, 2)}}`, 2, /tensor a \(F4\) of shape \(3\) claims 2 bytes/],
    [`{"a":${entry('F128', [1], 0, 4)}}`, 4, /is of type F128, which the format has not/],
    [`{"a":${entry('toString', [1], 0, 4)}}`, 4, /is of type toString, which the format has not/],
    [`{"a":${entry('F32', [2 ** 40, 2 ** 40, 0], 0, 0)}}`, 0, /larger than any file/],
    [`{"a":${entry('F32', [2 ** 53 - 1, 2 ** 53 - 1], 0, 0)}}`, 0, /larger than any file/],
    [`{"a":${entry('F32', [2 ** 30], 0, 4)}}`, 4, /claims 4 bytes/],
  ];
  for (const [header, data, message] of cases) {
    await requireThrows(header, () => decodeSafetensors('x', fileOf(header, data)), 'InputError', message);
  }
  const text = JSON.stringify({ 'a "quoted\\" name': 1, list: ['a', 'a', { a: 1 }, { a: 1 }], a: 'list' });
  const quiet = `{"__metadata__":{"text":${JSON.stringify(text)}}}`;
  requireEqual('a value is no name', decodeSafetensors('x', fileOf(quiet, 0)).metadata, { text });
});

test('fuzz: model files that were changed are read as the reference reads them, or refused in one line', async () => {
  const { metadata, tensors } = await written('fuzzed.safetensors');
  const { [sumsKey]: _, ...withoutSums } = metadata;
  // Without sums, so that more is looked at than those, and one as it is written.
  const kinds = ['F32', 'F16', 'BF16', 'F64'].map(dtype =>
    writeSafetensors(withoutSums, dtype === 'F32' ? tensors : retyped(tensors, dtype)),
  );
  kinds.push(writeSafetensors(metadata, tensors));
  const small = writeSafetensors(
    { note: 'small', sepnn: '{}' },
    new Map([
      ['a', { dtype: 'F16', shape: [2, 3], bytes: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) }],
      ['b', { dtype: 'F64', shape: [1], bytes: new Uint8Array(8) }],
      ['c', { dtype: 'I8', shape: [3], bytes: new Uint8Array(3) }],
    ]),
  );
  let read = 0;
  const agrees = (bytes: Uint8Array) =>
    readOrRefused(() => {
      const decoded = decodeSafetensors('x', bytes);
      const expected = readSafetensors(bytes);
      const { [sumsKey]: _, ...others } = expected.metadata;
      requireEqual('metadata', decoded.metadata, others);
      requireEqual('names', decoded.tensors.size + decoded.unread.size, expected.tensors.size);
      for (const [name, { shape, data }] of decoded.tensors) {
        const tensor = expected.tensors.get(name) as ReferenceTensor;
        requireEqual(`${name}: shape`, shape, tensor.shape);
        const numbers = numbersOf(tensor);
        require(`${name}: numbers`, numbers.every((value, i) => Object.is(Math.fround(value), data[i])));
      }
      read++;
    });
  const half = Math.ceil(fuzzCount / 2);
  fc.assert(fc.property(fc.constantFrom(small, ...kinds).chain(damaged), agrees), { numRuns: half, seed: 1 });
  require(`${read} were read`, read > 0);
  const header = (bytes: Uint8Array) => {
    const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    return { start, value: JSON.parse(Buffer.from(bytes.subarray(8, start)).toString()) };
  };
  const { start, value } = header(small);
  const data = small.subarray(start);
  fc.assert(
    fc.property(distorted(value), changed => {
      const text = JSON.stringify(changed) ?? '';
      return agrees(Buffer.concat([fileOf(text, 0), data]));
    }),
    { numRuns: half, seed: 2 },
  );
  const taken = (bytes: Uint8Array) =>
    readOrRefused(() => {
      const { state } = decodeModel('x', bytes);
      require('finite', state.parameters.every(Number.isFinite));
    });
  fc.assert(fc.property(fc.constantFrom(...kinds).chain(damaged), taken), { numRuns: half, seed: 3 });
});
