/** The kernels of the full eigendecomposition against their float64 twins. */

import { layoutOf, padded, stackOf } from '../../src/buffer/layout.js';
import type { Operand } from '../../src/graph/operation.js';
import { type Dispatch, dispatch } from '../../src/kernel/dispatch.js';
import * as kernels from '../../src/wgsl/eigen.js';
import * as elementwise from '../../src/wgsl/elementwise.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, filled, poisoned, run } from '../helpers/gpu.js';
import { random, randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { compactWy } from '../reference/eigen/compactWy.js';
import { gershgorin } from '../reference/eigen/gershgorin.js';
import { householder } from '../reference/eigen/householder.js';
import { jacobiBatch } from '../reference/eigen/jacobiBatch.js';
import { orderPairs } from '../reference/eigen/orderPairs.js';
import { resolved } from '../reference/eigen/resolved.js';
import { rotateRows, type Sweep } from '../reference/eigen/rotateRows.js';
import { shift } from '../reference/eigen/shift.js';
import { trailingUpdate } from '../reference/eigen/trailingUpdate.js';
import { tridiagonalQl } from '../reference/eigen/tridiagonalQl.js';
import { unitScale } from '../reference/eigen/unitScale.js';
import { identity } from '../reference/elementwise/identity.js';
import { product } from '../reference/linear/product.js';

const test = suite('kernels: eigendecomposition');
const workgroups = [1, 8, 64];

function symmetric(n: number, range = 1): Float64Array {
  const values = randoms(n * n, range);
  return values.map((_, at) => values[Math.max(at, (at % n) * n + Math.floor(at / n))]);
}

const flat = (lists: readonly ArrayLike<number>[]) => lists.flatMap(list => Array.from(list));
const quadOf = ({ layout }: Operand, i = 0) => layout.parts[i].offset / 4;
const quadsOf = ({ layout }: Operand, i = 0) => layout.parts[i].stride / 4;

test('jacobiBatch: eigenpairs of many matrices of sizes 1 to 64 in one dispatch match float64', async () => {
  const sizes = [1, 2, 3, 4, 7, 16, 33, 64];
  for (const workgroup of workgroups) {
    const matrices = sizes.map(n => symmetric(n));
    const layout = stackOf(sizes.map(n => [n, n]));
    const matrix = filled(layout, flat(matrices));
    const [vectors, work, values] = [poisoned(layout), poisoned(layout), poisoned(stackOf(sizes.map(n => [n])))];
    await run([
      dispatch(kernels.jacobiBatch, {
        constants: { WORKGROUP: workgroup, MOST_SIZE: 64 },
        problems: sizes.map((size, i) => ({
          size,
          matrix: layout.parts[i].offset,
          matrixStride: layout.parts[i].stride,
          vectors: quadOf(vectors, i),
          vectorsStride: quadsOf(vectors, i),
          work: quadOf(work, i),
          workStride: quadsOf(work, i),
          values: values.layout.parts[i].offset,
          tolerance: 5e-8,
        })),
        buffers: { matrix: matrix.storage, values: values.storage, vectors: vectors.storage, work: work.storage },
        workgroups: [sizes.length, 1, 1],
      }),
    ]);
    const [allValues, allVectors] = [await contentOf(values), Float64Array.from(await contentOf(vectors))];
    let [at, atVector] = [0, 0];
    sizes.forEach((n, i) => {
      const expected = jacobiBatch(matrices[i], n).values;
      const norm = Math.max(...expected.map(Math.abs));
      requireClose(`values of ${n}`, allValues.slice(at, at + n), expected, { absolute: n * 1.2e-7 * norm });
      const v = allVectors.slice(atVector, atVector + n * n);
      const square = { rows: n, columns: n, inner: n };
      const turned = product({ ...square, a: v, b: matrices[i] });
      const diagonal = product({ ...square, a: turned, b: v, transposeRight: true });
      const off = diagonal.filter((_, place) => place % (n + 1) !== 0);
      require(`V A V^T of ${n} is no diagonal`, off.every(x => Math.abs(x) <= 1e-5 * norm));
      at += n;
      atVector += n * n;
    });
  }
});

test('unitScale: largest elements from 1e-30 to 1e30 come into [1, 2), padding and added rows are zero', async () => {
  for (const size of [1, 5, 66]) {
    for (const range of [1e-30, 1e-3, 1, 1e30]) {
      const values = symmetric(size, range);
      const matrix = filled(layoutOf([size, size]), values);
      const [result, scale] = [poisoned(layoutOf([padded(size), padded(size)])), poisoned(layoutOf([1]))];
      await run([unitScaleDispatch(size, matrix, result, scale)]);
      const expected = unitScale(values);
      requireEqual('scale', (await contentOf(scale))[0], expected.scale);
      const whole = Float64Array.from({ length: padded(size) ** 2 }, (_, at) => {
        const [row, column] = [Math.floor(at / padded(size)), at % padded(size)];
        return row < size && column < size ? expected.scaled[row * size + column] : 0;
      });
      requireClose(`${size} within ${range}`, await contentOf(result), whole, {});
    }
  }
});

test('unitScale: zero keeps its scale, and a NaN or an infinity makes the scale NaN', async () => {
  const size = 6;
  for (const [value, expected] of [
    [0, 1],
    [Number.NaN, Number.NaN],
    [Number.POSITIVE_INFINITY, Number.NaN],
  ]) {
    const values = new Float64Array(size * size);
    values[size * size - 1] = value;
    const matrix = filled(layoutOf([size, size]), values);
    const [result, scale] = [poisoned(layoutOf([8, 8])), poisoned(layoutOf([1]))];
    await run([unitScaleDispatch(size, matrix, result, scale)]);
    requireEqual(`scale for ${value}`, String((await contentOf(scale))[0]), String(expected));
  }
});

function unitScaleDispatch(size: number, matrix: Operand, result: Operand, scale: Operand): Dispatch {
  return dispatch(kernels.unitScale, {
    constants: { WORKGROUP: 8 },
    problems: [{ size, matrix: 0, matrixStride: quadsOf(matrix), result: 0, resultStride: quadsOf(result), scale: 0 }],
    buffers: { matrix: matrix.storage, result: result.storage, scale: scale.storage },
    workgroups: [1, 1, 1],
  });
}

/** A vector that is zero up to its k-th element, of length sqrt(2). */
function reflector(size: number, k: number): Float64Array {
  const values = randoms(size).map((x, i) => (i > k ? x : 0));
  return values.map(x => Math.fround((Math.SQRT2 * x) / Math.hypot(...values)));
}

/** Padded to whole quads by zeros, as the kernels leave it. */
function withZeros(values: Float64Array, size: number): Float64Array {
  const width = padded(size);
  return Float64Array.from({ length: (values.length / size) * width }, (_, at) =>
    at % width < size ? values[Math.floor(at / width) * size + (at % width)] : 0,
  );
}

test('householder: the first, a middle and the last column match, and one that is zero already gets no reflector', async () => {
  for (const workgroup of workgroups) {
    for (const [size, k, isZero] of [
      [2, 0, false],
      [9, 0, false],
      [70, 37, false],
      [70, 31, false],
      [11, 8, false],
      [11, 9, false],
      [13, 4, true],
    ] as const) {
      const bands = Math.ceil(size / 32);
      const row = randoms(size).map((x, j) => (isZero && j > k ? 0 : x));
      const previous = isZero || k === 0 ? new Float64Array(size) : reflector(size, k - 1);
      const shares = k === 0 ? new Float64Array(bands * size) : randoms(bands * size);
      const image = Float64Array.from({ length: size }, (_, j) => {
        let sum = 0;
        for (let band = Math.floor(k / 32); band < bands; band++) sum += shares[band * size + j];
        return j < k ? 0 : sum;
      });
      const width = padded(size);
      const matrix = filled(
        layoutOf([width, width]),
        withZeros(
          Float64Array.from({ length: width * size }, (_, at) => row[at % size]),
          size,
        ),
      );
      const stored = new Float64Array(size * size);
      if (k > 0) stored.set(previous, (k - 1) * size);
      const reflectors = filled(layoutOf([size, width]), withZeros(stored, size));
      const partial = filled(layoutOf([bands, width]), withZeros(shares, size));
      const pending = poisoned(layoutOf([width]));
      const tridiagonal = filled(layoutOf([2, size]), new Float64Array(2 * size).fill(-77));
      await run([
        dispatch(kernels.householder, {
          constants: { WORKGROUP: workgroup, BAND: 32 },
          problems: [placesOf(size, k)],
          buffers: {
            matrix: matrix.storage,
            partial: partial.storage,
            reflectors: reflectors.storage,
            pending: pending.storage,
            tridiagonal: tridiagonal.storage,
          },
          workgroups: [1, 1, 1],
        }),
      ]);
      const expected = householder(row, k, previous, image);
      const what = `size ${size}, column ${k}`;
      const rows = await contentOf(reflectors);
      requireClose(`${what}: u`, rows.slice(k * width, (k + 1) * width), withZeros(expected.reflector, size), {
        absolute: 2e-6,
      });
      const found = await contentOf(tridiagonal);
      requireClose(`${what}: d`, [found[k]], [expected.diagonal], { absolute: 3e-6, relative: 1e-6 });
      requireClose(`${what}: e`, [found[size + k]], [expected.offDiagonal], { absolute: 3e-6, relative: 1e-6 });
      if (k + 2 === size) {
        const u = previous[size - 1] * expected.pending[size - 1];
        requireClose(`${what}: last d`, [found[size - 1]], [row[size - 1] - 2 * u], { absolute: 3e-6 });
      }
    }
  }
});

function placesOf(size: number, column: number) {
  const width = padded(size);
  const first = { matrix: 0, reflectors: 0, partial: 0, pending: 0, tridiagonal: 0 };
  return { size, column, ...first, stride: width / 4, tridiagonalStride: width };
}

test('trailingUpdate: the update of the column before and the product with the next reflector match', async () => {
  for (const workgroup of workgroups) {
    for (const [size, k] of [
      [3, 0],
      [9, 3],
      [70, 31],
      [131, 62],
    ]) {
      const width = padded(size);
      const a = symmetric(size);
      const u = k === 0 ? new Float64Array(size) : reflector(size, k - 1);
      const w = k === 0 ? new Float64Array(size) : randoms(size).map((x, i) => (i >= k ? x : 0));
      const v = reflector(size, k);
      const stored = new Float64Array(size * size);
      if (k > 0) stored.set(u, (k - 1) * size);
      stored.set(v, k * size);
      const square = new Float64Array(width * width);
      square.set(withZeros(a, size));
      const matrix = filled(layoutOf([width, width]), square);
      const reflectors = filled(layoutOf([size, width]), withZeros(stored, size));
      const pending = filled(layoutOf([width]), withZeros(w, size));
      const bands = Math.ceil(size / 32);
      const partial = filled(layoutOf([bands, width]), new Float64Array(bands * width));
      await run([
        dispatch(kernels.trailingUpdate, {
          constants: { WORKGROUP: workgroup, BAND: 32 },
          problems: [placesOf(size, k)],
          buffers: {
            matrix: matrix.storage,
            partial: partial.storage,
            reflectors: reflectors.storage,
            pending: pending.storage,
          },
          workgroups: [Math.ceil(width / 4 / workgroup), bands, 1],
        }),
      ]);
      const expected = trailingUpdate(a, size, u, w, v);
      const [updated, shares] = [await contentOf(matrix), await contentOf(partial)];
      for (let i = k + 1; i < size; i++) {
        const part = (from: ArrayLike<number>, stride: number) =>
          Array.from(from).slice(i * stride + k + 1, i * stride + size);
        requireClose(`size ${size}, row ${i}`, part(updated, width), part(expected.matrix, size), { absolute: 2e-6 });
      }
      const sums = Float64Array.from({ length: size - k - 1 }, (_, j) => {
        let sum = 0;
        for (let band = 0; band < bands; band++) sum += shares[band * width + j + k + 1];
        return sum;
      });
      requireClose(`size ${size}: product`, sums, expected.image.slice(k + 1), { absolute: 5e-6 });
    }
  }
});

test('compactWy: a block of reflectors at once is their product, one that is zero among them', async () => {
  for (const [rows, columns] of [
    [1, 3],
    [5, 9],
    [32, 67],
  ]) {
    const list = Array.from({ length: rows }, (_, i) => (i === 3 ? new Float64Array(columns) : reflector(columns, i)));
    const u = Float64Array.from(flat(list));
    const gram = product({ rows, columns: rows, inner: columns, a: u, b: u, transposeRight: true });
    const [left, middle] = [filled(layoutOf([rows, columns]), u), filled(layoutOf([rows, rows]), gram)];
    const result = poisoned(layoutOf([rows, columns]));
    await run([
      dispatch(kernels.compactWy, {
        constants: { WORKGROUP: 8 },
        problems: [
          {
            rows,
            columns,
            gram: 0,
            gramStride: middle.layout.parts[0].stride,
            reflectors: 0,
            reflectorsStride: quadsOf(left),
            result: 0,
            resultStride: quadsOf(result),
          },
        ],
        buffers: { gram: middle.storage, reflectors: left.storage, result: result.storage },
        workgroups: [Math.ceil(columns / 32), 1, 1],
      }),
    ]);
    requireClose(`${rows} x ${columns}`, await contentOf(result), compactWy(u, rows, columns), {
      absolute: 1e-5,
      relative: 1e-5,
    });
  }
});

test('identity: of several sizes in one dispatch, also past one workgroup', async () => {
  const sizes = [1, 6, 41];
  const result = poisoned(stackOf(sizes.map(n => [n, n])));
  await run([
    dispatch(elementwise.identity, {
      constants: { WORKGROUP: 64 },
      problems: sizes.map((size, i) => ({ size, result: quadOf(result, i), resultStride: quadsOf(result, i) })),
      buffers: { result: result.storage },
      workgroups: [8, 1, sizes.length],
    }),
  ]);
  requireClose('identities', await contentOf(result), flat(sizes.map(identity)), {});
});

const [groups, sweepsOfGroup] = [8, 4];

interface QlRun {
  readonly diagonal: Float64Array;
  readonly offDiagonal: Float64Array;
  readonly sweeps: readonly Sweep[];
}

/** `portions` dispatches of QL; the sweeps are those of the last. */
async function ql(size: number, d: Float64Array, e: Float64Array, portions: number, workgroup: number): Promise<QlRun> {
  const tridiagonal = filled(layoutOf([2, size]), flat([d, e]));
  const steps = groups * (size + 2);
  const rotations = filled(layoutOf([steps, 2 * sweepsOfGroup]), new Float64Array(2 * steps * sweepsOfGroup));
  const [ranges, progress] = [poisoned(layoutOf([2 * groups])), poisoned(layoutOf([2]))];
  await run(
    Array.from({ length: portions }, (_, i) =>
      dispatch(kernels.tridiagonalQl, {
        constants: { WORKGROUP: workgroup, MOST_SIZE: size, GROUPS: groups },
        problems: [
          {
            size,
            restart: i === 0 ? 1 : 0,
            tridiagonal: 0,
            tridiagonalStride: tridiagonal.layout.parts[0].stride,
            rotations: 0,
            ranges: 0,
            progress: 0,
          },
        ],
        buffers: {
          tridiagonal: tridiagonal.storage,
          rotations: rotations.storage,
          ranges: ranges.storage,
          progress: progress.storage,
        },
        workgroups: [1, 1, 1],
      }),
    ),
  );
  const found = Float64Array.from(await contentOf(tridiagonal));
  const bounds = new Uint32Array((await contentOf(ranges)).buffer);
  const pairs = await contentOf(rotations);
  return { diagonal: found.slice(0, size), offDiagonal: found.slice(size), sweeps: sweepsOf(size, bounds, pairs) };
}

function sweepsOf(size: number, bounds: Uint32Array, pairs: ArrayLike<number>): Sweep[] {
  const sweeps: Sweep[] = [];
  for (let group = 0; group < groups; group++) {
    const [low, high] = [bounds[2 * group], bounds[2 * group + 1]];
    for (let s = 0; s < sweepsOfGroup && low < high; s++) {
      const at = (i: number) => 2 * ((group * (size + 2) + i - s + 3) * sweepsOfGroup + s);
      const rows = Array.from({ length: high }, (_, i) => i);
      sweeps.push({
        low,
        high,
        cosines: rows.map(i => (i < low ? Number.NaN : pairs[at(i)])),
        sines: rows.map(i => (i < low ? Number.NaN : pairs[at(i) + 1])),
      });
    }
  }
  return sweeps;
}

function tridiagonalMatrix(d: Float64Array, e: Float64Array): Float64Array {
  const n = d.length;
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return i === j ? d[i] : Math.abs(i - j) === 1 ? e[Math.min(i, j)] : 0;
  });
}

