/** Files of meshes and volumes: read as they were written, refused with the reason where damaged, and never a crash. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { unzipSync, zipSync } from 'fflate';
import { type Layer, largestComponent, torchLayers } from '../../scripts/signedDistance.js';
import { marchingCubes } from '../../src/geometry/marchingCubes.js';
import {
  decodeMesh,
  encodeMesh,
  type MeshFormat,
  meshFormatOf,
  meshFormats,
  readMesh,
} from '../../src/io/mesh/meshFile.js';
import { decodeNpy, npyHeader, writeNpy } from '../../src/io/npy.js';
import { decodeVolume, readVolume } from '../../src/io/volumeFile.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { damaged, readOrRefused, reworded } from '../helpers/fuzz.js';
import { random } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { solidVolume } from '../reference/host/solid.js';

const test = suite('meshes and volumes');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-mesh-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (data: string | Uint8Array): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(typeof data === 'string' ? new TextEncoder().encode(data) : data);
const decode = (format: MeshFormat, data: string | Uint8Array) => decodeMesh('x', format, bytesOf(data));

/** A tetrahedron of volume 1/6 in every format. */
const corners = ['0 0 0', '1 0 0', '0 1 0', '0 0 1'];
const faces = [
  [0, 2, 1],
  [0, 1, 3],
  [0, 3, 2],
  [1, 2, 3],
];
const obj = `# a tetrahedron\n${corners.map(v => `v ${v}\n`).join('')}vn 0 0 1\n${faces.map(f => `f ${f.map(i => `${i + 1}//1`).join(' ')}\n`).join('')}`;
const plyHeader = (format: string, vertices = 4, count = 4) =>
  `ply\nformat ${format} 1.0\ncomment made by hand\nelement vertex ${vertices}\nproperty float x\nproperty float y\nproperty float z\nelement face ${count}\nproperty list uchar int vertex_indices\nend_header\n`;
const plyText = `${plyHeader('ascii')}${corners.join('\n')}\n${faces.map(f => `3 ${f.join(' ')}\n`).join('')}`;
const stlText = `solid s\n${faces
  .map(f => `facet normal 0 0 0\nouter loop\n${f.map(i => `vertex ${corners[i]}\n`).join('')}endloop\nendfacet\n`)
  .join('')}endsolid s\n`;
const tetrahedron = decode('obj', obj);
const binary = { ply: encodeMesh(tetrahedron, 'ply') as Uint8Array, stl: encodeMesh(tetrahedron, 'stl') as Uint8Array };

/** The same with some bytes changed. */
function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

test('meshes: a tetrahedron is the same from OBJ, PLY and STL, text and binary', () => {
  for (const [name, format, data] of [
    ['obj', 'obj', obj],
    ['ply', 'ply', plyText],
    ['ply with line ends of Windows', 'ply', plyText.replaceAll('\n', '\r\n')],
    ['stl', 'stl', stlText],
    ['binary ply', 'ply', binary.ply],
    ['binary stl', 'stl', binary.stl],
  ] as const) {
    const { positions, triangles } = decode(format, data);
    requireEqual(`${name}: counts`, [positions.length, triangles.length], [12, 12]);
    requireClose(`${name}: volume`, [solidVolume(positions, triangles)], [1 / 6], { relative: 1e-7 });
  }
  const quads = obj
    .replace('f 1//1 3//1 2//1\n', 'v 0.5 0.5 0\nf 1//1 3//1 5//1 2//1\n')
    .replace('f 2//1 3//1 4//1', 'f 2//1 5//1 3//1 4//1');
  requireClose('with quads', [solidVolume(decode('obj', quads).positions, decode('obj', quads).triangles)], [1 / 6], {
    relative: 1e-6,
  });
});

