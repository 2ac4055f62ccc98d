/** Files: safetensors and models round trip and refuse what is damaged; images become planes and back. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import type { StateArrays } from '../../src/buffer/namedTensors.js';
import { openImage, readPlanes } from '../../src/io/image/image.js';
import { besideEachOther, blackPicture, encodePng, paint, pictureOf } from '../../src/io/image/picture.js';
import { decodeModel, readModel, writeModel } from '../../src/io/model/modelFile.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../src/io/model/safetensors.js';
import { linePlot } from '../../src/io/plot.js';
import { architecture } from '../../src/model/architecture.js';
import { describeModel, type ModelRecord } from '../../src/model/codec.js';
import { cp } from '../../src/model/contraction/cp.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel, initialParameters } from '../../src/model/model.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { damaged, distorted, readOrRefused } from '../helpers/fuzz.js';
import { atEnd, suite } from '../helpers/suite.js';

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

/** The file as another program would write it: with its tensors in another order, and without what is left out. */
function rewritten(bytes: Uint8Array, leftOut: string): Uint8Array {
  const header = headerOf(bytes) as Record<string, { shape: number[]; data_offsets: [number, number] }>;
  const start = bytes.length - Math.max(...Object.values(header).map(({ data_offsets: [, end] = [0, 0] }) => end));
  const parts = Object.entries(header)
    .filter(([name]) => name !== '__metadata__' && name !== leftOut)
    .reverse();
  let at = 0;
  const own = parts.map(([name, { shape, data_offsets }]) => {
    const from = at;
    at += data_offsets[1] - data_offsets[0];
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }] as const;
  });
  const texts = Object.entries(header.__metadata__).filter(([name]) => name !== leftOut);
  const text = JSON.stringify({ ...Object.fromEntries(own), __metadata__: Object.fromEntries(texts.reverse()) });
  const file = fileOf(text, at);
  at = file.length - at;
  for (const [, { data_offsets }] of parts) {
    const data = bytes.subarray(start + data_offsets[0], start + data_offsets[1]);
    file.set(data, at);
    at += data.length;
  }
  return file;
}

test('safetensors: any bit that is turned over in the numbers or in the metadata is told, whoever wrote the file again', async () => {
  const whole = encodeSafetensors(sample());
  const dataFrom = whole.length - 44;
  const noteAt = Buffer.from(whole).indexOf('pt"');
  for (const [first, last, line] of [
    [
      dataFrom,
      whole.length,
      /^model x: tensor (a|scalar|b\.weight) has another sum than when it was written: give the/,
    ],
    [noteAt, noteAt + 2, /^model x: its metadata has another sum than when it was written: give the file as it was/],
  ] as const) {
    for (let at = first; at < last; at++) {
      const bytes = Uint8Array.from(whole);
      bytes[at] ^= 1 << (at % 3);
      await requireThrows(`byte ${at}`, () => decodeSafetensors('x', bytes), 'InputError', line);
    }
  }
  for (const leftOut of ['', 'scalar', 'sepnn-sums']) {
    const { tensors, metadata } = decodeSafetensors('x', rewritten(whole, leftOut));
    requireEqual('metadata', Object.entries(metadata).sort(), Object.entries(sample().metadata).sort());
    requireEqual('a', tensors.get('a')?.data, sample().tensors.get('a')?.data);
    const off = rewritten(whole, leftOut);
    off[off.length - 24] ^= 1;
    const taken = () => decodeSafetensors('x', off);
    if (leftOut === 'sepnn-sums') taken();
    else await requireThrows(`a bit, without ${leftOut}`, taken, 'InputError', /tensor a has another sum/);
  }
  const damagedSums = { ...sample().metadata, 'sepnn-sums': '{' };
  const header = JSON.stringify({ __metadata__: damagedSums });
  await requireThrows(
    'sums',
    () => decodeSafetensors('x', fileOf(header, 0)),
    'InputError',
    /its sums are damaged: give/,
  );
});