test('tridiagonalQl: the rotations of one dispatch turn the matrix into what is left of it, also where it falls apart', async () => {
  for (const [size, apart] of [
    [2, false],
    [7, false],
    [40, false],
    [40, true],
  ] as const) {
    const d = randoms(size);
    const e = randoms(size).map((x, i) => (apart && (i === 11 || i === 30) ? 0 : x));
    const { diagonal, offDiagonal, sweeps } = await ql(size, d, e, 1, 8);
    require(`${sweeps.length} sweeps of ${size}`, sweeps.length > 0);
    const q = rotateRows(identity(size), size, sweeps);
    const square = { rows: size, columns: size, inner: size };
    const turned = product({
      ...square,
      a: product({ ...square, a: q, b: tridiagonalMatrix(d, e) }),
      b: q,
      transposeRight: true,
    });
    requireClose(`size ${size}`, turned, tridiagonalMatrix(diagonal, offDiagonal), { absolute: 2e-5 });
  }
});

test('tridiagonalQl: after enough dispatches the diagonal holds the eigenvalues, for random, zero, constant and split matrices', async () => {
  const size = 75;
  const zero = new Float64Array(size);
  const cases: Record<string, [Float64Array, Float64Array]> = {
    random: [randoms(size), randoms(size)],
    zero: [zero, zero],
    constant: [zero.map(() => 2), zero.map(() => -1)],
    'zero diagonal': [zero, zero.map(() => 1)],
    split: [randoms(size), randoms(size).map((x, i) => (i % 5 === 0 ? 0 : x))],
    graded: [zero.map((_, i) => 0.7 ** i), zero.map((_, i) => 0.5 * 0.7 ** i)],
    'graded upwards': [zero.map((_, i) => 0.7 ** (size - i)), zero.map((_, i) => 0.5 * 0.7 ** (size - i))],
  };
  for (const [name, [d, e]] of Object.entries(cases)) {
    for (const workgroup of [1, 8]) {
      const { diagonal, offDiagonal } = await ql(size, d.map(Math.fround), e.map(Math.fround), 12, workgroup);
      const expected = tridiagonalQl(d, e);
      const norm = Math.max(1e-30, ...expected.map(Math.abs));
      requireClose(name, diagonal.sort().reverse(), expected, { absolute: size * 1.2e-7 * norm });
      require(`${name}: not done`, offDiagonal.slice(0, -1).every(x => Math.abs(x) <= 1e-7 * norm));
    }
  }
});