test('meshes: what is written in each format is read again, vertex by vertex', async () => {
  const ripples = Float32Array.from({ length: 7 ** 3 }, (_, at) => {
    const point = [Math.floor(at / 49), Math.floor(at / 7) % 7, at % 7];
    return 2.4 - Math.hypot(...point.map(x => x - 3)) + 0.2 * random();
  });
  const surface = marchingCubes(ripples, [7, 7, 7], 0);
  const volume = solidVolume(surface.positions, surface.triangles);
  for (const format of meshFormats) {
    const path = join(folder, `surface.${format}`);
    writeFileSync(path, encodeMesh(surface, format));
    requireEqual('format', meshFormatOf(path), format);
    const again = await readMesh(path, format);
    requireEqual(`${format}: triangles`, again.triangles.length, surface.triangles.length);
    requireClose(`${format}: volume`, [solidVolume(again.positions, again.triangles)], [volume], { relative: 1e-6 });
  }
  requireEqual('another name', meshFormatOf('surface.gltf'), undefined);
});

/** The binary STL with another count, and bytes of no face after its last. */
const wrongCount = (claimed: number, more: number) =>
  patched(new Uint8Array([...binary.stl, ...new Uint8Array(more)]), 80, [claimed]);

test('meshes: holes are told by where they are, vertices that are none are named, and claims are held against the file', async () => {
  const nan = [0, 0, 0xc0, 0x7f];
  const vertices = new TextDecoder('latin1').decode(binary.ply).indexOf('end_header\n') + 'end_header\n'.length;
  const cases: [MeshFormat, string | Uint8Array, RegExp][] = [
    ['obj', obj.replace(/f 2.*\n/, ''), /has holes: 3 edges belong to one face alone, around one hole, at \(0\.333/],
    [
      'obj',
      `${obj}v 9 9 9\nf 1 2 5\n`,
      /has holes: 2 edges .*, and 1 edges of three faces or more, the first at \(0\.5, 0, 0\)/,
    ],
    ['obj', obj.replace('v 1 0 0', 'v 1 nan 0'), /vertex 1, from 0, is at \(1, NaN, 0\)/],
    ['obj', obj.replace('v 1 0 0', 'v 1 1e999 0'), /vertex 1, from 0, is at \(1, Infinity, 0\)/],
    ['obj', obj.replace('v 1 0 0', 'v 1 4,5 0'), /line 3: "4,5" is no number: write numbers with a decimal point/],
    ['obj', obj.replace('v 1 0 0', 'v 1,000.0 0 0'), /line 3: "1,000\.0" is no number/],
    ['obj', obj.replace('v 1 0 0', 'v 1 0'), /line 3: a vertex of 2 numbers/],
    ['obj', obj.replace('f 1//1', 'f 9//1'), /line 7: a face has vertex 9, and there are 4/],
    ['obj', obj.replace('f 1//1', 'f x'), /line 7: "x" is no vertex/],
    ['obj', obj.replace('f 1//1 3//1 2//1', 'f 1 3'), /line 7: a face of 2 corners/],
    ['obj', corners.map(v => `v ${v}\n`).join(''), /has no faces/],
    ['obj', 'v 0 0 0\nv 1 0 0\nf 1 2 1\n', /has no faces/],
    ['obj', 'no mesh at all', /line 1: "no" is no statement of a polygon mesh/],
    ['obj', 'v 0 0 5\nv 1 0 5\nv 0 1 5\nf 1 2 3\n', /is flat: all its vertices have z 5/],
    ['ply', plyText.replace('\n1 0 0', '\n1 nan 0'), /vertex 1, from 0, is at \(1, NaN, 0\)/],
    ['ply', plyText.replace('\n1 0 0', '\n1 4,5 0'), /line 12: "4,5" is no number/],
    ['ply', plyText.replace('\n1 0 0', '\n1 0'), /line 12: vertex 1, from 0, has 2 numbers, and takes more/],
    ['ply', plyText.replace('\n1 0 0', '\n1 0 0 0'), /line 12: vertex 1, from 0, has 4 numbers, and takes 3/],
    ['ply', `${plyText}0`, /goes on after its last element/],
    ['ply', patched(binary.ply, vertices + 4, nan), /vertex 0, from 0, is at \(\S+, NaN, \S+\)/],
    ['ply', plyText.replace('3 0 1 3\n', '3 0 1 9\n'), /face 1, from 0, has vertex 9, which is none/],
    ['ply', plyText.replace('3 0 1 3\n', '3 0 1 1.5\n'), /face 1, from 0, has vertex 1\.5, which is none/],
    ['ply', plyHeader('ascii', 0, 0), /has no faces/],
    ['ply', plyHeader('ascii', 4, 1e9), /claims elements of at least \d+ bytes and has 0/],
    ['ply', `${plyHeader('binary_little_endian', 4e9, 4)}0`, /claims elements of at least 48000000004 bytes and has 1/],
    ['ply', plyHeader('ascii').replace('vertex 4', 'vertex -4'), /has an element without a count/],
    ['ply', plyHeader('ascii').replace('float y', 'string y'), /has a property of no known type/],
    ['ply', plyHeader('ascii').replace('ascii', 'utf-8'), /is of no known PLY format/],
    ['ply', plyHeader('ascii').replace('comment', 'remark'), /has a header line that PLY does not know/],
    ['ply', `ply\nformat ascii 1.0\nelement vertex 99999999\nend_header\n`, /has elements without properties/],
    ['ply', 'plain text', /has no PLY header/],
    ['ply', binary.ply.subarray(0, binary.ply.length - 1), /claims elements|ends in face 3/],
    ['ply', plyText.replace(/3 1 2 3\n$/, '5 0 1 2 3 3\n'), /has holes|edges of an odd number/],
    ['stl', binary.stl.subarray(0, 250), /claims 4 faces of 50 bytes and has 166 bytes/],
    ['stl', binary.stl.subarray(0, 50), /has 50 bytes, too few for a header/],
    ['stl', patched(binary.stl, 96, nan), /corner 0 of face 0, from 0, is at \(NaN, \S+, \S+\)/],
    ['stl', stlText.replace('vertex 1 0 0', 'vertex nan 0 0'), /corner 2 of face 0, from 0, is at \(NaN, 0, 0\)/],
    ['stl', stlText.replace('vertex 1 0 0', 'vertex 1,0 0 0'), /line 6: "1,0" is no number/],
    ['stl', stlText.replace('vertex 1 0 0', 'vertex 1 0'), /line 6: "" is no number/],
    ['stl', stlText.replace(/endfacet\nendsolid/, 'endsolid'), /line 29: "endsolid" does not belong there/],
    ['stl', stlText.replace(/endloop\nendfacet\nendsolid s\n/, ''), /ends in a face, after 4 that are whole/],
    ['stl', 'solid\nendsolid', /has no faces/],
    ['stl', stlText.replaceAll('\n', ' ').replace('vertex 1 0', 'vertex 1 x'), /line 1: "x" is no number/],
    ['stl', wrongCount(0, 3), /claims 0 faces of 50 bytes and has 203 bytes of them/],
    ['stl', wrongCount(2, 3), /claims 2 faces of 50 bytes and has 203 bytes of them/],
    ['stl', wrongCount(9, 3), /claims 9 faces of 50 bytes and has 203 bytes of them/],
    [
      'obj',
      obj.replace('v 1 0 0', 'v 1e39 0 0'),
      /is 1 along y and reaches to 1e\+39 along x, beside which nothing is left of it: scale it down along x/,
    ],
    ['obj', obj.replace('v 0 1 0', 'v 0 -1e300 0'), /is 1 along x and reaches to -1e\+300 along y/],
  ];
  for (const [format, data, message] of cases) {
    await requireThrows(String(message), () => decode(format, data), 'InputError', message);
  }
});

test('meshes: 9,000 damaged, reworded and random files are read, or refused in one line', () => {
  const taken = (format: MeshFormat) => (data: Uint8Array) => readOrRefused(() => decode(format, data));
  const bases: [MeshFormat, string | Uint8Array][] = [
    ['obj', obj],
    ['ply', plyText],
    ['ply', binary.ply],
    ['stl', stlText],
    ['stl', binary.stl],
  ];
  for (const [format, data] of bases) {
    fc.assert(fc.property(damaged(bytesOf(data)), taken(format)), { numRuns: 1000 });
    if (typeof data === 'string') fc.assert(fc.property(reworded(data), taken(format)), { numRuns: 1000 });
  }
  fc.assert(fc.property(reworded(plyHeader('binary_big_endian')), taken('ply')), { numRuns: 400 });
  for (const format of meshFormats)
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), taken(format)), { numRuns: 200 });
});

