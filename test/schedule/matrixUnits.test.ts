/** The schedule of matrix units: its text as it is to Dawn's compiler, its numbers on units that are emulated, and the emulation itself. */

import { create } from 'webgpu';
import { layoutOf } from '../../src/buffer/layout.js';
import type { Device } from '../../src/device/device.js';
import { productOfParts } from '../../src/ops/linear/product.js';
import { matrixFeatures, openEngine, useMatrixUnits } from '../../src/public/node.js';
import { chooseCut } from '../../src/schedule/cut.js';
import { type MatrixUnit, matrixSchedule, takeMatrixUnits, tileOnUnits } from '../../src/schedule/matrixUnits.js';
import { productDispatch } from '../../src/schedule/product.js';
import { type Schedule, workgroupSchedule } from '../../src/schedule/schedule.js';
import { choose } from '../../src/schedule/table.js';
import * as linear from '../../src/wgsl/linear.js';
import { subgroupMatrix } from '../../src/wgsl/schedule.js';
import { refusedKernels } from '../helpers/acceptance.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { emulatedSchedule, emulation } from '../helpers/matrixUnits.js';
import { productTolerance } from '../helpers/products.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { type ProductInput, product } from '../reference/linear/product.js';

const test = suite('matrix units');
const seconds = 300;

/** What drivers offer: NVIDIA's, Intel's, AMD's in its two modes, Apple's. */
const offered: readonly MatrixUnit[] = [
  { rows: 16, columns: 16, inner: 16, subgroup: 32 },
  { rows: 8, columns: 16, inner: 16, subgroup: 16 },
  { rows: 16, columns: 16, inner: 16, subgroup: 64 },
  { rows: 8, columns: 8, inner: 8, subgroup: 32 },
];
/** The least to compile: each of four subgroups has one matrix. */
const small: MatrixUnit = { rows: 16, columns: 16, inner: 16, subgroup: 16 };

/** On Dawn's null backend, which compiles everything and computes nothing. */
async function onNull<T>(work: (gpu: GPUDevice) => Promise<T>): Promise<T> {
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = (await gpu.requestAdapter()) as GPUAdapter;
  const features = ['chromium-experimental-subgroup-matrix', 'shader-f16', 'subgroups'] as GPUFeatureName[];
  const open = await adapter.requestDevice({ requiredFeatures: features });
  try {
    return await work(open);
  } finally {
    open.destroy();
  }
}

/** A kernel that multiplies op(a) (rows, inner) and op(b) (inner, columns). */
function dispatchOf(
  schedule: Schedule,
  [rows, columns, inner]: readonly [number, number, number],
  [a, b]: readonly [Float64Array, Float64Array],
  [transposeLeft, transposeRight] = [false, false],
) {
  const left = filled(layoutOf(transposeLeft ? [inner, rows] : [rows, inner]), a);
  const right = filled(layoutOf(transposeRight ? [columns, inner] : [inner, columns]), b);
  const result = poisoned(layoutOf([rows, columns]));
  const [first, second, third] = [left, right, result].map(({ layout }) => layout.parts[0]);
  const problems = [productOfParts(first, second, third, { transposeLeft })];
  const buffers = { left: left.storage, right: right.storage, result: result.storage };
  const constants = { LEFT_TRANSPOSED: transposeLeft, RIGHT_TRANSPOSED: transposeRight, BLEND: false };
  return { result, dispatch: productDispatch(device, linear.product, { constants, problems, buffers }, schedule) };
}

async function multiplied(...given: Parameters<typeof dispatchOf>): Promise<Float32Array> {
  const { result, dispatch } = dispatchOf(...given);
  await run([dispatch]);
  return contentOf(result);
}

test(
  'every kernel is accepted with the text as it is, and a pipeline made of it for what each driver offers',
  async () => {
    await onNull(async gpu => {
      requireEqual('refused', await refusedKernels(gpu), []);
      for (const unit of offered) {
        const schedule = matrixSchedule(unit, 64) as Schedule;
        const { source } = dispatchOf(schedule, [1, 1, 1], [randoms(1), randoms(1)]).dispatch;
        await gpu.createComputePipelineAsync({
          layout: 'auto',
          compute: { module: gpu.createShaderModule({ code: source }) },
        });
      }
    });
  },
  seconds,
);