test('rotateRows: sweeps of different ranges, four at once, equal one after the other, past one workgroup of columns', async () => {
  for (const [size, columns] of [
    [2, 3],
    [5, 5],
    [23, 70],
  ]) {
    const matrix = randoms(size * columns);
    const sweeps: Sweep[] = [];
    const steps = size + 2;
    const stored = new Float64Array(groups * steps * 2 * sweepsOfGroup);
    const ranges = new Uint32Array(2 * groups);
    for (let group = 0; group < 3; group++) {
      const own = Array.from({ length: sweepsOfGroup }, () => {
        const low = randomInteger(0, size - 2);
        return { low, high: randomInteger(low + 1, size - 1) };
      });
      const [low, high] = [Math.min(...own.map(one => one.low)), Math.max(...own.map(one => one.high))];
      ranges.set([low, high], 2 * group);
      own.forEach((range, s) => {
        const angles = Array.from({ length: size }, () => 7 * random());
        const turns = angles.map((angle, i) => (i >= range.low && i < range.high ? angle : 0));
        sweeps.push({ ...range, cosines: turns.map(Math.cos), sines: turns.map(Math.sin) });
        for (let step = low; step < high + 3; step++) {
          const angle = turns[step - 3 + s] ?? 0;
          stored.set([Math.cos(angle), Math.sin(angle)], 2 * ((group * steps + step) * sweepsOfGroup + s));
        }
      });
    }
    const vectors = filled(layoutOf([size, columns]), matrix);
    const rotations = filled(layoutOf([groups * steps, 2 * sweepsOfGroup]), stored);
    const bounds = filled(layoutOf([2 * groups]), new Float32Array(ranges.buffer));
    await run([
      dispatch(kernels.rotateRows, {
        constants: { WORKGROUP: 8, GROUPS: groups },
        problems: [{ size, columns, vectors: 0, vectorsStride: quadsOf(vectors), rotations: 0, ranges: 0 }],
        buffers: { rotations: rotations.storage, ranges: bounds.storage, vectors: vectors.storage },
        workgroups: [Math.ceil(columns / 32), 1, 1],
      }),
    ]);
    requireClose(`${size} x ${columns}`, await contentOf(vectors), rotateRows(matrix, columns, sweeps), {
      absolute: 5e-6,
    });
  }
});