test('meshes: long runs of words that begin what never ends take no time, nor claims memory', () => {
  const start = performance.now();
  const before = process.memoryUsage().arrayBuffers;
  const long: [MeshFormat, string][] = [
    ['stl', `solid ${'facet '.repeat(3e5)}endsolid`],
    ['stl', `solid ${'solid '.repeat(3e5)}`],
    ['stl', `solid ${'endfacet '.repeat(3e5)}endsolid`],
    ['stl', `solid ${'vertex '.repeat(3e5)}endsolid`],
    ['stl', `solid vertex ${' '.repeat(1e6)}endsolid`],
    ['obj', 'f 1 1 1\n'.repeat(1e5)],
    ['obj', `f ${'1 '.repeat(3e5)}`],
    ['obj', `v${' '.repeat(1e6)}`],
    ['ply', `ply\n${'end_heade '.repeat(1e5)}`],
    ['ply', `${plyHeader('ascii')}${' '.repeat(1e6)}`],
    ['ply', `${plyHeader('ascii', 2e6, 0)}`],
  ];
  for (const [format, text] of long) readOrRefused(() => decode(format, text));
  readOrRefused(() => decode('stl', patched(binary.stl, 80, [255, 255, 255, 15])));
  const grown = process.memoryUsage().arrayBuffers - before;
  require(`${grown} bytes more`, grown < 2 ** 27);
  const seconds = (performance.now() - start) / 1000;
  require(`${seconds} s`, seconds < 30);
});