test('products of at least 1024 everywhere have it, where the units divide a tile', () => {
  const [unit] = offered;
  const idOf = (rows: number, columns: number, inner: number): string | undefined =>
    tileOnUnits({ problems: [{ rows, columns, inner }] }, unit)?.id;
  requireEqual('large', idOf(1024, 4096, 1024), 'subgroupMatrix 16x16x16 64');
  for (const [rows, columns, inner] of [
    [1023, 4096, 4096],
    [4096, 1023, 4096],
    [4096, 4096, 1023],
  ])
    requireEqual(`${rows} x ${columns} x ${inner}`, idOf(rows, columns, inner), undefined);
  requireEqual('units of 128 columns', matrixSchedule({ ...unit, columns: 128 }, 64), undefined);
  requireEqual('an inner axis of 32', matrixSchedule({ ...unit, inner: 32 }, 64), undefined);
  requireEqual('subgroups of 256', matrixSchedule({ ...unit, subgroup: 256 }, 64), undefined);
});

/** A device that was asked for what its adapter offers. */
function deviceWith(
  subgroupMatrixConfigs: readonly object[],
  features: readonly string[] = matrixFeatures,
  lanes = 32,
) {
  const gpu = { features: new Set(features), adapterInfo: { subgroupMatrixConfigs } };
  const facts = { vendor: 'nvidia', architecture: 'hopper', description: '' };
  const limits = { maxComputeWorkgroupsPerDimension: 65_535, maxStorageBuffersPerShaderStage: 8 };
  const rest = { facts, limits, cpu: false, tuning: new Map(), options: {} };
  return { gpu, ...rest, ...(lanes > 0 && { subgroupSize: lanes }) } as unknown as Device;
}

const config = (M: number, N: number, K: number, componentType = 'f16', resultComponentType = 'f32') => ({
  componentType,
  resultComponentType,
  M,
  N,
  K,
});

test('a device that was asked takes the largest of the units that it offers, for large products and no others', () => {
  const one = deviceWith([
    config(16, 16, 16, 'f16', 'f16'),
    config(16, 8, 16),
    config(16, 16, 16),
    config(16, 16, 32, 'i8', 'i32'),
    config(128, 128, 16),
  ]);
  const chosen = (rows: number, columns: number, inner: number) => {
    const products = { problems: [{ rows, columns, inner }] };
    const { schedule, parts } = chooseCut(one, 'key', products);
    return [choose(one, 'key', products).id, schedule.id, parts];
  };
  requireEqual('not asked', chosen(2048, 2048, 2048), ['workgroup 128', 'workgroup 128', 0]);
  takeMatrixUnits(one, 'matrixUnits');
  const id = 'subgroupMatrix 16x16x16 64';
  requireEqual('large', chosen(2048, 2048, 2048), [id, id, 0]);
  requireEqual('long', chosen(1024, 1024, 10_000), [id, id, 1]);
  requireEqual('narrow', chosen(2048, 1000, 2048), ['workgroup 64', 'workgroup 128', 2]);
});

test('who asks for matrix units where there are none is told which adapter, what it lacks and the remedy', async () => {
  const remedy = 'leave it out, or use another adapter$';
  const refused: readonly (readonly [Device, string])[] = [
    [
      deviceWith([config(16, 16, 16)], ['shader-f16']),
      'lacks chromium-experimental-subgroup-matrix, or the device was not asked for it',
    ],
    [deviceWith([config(16, 16, 16)], matrixFeatures, 0), 'has no subgroups, or some of several sizes'],
    [
      deviceWith([config(8, 8, 8, 'f32'), config(8, 8, 8, 'f16', 'f16')]),
      'multiplies no matrices of float16 with sums in float32 that divide a tile',
    ],
  ];
  for (const [one, why] of refused) {
    const message = new RegExp(`^of a test: the adapter hopper ${why}: ${remedy}`);
    await requireThrows(why, () => takeMatrixUnits(one, 'of a test'), 'InputError', message);
  }
  const lacking = (option: string) =>
    new RegExp(`^${option}: the adapter SwiftShader.* lacks chromium-experimental-subgroup-matrix.*${remedy}`);
  const embedded = () => openEngine({ adapter: 'embedded', matrixUnits: true });
  await requireThrows('embedded', embedded, 'InputError', lacking('matrixUnits'));
  const adapter = 'hardware';
  const onNull = () =>
    openEngine({ adapter, dawn: ['backend=null', 'enable-dawn-features=skip_validation'], matrixUnits: true });
  await requireThrows(
    'null',
    onNull,
    'InputError',
    /^matrixUnits: the adapter .* has no subgroups, or some of several sizes: /,
  );
  await requireThrows('a host', () => useMatrixUnits(engine), 'InputError', lacking('useMatrixUnits'));
});