test('orderPairs: descending, equals in their order, vectors at length 1; a NaN for a scale makes all NaN', async () => {
  for (const scale of [8, Number.NaN]) {
    const [rows, columns] = [19, 37];
    const values = randoms(rows).map((x, i) => (i % 4 === 0 ? 0.25 : x));
    const vectors = randoms(rows * columns);
    const operands = [
      filled(layoutOf([rows]), values),
      filled(layoutOf([rows, columns]), vectors),
      filled(layoutOf([1]), [scale]),
    ];
    const [orderedValues, orderedVectors] = [poisoned(layoutOf([rows])), poisoned(layoutOf([rows, columns]))];
    await run([
      dispatch(kernels.orderPairs, {
        constants: { WORKGROUP: 8 },
        problems: [
          {
            rows,
            columns,
            values: 0,
            vectors: 0,
            vectorsStride: quadsOf(operands[1]),
            orderedValues: 0,
            orderedVectors: 0,
            orderedStride: quadsOf(orderedVectors),
            scale: 0,
          },
        ],
        buffers: {
          values: operands[0].storage,
          vectors: operands[1].storage,
          scale: operands[2].storage,
          orderedValues: orderedValues.storage,
          orderedVectors: orderedVectors.storage,
        },
        workgroups: [rows, 1, 1],
      }),
    ]);
    const expected = orderPairs(values, vectors, columns, scale);
    const nan = (list: readonly number[]) => (Number.isNaN(scale) ? list.map(() => Number.NaN) : list);
    requireClose('values', await contentOf(orderedValues), nan(expected.values), {});
    requireClose('vectors', await contentOf(orderedVectors), nan(expected.vectors), { absolute: 2e-7, relative: 1e-6 });
  }
});