/** A file with the given header text and so many bytes of data. */
function fileOf(header: string, dataBytes: number, claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

test('safetensors: headers that lie are refused with what is wrong', async () => {
  const tensor = (offsets: number[], shape = [1], dtype = 'F32') =>
    JSON.stringify({ t: { dtype, shape, data_offsets: offsets } });
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(3), /has 3 bytes, too few/],
    [fileOf('{}', 0, 1000), /claims a header of 1000 bytes and has 10/],
    [fileOf('{}', 0, 2 ** 40), /is of another kind: claims a header of 1099511627776 bytes, above 100000000/],
    [fileOf('{x', 0), /header is no JSON/],
    [fileOf('[]', 0), /header is no JSON object/],
    [fileOf(tensor([0, 4]), 0), /claims bytes 0 to 4 of 0/],
    [fileOf(tensor([4, 0]), 4), /claims bytes 4 to 0/],
    [fileOf(tensor([-4, 0]), 4), /has no offsets/],
    [fileOf(tensor([0, 4], [2]), 4), /of shape \(2\) claims 4 bytes/],
    [fileOf(tensor([0, 4], [1e300]), 4), /has no shape/],
    [fileOf(tensor([0, 4], [1], 'F64'), 4), /\(F64\) of shape \(1\) claims 4 bytes/],
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

function headerOf(bytes: Uint8Array): unknown {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
}

test('safetensors: 17,000 damaged, distorted and random files are read, or refused in one line', () => {
  const whole = encodeSafetensors(sample());
  const taken = (bytes: Uint8Array) => readOrRefused(() => decodeSafetensors('x', bytes));
  // Whatever is damaged has other sums: of files without any, all is read that can be.
  for (const bytes of [whole, rewritten(whole, 'sepnn-sums')]) {
    fc.assert(fc.property(damaged(bytes), taken), { numRuns: 3000 });
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), taken), { numRuns: 3000 });
  fc.assert(
    fc.property(fc.json(), fc.nat(64), (header, data) => taken(fileOf(header, data))),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(distorted(headerOf(whole)), header => taken(fileOf(JSON.stringify(header) ?? '', 44))),
    { numRuns: 5000 },
  );
});

test('safetensors: what a file claims costs no more memory than it has bytes, and no depth of nesting ends the process', async () => {
  // 20,000 tensors that each claim the same mebibyte would take 20 GB.
  const entry = JSON.stringify({ dtype: 'F32', shape: [2 ** 18], data_offsets: [0, 2 ** 20] });
  const many = `{${Array.from({ length: 20_000 }, (_, i) => `"t${i}":${entry}`).join()}}`;
  const before = process.memoryUsage().arrayBuffers;
  const bytes = fileOf(many, 2 ** 20);
  await requireThrows('overlapping', () => decodeSafetensors('x', bytes), 'InputError', /overlap or leave a hole/);
  const grown = process.memoryUsage().arrayBuffers - before;
  require(`${grown} bytes more`, grown < 2 ** 26);
  const deep = `${'['.repeat(1e6)}${']'.repeat(1e6)}`;
  for (const header of [deep, `{"t":${deep}}`, `{"t":{"dtype":${deep}}}`, `{"__metadata__":{"a":${deep}}}`]) {
    readOrRefused(() => decodeSafetensors('x', fileOf(header, 0)));
  }
  const long = 'x'.repeat(1e6);
  readOrRefused(() => decodeSafetensors('x', fileOf(JSON.stringify({ [`${long}\n`]: { dtype: long } }), 0)));
  const axes = { t: { dtype: 'F32', shape: Array(1e5).fill(1), data_offsets: [0, 8] } };
  readOrRefused(() => decodeSafetensors('x', fileOf(JSON.stringify(axes), 8)));
});

test('models: 8,000 damaged and distorted files are read, or refused in one line', async () => {
  const model = defineModel({
    domain: grid([3, [-1, 0.5]]),
    contraction: cp({ rank: 2 }),
    network: architecture({ width: 2, depth: 2, frequencies: [1] }),
  });
  const parameters = initialParameters(model, 1);
  const optimiser = { name: 'adam', state: { firstMoment: parameters, secondMoment: parameters } };
  const preconditioner = { name: 'seppgd', topK: [2, 1], state: { vectors: Float32Array.of(1, 2, 3) } };
  const state = { step: 7, parameters, optimiser, preconditioner };
  const path = join(folder, 'fuzzed.safetensors');
  await writeModel(path, { model, state, training: { learningRate: 1e-4 } });
  const whole = Uint8Array.from(readFileSync(path));
  const taken = (bytes: Uint8Array) => readOrRefused(() => decodeModel('x', bytes));
  fc.assert(fc.property(damaged(rewritten(whole, 'sepnn-sums')), taken), { numRuns: 4000 });
  const { tensors, metadata } = decodeSafetensors('x', whole);
  const distortedModel = distorted(JSON.parse(metadata.sepnn));
  fc.assert(
    fc.property(distortedModel, value =>
      taken(encodeSafetensors({ tensors, metadata: { sepnn: JSON.stringify(value) ?? '' } })),
    ),
    { numRuns: 4000 },
  );
});