/** An NPY file of the given header text, version and data. */
function npyOf(header: string, dataBytes: number, version = 1, claimed?: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const lengthBytes = version === 1 ? 2 : 4;
  const bytes = new Uint8Array(8 + lengthBytes + text.length + dataBytes);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(bytes.buffer);
  if (lengthBytes === 2) view.setUint16(8, claimed ?? text.length, true);
  else view.setUint32(8, claimed ?? text.length, true);
  bytes.set(text, 8 + lengthBytes);
  return bytes;
}

const dictionary = (descr: string, shape: string, order = 'False') =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

test('NPY: what is written is read again; bool, uint8 and float32, versions 1 to 3, become insides', async () => {
  const path = join(folder, 'volume.npy');
  const numbers = Float32Array.from({ length: 24 }, () => random());
  await writeNpy(path, [2, 3, 4], put => put(0, numbers));
  const volume = await readVolume(path);
  requireEqual('shape', volume.shape, [2, 3, 4]);
  requireEqual(
    'inside',
    [...volume.inside],
    [...numbers].map(value => (value > 0.5 ? 1 : 0)),
  );
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i % 3);
  await writeNpy(path, [2, 3, 4], put => put(0, bytes), 'uint8');
  requireEqual(
    'bytes',
    [...(await readVolume(path)).inside],
    [...bytes].map(value => (value > 0 ? 1 : 0)),
  );
  for (const version of [1, 2, 3]) {
    const file = npyOf(dictionary('|b1', '(1, 1, 2)'), 2, version);
    file[file.length - 1] = 1;
    requireEqual(`version ${version}`, [...decodeVolume('x', file).inside], [0, 1]);
  }
  requireEqual('a number', decodeNpy('x', npyOf(dictionary('<f4', '()'), 4)).shape, []);
  requireEqual('a row', decodeNpy('x', npyOf(dictionary('|u1', '(3,)', 'True'), 3)).shape, [3]);
  const order = `{"shape": (1,), 'shape': (2,), 'fortran_order': False, 'descr': '|u1'}`;
  requireEqual('any order of the keys', decodeNpy('x', npyOf(order, 2)).shape, [2]);
});