test('units are read off what a host says of the adapter where its device says nothing', () => {
  const { gpu, ...rest } = deviceWith([]);
  const { features } = gpu;
  const info = { subgroupMatrixConfigs: [config(16, 16, 16)] };
  const one = { ...rest, gpu: { features }, options: { info } } as unknown as Device;
  takeMatrixUnits(one, 'matrixUnits');
  const products = { problems: [{ rows: 2048, columns: 2048, inner: 2048 }] };
  requireEqual('chosen', choose(one, 'key', products).id, 'subgroupMatrix 16x16x16 64');
});

/** 2^-24 Σ|terms| and 2^-48 n X Y, X and Y the largest numbers of a row and a column in 128: bench/NOTES.md. */
function boundOf({ rows, columns, inner, a, b }: ProductInput): Float64Array {
  const [x, y] = [a.map(Math.abs), b.map(Math.abs)];
  const terms = product({ rows, columns, inner, a: x, b: y });
  // A device may take what is not normal for zero: of operands, and of a chunk's sum.
  const flushed = (values: Float64Array) => values.map(value => Math.min(value, 2 ** -126));
  const left = product({ rows, columns, inner, a: flushed(x), b: y });
  const right = product({ rows, columns, inner, a: x, b: flushed(y) });
  return terms.map((sum, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let lost = 0;
    for (let chunk = 0; chunk < inner; chunk += 128) {
      let [most, widest] = [0, 0];
      const end = Math.min(inner, chunk + 128);
      for (let u = chunk; u < end; u++) {
        most = Math.max(most, x[row * inner + u]);
        widest = Math.max(widest, y[u * columns + column]);
      }
      lost += (end - chunk) * most * widest;
    }
    const notNormal = left[i] + right[i] + Math.ceil(inner / 128) * 2 ** -126;
    return (400 + inner / 128) * 2 ** -24 * sum + 2 ** -48 * lost + notNormal;
  });
}

/** Each result within the bound. */
function requireWithin(what: string, got: Float32Array, input: ProductInput): void {
  const [expected, bound] = [product(input), boundOf(input)];
  expected.forEach((wanted, i) => {
    require(`${what}: ${got[i]} at ${i}, ${wanted} within ${bound[i]}`, Math.abs(got[i] - wanted) <= bound[i]);
  });
}

for (const unit of offered.slice(0, 3)) {
  test(
    `tiles of 64 with ${unit.rows} x ${unit.columns} x ${unit.inner} and ${unit.subgroup} lanes: past a tile and a chunk, as the twin has it`,
    async () => {
      const size = [randomInteger(65, 130), randomInteger(65, 130), randomInteger(129, 300)] as const;
      const [rows, columns, inner] = size;
      const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
      const got = await multiplied(emulatedSchedule(unit, 64), size, [a, b]);
      requireWithin(size.join(' x '), got, { rows, columns, inner, a, b });
      requireNorm(size.join(' x '), got, product({ rows, columns, inner, a, b }), 1e-6);
    },
    seconds,
  );
}

test(
  'from 1024 numbers of the inner axis on it is as near to the twin as a tile in float32',
  async () => {
    const size = [31, 33, randomInteger(1024, 1400)] as const;
    const [rows, columns, inner] = size;
    const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
    const expected = product({ rows, columns, inner, a, b });
    const errors: number[] = [];
    for (const schedule of [emulatedSchedule(small, 32), workgroupSchedule(8, 1)]) {
      const got = await multiplied(schedule, size, [a, b]);
      errors.push(Math.hypot(...expected.map((wanted, i) => got[i] - wanted)));
    }
    require(`${errors[0]} and ${errors[1]}`, errors[0] <= 1.5 * errors[1]);
  },
  seconds,
);