test('models: a claim of more layers or parameters than the file holds is refused before memory is taken for it', async () => {
  const network = architecture({ width: 65_536, depth: 64 });
  const tensors = new Map<string, NamedTensor>();
  const file = (model: unknown) =>
    encodeSafetensors({ tensors, metadata: { sepnn: JSON.stringify({ version: 2, model, step: 0, training: {} }) } });
  const contraction = cp({ rank: 65_536 });
  const huge = defineModel({ domain: grid(Array<number>(6).fill(1 << 24)), contraction, network, members: 4096 });
  await requireThrows(
    'layers',
    () => decodeModel('x', file(describeModel(huge))),
    'InputError',
    /of 1572864 layers, and holds 0 tensors/,
  );
  for (let i = 0; i < 256; i++) tensors.set(`t${i}`, { shape: [], data: Float32Array.of(0) });
  await requireThrows(
    'parameters',
    () => decodeModel('x', file(describeModel(defineModel({ domain: grid([2, 2]), contraction, network })))),
    'InputError',
    /of \d+ parameters, and holds 256 numbers/,
  );
});

function requireArrays(what: string, actual: StateArrays | undefined, expected: StateArrays): void {
  requireEqual(`${what}: names`, Object.keys(actual ?? {}), Object.keys(expected));
  for (const [name, values] of Object.entries(expected))
    requireClose(`${what}: ${name}`, actual?.[name] ?? [], values, {});
}

test('models: parameters, moments, eigenvectors, step and architecture round trip; other files are refused', async () => {
  const model = defineModel({
    domain: grid([5, 4]),
    contraction: cp({ rank: 3 }),
    network: architecture({ width: 6, frequencies: [1, 2.5] }),
    members: 2,
  });
  const parameters = initialParameters(model, 1);
  const optimiser = {
    name: 'adam',
    state: { firstMoment: parameters.map(x => x / 2), secondMoment: parameters.map(x => x * x) },
  };
  const preconditioner = {
    name: 'seppgd',
    topK: [2, 3],
    state: { vectors: Float32Array.of(1, 2, 3), scaled: Float32Array.of(4, 5, 6) },
  };
  const state = { step: 77, parameters, optimiser, preconditioner };
  const path = join(folder, 'model.safetensors');
  await writeModel(path, { model, state, training: { learningRate: 1e-4 } });
  const read = await readModel(path);
  requireEqual('model', read.model, model);
  requireEqual('training', read.training, { learningRate: 1e-4 });
  requireEqual('step', read.state.step, 77);
  requireEqual('optimiser', read.state.optimiser?.name, 'adam');
  requireEqual('preconditioner', read.state.preconditioner?.name, 'seppgd');
  requireEqual('k', read.state.preconditioner?.topK, [2, 3]);
  requireClose('parameters', read.state.parameters, parameters, {});
  requireArrays('optimiser', read.state.optimiser?.state, optimiser.state);
  requireArrays('preconditioner', read.state.preconditioner?.state, preconditioner.state);
  const names = [...decodeSafetensors('x', readFileSync(path)).tensors.keys()];
  require('names', names.includes('member1.axis0.layer2.weight') && names.includes('member0.axis1.layer0.bias'));

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
    'a preconditioner',
    () => changed(m => Object.assign(m, { preconditioner: 3 })),
    'InputError',
    /its preconditioner is 3: give a file that sepnn wrote/,
  );
  await requireThrows(
    'newer',
    () => changed(m => Object.assign(m, { version: 9 })),
    'InputError',
    /is of format 9, and this sepnn reads up to 3: use a newer sepnn/,
  );
  await requireThrows(
    'no version',
    () => changed(m => Object.assign(m, { version: { toString: 1 } })),
    'InputError',
    /is of format an object, and this sepnn reads up to 3: give a file that sepnn wrote/,
  );
  await requireThrows(
    'many steps',
    () => changed(m => Object.assign(m, { step: 2 ** 32 })),
    'InputError',
    /its step is 4294967296/,
  );
  await requireThrows('step', () => changed(m => Object.assign(m, { step: -1 })), 'InputError', /its step is -1/);
  await requireThrows(
    'rank',
    () => changed(({ model: record }) => Object.assign((record as ModelRecord).contraction, { rank: 4 })),
    'InputError',
    /tensor member0\.axis0\.layer2\.weight is 18 numbers, not 24/,
  );
  await requireThrows(
    'grid',
    () => changed(({ model: record }) => Object.assign((record as ModelRecord).domain, { points: [1e9] })),
    'InputError',
    /describes no model/,
  );
  await requireThrows(
    'network',
    () => changed(m => Object.assign(m.model as object, { network: null })),
    'InputError',
    /describes no model \(network: null is no object\)/,
  );
  await requireThrows(
    'an optimiser',
    () => changed(m => Object.assign(m, { optimiser: [] })),
    'InputError',
    /its optimiser is a list: give a file that sepnn wrote/,
  );
  for (const topK of [[2, 5], [0, 1], [1.5, 1], [1, 1, 1], [21], '2']) {
    await requireThrows(
      `k ${topK}`,
      () => changed(m => Object.assign(m, { topK })),
      'InputError',
      /its k is (a list|"2"): give a file that sepnn wrote/,
    );
  }
  requireEqual('one k of the model as a whole', (await changed(m => Object.assign(m, { topK: [20] }))).state.step, 77);
});