test('NPY: numbers of every type, order of bytes and order of axes are what was put there', () => {
  const shape = [2, 3, 4];
  const numbers = Array.from({ length: 24 }, (_, i) => i % 5);
  const put: Readonly<Record<string, (view: DataView, at: number, value: number, little: boolean) => void>> = {
    b1: (view, at, value) => view.setUint8(at, value > 0 ? 1 : 0),
    u1: (view, at, value) => view.setUint8(at, value),
    i1: (view, at, value) => view.setInt8(at, -value),
    u2: (view, at, value, little) => view.setUint16(at, 300 * value, little),
    i2: (view, at, value, little) => view.setInt16(at, -300 * value, little),
    u4: (view, at, value, little) => view.setUint32(at, 1e9 * value, little),
    i4: (view, at, value, little) => view.setInt32(at, -4e8 * value, little),
    u8: (view, at, value, little) => view.setBigUint64(at, 2n ** 61n * BigInt(value), little),
    i8: (view, at, value, little) => view.setBigInt64(at, -(2n ** 60n) * BigInt(value), little),
    f2: (view, at, value, little) => view.setUint16(at, [0x0001, 0xbc00, 0x3555, 0x7bff, 0x4248][value], little),
    f4: (view, at, value, little) => view.setFloat32(at, value / 3, little),
    f8: (view, at, value, little) => view.setFloat64(at, value / 3, little),
  };
  const expected: Readonly<Record<string, (value: number) => number>> = {
    b1: value => Math.min(value, 1),
    u1: value => value,
    i1: value => -value,
    u2: value => 300 * value,
    i2: value => -300 * value,
    u4: value => 1e9 * value,
    i4: value => -4e8 * value,
    u8: value => 2 ** 61 * value,
    i8: value => -(2 ** 60) * value,
    f2: value => [2 ** -24, -1, 0x555 / 2 ** 12, 65504, 3.140625][value],
    f4: value => Math.fround(value / 3),
    f8: value => value / 3,
  };
  for (const [name, write] of Object.entries(put)) {
    const size = Number(name[1]);
    for (const order of size === 1 ? ['|'] : ['<', '>']) {
      for (const fortran of ['False', 'True']) {
        const file = npyOf(dictionary(`${order}${name}`, '(2, 3, 4)', fortran), 24 * size);
        const view = new DataView(file.buffer, file.length - 24 * size);
        numbers.forEach((value, at) => {
          const [i, j, k] = [Math.floor(at / 12), Math.floor(at / 4) % 3, at % 4];
          write(view, size * (fortran === 'True' ? i + 2 * (j + 3 * k) : at), value, order === '<');
        });
        const read = decodeNpy('x', file);
        const what = `${order}${name}, Fortran ${fortran}`;
        requireEqual(`${what}: shape`, read.shape, shape);
        requireClose(
          what,
          read.data,
          numbers.map(value => expected[name](value) + 0),
          {},
        );
      }
    }
  }
});

test('NPY: other types, ranks, orders, and headers that lie are refused with what is wrong', async () => {
  const nan = npyOf(dictionary('<f4', '(1, 2, 2)'), 16);
  nan.set([0, 0, 0xc0, 0x7f], nan.length - 8);
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(3), /is no NPY file/],
    [npyOf('', 0).subarray(0, 9), /has 9 bytes, too few for a header/],
    [npyOf(dictionary('|u1', '(1, 1, 1)'), 1, 4), /is of version 4\.0: use one from 1\.0 to 3\.0/],
    [npyOf('{}', 0, 1, 1000), /claims a header of 1000 bytes and has 12/],
    [npyOf('{}', 0, 2, 2 ** 32 - 1), /claims a header of 4294967295 bytes, above 65535/],
    [npyOf('{}', 0), /names no order or shape/],
    [
      npyOf(dictionary('<c8', '(1, 1, 1)'), 8),
      /is of type <c8: use bool, an integer type, float16, float32 or float64/,
    ],
    [npyOf(dictionary('|f4', '(1, 1, 1)'), 4), /is of type \|f4/],
    [npyOf(dictionary('<f3', '(1, 1, 1)'), 3), /is of type <f3/],
    [npyOf(dictionary('__proto__', '(1, 1, 1)'), 4), /is of type __proto__/],
    [npyOf(dictionary('|u1', '(2, 2)'), 4), /has 2 axes, of \(2, 2\): a volume has 3/],
    [npyOf(dictionary('|u1', '(1, 2, 2, 1)'), 4), /has 4 axes/],
    [npyOf(dictionary('|u1', '(2, 2, 2)'), 7), /of shape \(2, 2, 2\) and type uint8 takes 8 bytes and has 7/],
    [npyOf(dictionary('|u1', '(2, 2, 2)'), 9), /takes 8 bytes and has 9/],
    [npyOf(dictionary('<f4', '(65536, 65536, 65536)'), 4), /takes 1125899906842624 bytes and has 4/],
    [npyOf(dictionary('|u1', `(${'9'.repeat(30)}, 1, 1)`), 4), /has no shape that an array can have/],
    [nan, /is NaN at \(0, 1, 0\)/],
  ];
  for (const [bytes, message] of cases) {
    await requireThrows(String(message), () => decodeVolume('x', bytes), 'InputError', message);
  }
});