const power = (most: number) => 10 ** (2 * most * Math.random() - most);

test(
  'numbers of many magnitudes, in rows, in columns and beside each other, are within the bound',
  async () => {
    const size = [41, 37, 333] as const;
    const [rows, columns, inner] = size;
    const schedule = emulatedSchedule(small, 32);
    const scaled = (values: Float64Array, scaleOf: (i: number) => number) =>
      values.map((x, i) => Math.fround(x * scaleOf(i)));
    const [wide, high] = [
      Array.from({ length: rows }, () => power(30)),
      Array.from({ length: columns }, () => power(8)),
    ];
    const cases: Record<string, readonly [Float64Array, Float64Array]> = {
      'rows of 1e-30 to 1e30': [
        scaled(randoms(rows * inner), i => wide[Math.floor(i / inner)]),
        scaled(randoms(inner * columns), i => high[i % columns] * 1e-3),
      ],
      'numbers of 1e-6 to 1e6 in one row': [
        scaled(randoms(rows * inner), () => power(6)),
        scaled(randoms(inner * columns), () => power(6)),
      ],
      'a huge one in each row': [
        scaled(randoms(rows * inner), i => (i % inner === 200 ? 1e20 : 1)),
        randoms(inner * columns),
      ],
      'rows that are not normal': [
        scaled(randoms(rows * inner), () => 1e-39),
        scaled(randoms(inner * columns), () => 1e30),
      ],
      zeros: [new Float64Array(rows * inner), randoms(inner * columns)],
    };
    for (const [what, [a, b]] of Object.entries(cases)) {
      const got = await multiplied(schedule, size, [a, b]);
      requireWithin(what, got, { rows, columns, inner, a, b });
    }
  },
  seconds,
);

test(
  'what is not finite makes its row or column NaN, and nothing else',
  async () => {
    const size = [35, 34, 100] as const;
    const [rows, columns, inner] = size;
    const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
    a[3 * inner + 5] = Number.NaN;
    a[33 * inner + 90] = Number.POSITIVE_INFINITY;
    b[7 * columns + 17] = Number.NEGATIVE_INFINITY;
    const got = await multiplied(emulatedSchedule(small, 32), size, [a, b]);
    const expected = product({ rows, columns, inner, a, b });
    expected.forEach((x, i) => {
      if (!Number.isFinite(x)) expected[i] = Number.NaN;
    });
    requireClose('beside what is not finite', got, expected, productTolerance(inner));
  },
  seconds,
);

test(
  'the emulation sees a wrong text: a layout, a stride, a plane or a place other than the right one',
  async () => {
    const size = [33, 34, 35] as const;
    const [rows, columns, inner] = size;
    const [a, b] = [randoms(rows * inner), randoms(inner * columns)];
    const expected = product({ rows, columns, inner, a, b });
    const wrong: Record<string, readonly [RegExp, string]> = {
      'the left operand by rows': [/Left,col_major/g, 'Left,row_major'],
      'the right operand by columns': [/Right,row_major/g, 'Right,col_major'],
      'no slack after the tiles': [/(array<f16,4\*\w+)\+TILE>/, '$1>'],
      'sums of all subgroups in one place': [
        /subgroup_id\)(\w+):u32(.*?)\{/,
        'subgroup_id)other:u32$2{let $1=0u*other;',
      ],
    };
    const { source } = subgroupMatrix;
    for (const [what, [found, by]] of Object.entries(wrong)) {
      require(`${what}: nothing is like ${found}`, found.test(source));
      const text = emulation({ ...subgroupMatrix, source: source.replace(found, by) });
      const got = await multiplied(emulatedSchedule(small, 32, text), size, [a, b]);
      await requireThrows(
        what,
        () => requireClose(what, got, expected, productTolerance(inner)),
        'AssertionError',
        /worst at index/,
      );
    }
  },
  seconds,
);