test('models: trains and Tucker models round trip, a core a tensor of its own; another count of ranks is refused', async () => {
  for (const contraction of [tensorTrain({ ranks: [2, 3] }), tucker({ ranks: [2, 3, 5] })]) {
    const model = defineModel({
      domain: grid([5, 4, 3]),
      contraction,
      network: architecture({ width: 6 }),
      members: 2,
    });
    const parameters = initialParameters(model, 1);
    const moments = { firstMoment: parameters.map(x => x / 2), secondMoment: parameters.map(x => x * x) };
    const path = join(folder, `${contraction.name}.safetensors`);
    const state = { step: 7, parameters, optimiser: { name: 'adam', state: moments } };
    await writeModel(path, { model, state, training: {} });
    const read = await readModel(path);
    requireEqual('model', read.model, model);
    requireClose('parameters', read.state.parameters, parameters, {});
    requireArrays('moments', read.state.optimiser?.state, moments);
    const file = decodeSafetensors('x', readFileSync(path));
    requireEqual('core', file.tensors.get('member1.core')?.shape, contraction.parameters ? [2, 3, 5] : undefined);
    const metadata = JSON.parse(file.metadata.sepnn) as { model: { contraction: { ranks: number[] } } };
    metadata.model.contraction.ranks = [2];
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
  writeFileSync(path, await encodePng(pictureOf(planes, 3, 2)));
  const file = await openImage(path);
  requireEqual('size', [file.width, file.height], [3, 2]);
  requireClose('planes', await readPlanes(file, { gray: false }), planes, { absolute: 1e-6 });
  const gray = await readPlanes(file, { gray: true });
  requireClose('gray', [gray[0]], [0.299 * planes[0] + 0.587 * planes[6] + 0.114 * planes[12]], { absolute: 1e-6 });
  requireEqual('one plane of gray', gray.length, 6);
  const wild = pictureOf([2, -1, Number.NaN, 0.5], 2, 2);
  requireEqual('bytes of gray', [wild.channels, ...wild.data], [1, 255, 0, 0, 128]);
  const plane = [2, -1, Number.NaN, 0.5];
  const colour = pictureOf([...plane, ...plane, ...plane], 2, 2);
  requireEqual('bytes', [...colour.data], [255, 255, 255, 0, 0, 0, 0, 0, 0, 128, 128, 128]);
  const beside = besideEachOther([colour, colour]);
  requireEqual('beside each other', [beside.width, beside.height, beside.data[6]], [8, 2, 255]);
  requireEqual('the second', [...beside.data.slice(3 * 14)], [0, 0, 0, 128, 128, 128]);
});

test('images: a gray picture is one of one channel in its file too; parts are painted in their places', async () => {
  const picture = blackPicture(4, 3, 1);
  paint(picture, [1, 0.2, 0.4, 0.6], { left: 2, top: 1, width: 2, height: 2 });
  requireEqual('gray', [...picture.data], [0, 0, 0, 0, 0, 0, 255, 51, 0, 0, 102, 153]);
  const path = join(folder, 'gray.png');
  writeFileSync(path, await encodePng(picture));
  requireEqual('channels', (await sharp(path).metadata()).channels, 1);
  const planes = await readPlanes(await openImage(path), { gray: true });
  requireClose(
    'planes',
    planes,
    Array.from(picture.data, byte => byte / 255),
    { absolute: 1e-6 },
  );
  const colour = blackPicture(2, 2, 3);
  paint(colour, [1, 0.2, 0.4], { left: 1, top: 1, width: 1, height: 1 });
  requireEqual('colour', [...colour.data], [...Array<number>(9).fill(0), 255, 51, 102]);
  const small = await readPlanes(await openImage(path), { width: 2, height: 5, gray: false });
  requireEqual('numbers of another size', small.length, 30);
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
  const errors = [{ name: 'test', points: [[0, 2e-3] as const, [10, 3e-5] as const] }];
  const small = linePlot(errors, { title: '', x: 'step', y: 'MSE', logarithmic: { y: true } });
  for (const text of ['>0.0001<', '>0.001<']) require(`${text} is no label`, small.includes(text));
});