test('NPY: 6,000 damaged, reworded and random files are read, or refused in one line', () => {
  const taken = (bytes: Uint8Array) => readOrRefused(() => decodeVolume('x', bytes));
  const whole = new Uint8Array([...npyHeader([2, 3, 2], 'uint8'), ...new Uint8Array(12)]);
  fc.assert(fc.property(damaged(whole), taken), { numRuns: 3000 });
  fc.assert(
    fc.property(reworded(dictionary('|u1', '( 2 , 3 , 2 )')), header =>
      taken(npyOf(new TextDecoder().decode(header), 12)),
    ),
    { numRuns: 2000 },
  );
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 150 }), rest => taken(new Uint8Array([...magic, ...rest]))),
    { numRuns: 1000 },
  );
});

/** A file of torch.save as far as it is read. */
function torchFile(layers: readonly Layer[]): Uint8Array {
  const tensors = layers.flatMap(({ weights, bias }) => [weights, bias]);
  const entries = tensors.map((tensor, i) => [`model/data/${i}`, new Uint8Array(tensor.slice().buffer)] as const);
  const beside = { 'model/data.pkl': new Uint8Array(5), 'model/version': new Uint8Array(2) };
  return zipSync({ ...Object.fromEntries(entries.reverse()), ...beside }, { level: 0 });
}

test("networks of torch.save: the layers' shapes follow from their sizes, eleven of them in order; others are refused", async () => {
  const layerOf = (inputs: number, outputs: number, value: number): Layer => ({
    inputs,
    outputs,
    weights: Float32Array.from({ length: inputs * outputs }, (_, i) => value + i),
    bias: new Float32Array(outputs).fill(-value),
  });
  const layers = [layerOf(3, 5, 1), ...[2, 3, 4, 5].map(value => layerOf(5, 5, value)), layerOf(5, 1, 6)];
  const file = torchFile(layers);
  require('several digits', Object.keys(unzipSync(file)).includes('model/data/11'));
  requireEqual('layers', JSON.stringify(torchLayers('x', file, 3)), JSON.stringify(layers));
  const refused: [Uint8Array, RegExp][] = [
    [file.subarray(0, 100), /network x: is no zip/],
    [torchFile([]), /holds 0 tensors/],
    [torchFile([layerOf(3, 5, 1), layerOf(4, 1, 1)]), /layer 1 has 4 weights and 1 biases for 5 inputs/],
  ];
  for (const [bytes, message] of refused) {
    await requireThrows(String(message), () => torchLayers('x', bytes, 3), 'InputError', message);
  }
});

test('components: the largest is kept, neighbours along the axes alone belonging together', () => {
  const shape = [3, 3, 4];
  const volume = new Uint8Array(36);
  const at = (i: number, j: number, k: number) => (i * 3 + j) * 4 + k;
  const small = [at(0, 0, 0), at(0, 0, 1)];
  const large = [at(1, 1, 1), at(1, 1, 2), at(1, 2, 2), at(2, 2, 2)];
  for (const point of [...small, ...large, at(0, 2, 3)]) volume[point] = 1;
  const kept = [...largestComponent(volume, shape)].flatMap((one, i) => (one === 1 ? [i] : []));
  requireEqual(
    'kept',
    kept,
    [...large].sort((a, b) => a - b),
  );
  requireEqual('nothing', Math.max(...largestComponent(new Uint8Array(36), shape)), 0);
});