test('resolved: counts of falling, negative, zero and not finite spectra in one dispatch, past one workgroup', async () => {
  const spectra = Array.from({ length: 70 }, (_, i) =>
    i === 0
      ? [0, 0]
      : i < 3
        ? [i === 1 ? Number.NaN : Number.NEGATIVE_INFINITY, 1]
        : Array.from({ length: 1 + (i % 9) }, (_, j) => (j % 3 === 2 ? -1 : 1) * 0.05 ** j),
  );
  const values = filled(stackOf(spectra.map(list => [list.length])), spectra.flat());
  const result = poisoned(layoutOf([spectra.length]));
  await run([
    dispatch(kernels.resolved, {
      constants: { WORKGROUP: 64 },
      problems: spectra.map((list, i) => ({
        count: list.length,
        size: 10 + i,
        values: values.layout.parts[i].offset,
        result: i,
      })),
      buffers: { values: values.storage, result: result.storage },
      workgroups: [2, 1, 1],
    }),
  ]);
  const found = [...new Uint32Array((await contentOf(result)).buffer)];
  const expected = spectra.map((list, i) => resolved(list, 10 + i));
  requireEqual('counts', found, expected);
});

test('gershgorin: random, positive definite and negative matrices, several in one dispatch', async () => {
  const sizes = [1, 5, 34, 71];
  for (const workgroup of workgroups) {
    const matrices = sizes.map((n, i) =>
      symmetric(n).map((x, at) => (at % (n + 1) === 0 ? x + (i === 1 ? 9 : -1) : x)),
    );
    const matrix = filled(stackOf(sizes.map(n => [n, n])), flat(matrices));
    const bound = poisoned(layoutOf([sizes.length]));
    await run([
      dispatch(kernels.gershgorin, {
        constants: { WORKGROUP: workgroup },
        problems: sizes.map((size, i) => ({ size, matrix: quadOf(matrix, i), stride: quadsOf(matrix, i), bound: i })),
        buffers: { matrix: matrix.storage, bound: bound.storage },
        workgroups: [sizes.length, 1, 1],
      }),
    ]);
    const expected = sizes.map((n, i) => gershgorin(matrices[i], n));
    requireClose('bounds', await contentOf(bound), expected, { relative: 1e-6 });
    const least = Math.min(...jacobiBatch(matrices[2], sizes[2]).values);
    require(`${expected[2]} is no bound of ${least}`, least >= -expected[2]);
  }
});

test('shift: rows of several matrices move by their own shift', async () => {
  const shapes = [
    [3, 5],
    [9, 40],
  ];
  const [x, v] = [shapes, shapes].map(list => list.map(([rows, columns]) => randoms(rows * columns)));
  const by = [0.75, -2];
  const [result, vectors] = [x, v].map(lists => filled(stackOf(shapes), flat(lists)));
  const amount = filled(layoutOf([2]), by);
  await run([
    dispatch(kernels.shift, {
      constants: { WORKGROUP: 64 },
      problems: shapes.map(([rows, columns], i) => ({
        rows,
        columns,
        vectors: quadOf(vectors, i),
        vectorsStride: quadsOf(vectors, i),
        result: quadOf(result, i),
        resultStride: quadsOf(result, i),
        shift: i,
      })),
      buffers: { vectors: vectors.storage, shift: amount.storage, result: result.storage },
      workgroups: [2, 1, 2],
    }),
  ]);
  const expected = x.map((list, i) => shift(list, v[i], by[i]));
  requireClose('shifted', await contentOf(result), flat(expected), { absolute: 1e-6 });
});
