/** Orthonormalisation, eigenpairs and modulation against their float64 twins. */

import { layoutOf, stackOf } from '../../src/buffer/layout.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import { modulations } from '../../src/ops/precondition/modulate.js';
import * as eigen from '../../src/wgsl/eigen.js';
import * as linear from '../../src/wgsl/linear.js';
import * as preconditions from '../../src/wgsl/precondition.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, filled, poisoned, run } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { jacobi } from '../reference/eigen/jacobi.js';
import { orthonormalise } from '../reference/eigen/orthonormalise.js';
import { orthonormalisePanels } from '../reference/eigen/orthonormalisePanels.js';
import { mirror } from '../reference/linear/mirror.js';
import { product } from '../reference/linear/product.js';
import { modulate } from '../reference/precondition/modulate.js';

const test = suite('kernels: spectrum');
const workgroups = [1, 8, 64];

/** Gram-Schmidt as a processor and as a GPU runs it, and threads of a workgroup. */
const forms = [
  ...workgroups.map(workgroup => [eigen.orthonormalise, workgroup] as const),
  ...[8, 128, 256].map(workgroup => [eigen.orthonormalisePanels, workgroup] as const),
];

/** Rows as they come out, and the largest deviation of Q Q^T from the identity. */
async function orthonormalised(
  values: Float64Array,
  rows: number,
  columns: number,
  [kernel, workgroup]: (typeof forms)[number],
) {
  const matrix = filled(layoutOf([rows, columns]), values);
  await run([
    dispatch(kernel, {
      constants: { WORKGROUP: workgroup },
      problems: [{ rows, columns, matrix: 0, stride: matrix.layout.parts[0].stride / 4 }],
      buffers: { matrix: matrix.storage },
      workgroups: [1, 1, 1],
    }),
  ]);
  const q = await contentOf(matrix);
  const gram = product({
    rows,
    columns: rows,
    inner: columns,
    a: Float64Array.from(q),
    b: Float64Array.from(q),
    transposeRight: true,
  });
  const deviation = gram.reduce((worst, x, at) => Math.max(worst, Math.abs(x - (at % (rows + 1) === 0 ? 1 : 0))), 0);
  return { q, deviation };
}

/** Random rows kept well apart by a dominant diagonal, so that the twin's result is the only one. */
function rowsApart(rows: number, columns: number): Float64Array {
  const values = randoms(rows * columns);
  for (let i = 0; i < rows; i++) values[i * columns + i] += 4 + Math.sqrt(columns) / 4;
  return values;
}

test('orthonormalise: random rows match Gram-Schmidt in float64, at 1 x 1, square, wide and past the room of workgroups', async () => {
  for (const [rows, columns] of [
    [1, 1],
    [1, 3],
    [3, 5],
    [5, 9],
    [7, 7],
    [20, 131],
    [6, 1027],
    [37, 515],
  ]) {
    const values = rowsApart(rows, columns);
    const expected = orthonormalisePanels(values, rows, columns);
    for (const form of forms) {
      const what = `${rows} x ${columns}, ${form[0].name} on ${form[1]}`;
      const { q, deviation } = await orthonormalised(values, rows, columns, form);
      requireClose(what, q, expected, { absolute: 3e-6 });
      require(`${what}: Q Q^T is off by ${deviation}`, deviation < 2e-6);
    }
  }
});

test('orthonormalise: more rows than there is room for coefficients in workgroup memory', async () => {
  const [rows, columns] = [262, 301];
  for (const form of forms.filter(([, workgroup]) => workgroup >= 64)) {
    const { deviation } = await orthonormalised(randoms(rows * columns), rows, columns, form);
    require(`${form[0].name}: Q Q^T is off by ${deviation}`, deviation < 3e-6);
  }
});

test('orthonormalise: matrices of several sizes in one dispatch, padding and what lies between them not read', async () => {
  const sizes = [
    [6, 10],
    [1, 1],
    [13, 517],
  ];
  for (const [kernel, workgroup] of forms) {
    const layout = stackOf(sizes);
    const values = sizes.map(([rows, columns]) => rowsApart(rows, columns));
    const matrix = filled(
      layout,
      values.flatMap(all => [...all]),
    );
    await run([
      dispatch(kernel, {
        constants: { WORKGROUP: workgroup },
        problems: layout.parts.map(({ shape: [rows, columns], offset, stride }) => ({
          rows,
          columns,
          matrix: offset / 4,
          stride: stride / 4,
        })),
        buffers: { matrix: matrix.storage },
        workgroups: [sizes.length, 1, 1],
      }),
    ]);
    const expected = sizes.flatMap(([rows, columns], i) => [...orthonormalise(values[i], rows, columns)]);
    requireClose(`${kernel.name} on ${workgroup}`, await contentOf(matrix), expected, { absolute: 3e-6 });
  }
});

test('orthonormalise: rows whose columns repeat each other, and so all that rounding leaves of them, come out orthonormal', async () => {
  const [rows, columns] = [28, 150];
  for (const distinct of [1, 2, 5]) {
    const few = randoms(rows * distinct);
    const values = Float64Array.from({ length: rows * columns }, (_, at) => {
      return few[Math.floor(at / columns) * distinct + ((at % columns) % distinct)];
    });
    for (const form of forms) {
      const { deviation } = await orthonormalised(values, rows, columns, form);
      require(`${distinct} distinct columns, ${form[0].name}: Q Q^T is off by ${deviation}`, deviation < 3e-6);
    }
  }
});

test('orthonormalise: rows that are nearly dependent, equal, zero, tiny or huge still come out orthonormal', async () => {
  for (const [rows, columns] of [
    [12, 33],
    [9, 530],
  ]) {
    const base = randoms(rows * columns);
    const nearly = base.map((x, at) => base[at % columns] + 1e-5 * x);
    const equal = base.map((_, at) => base[at % columns]);
    const graded = base.map((x, at) => x * 10 ** (-2 * Math.floor(at / columns)));
    const [tiny, huge] = [base.map(x => 1e-30 * x), base.map(x => 1e35 * x)];
    const cases = { nearly, equal, graded, tiny, huge, zero: new Float64Array(rows * columns) };
    for (const [name, values] of Object.entries(cases)) {
      for (const form of forms) {
        const { deviation } = await orthonormalised(values, rows, columns, form);
        require(`${name}, ${form[0].name} on ${form[1]}: Q Q^T is off by ${deviation}`, deviation < 3e-6);
      }
    }
  }
});

test('orthonormalise: a row that is not finite is replaced, and those before it are as they would be without it', async () => {
  const [rows, columns] = [11, 38];
  const values = randoms(rows * columns);
  for (const form of forms) {
    const { q: without } = await orthonormalised(values, rows, columns, form);
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      for (const lost of [[0], [5], [10], [2, 3, 9]]) {
        const holed = values.slice();
        for (const row of lost) holed[row * columns + 17] = bad;
        const { q, deviation } = await orthonormalised(holed, rows, columns, form);
        require(`${bad} in rows ${lost}, ${form[0].name} on ${form[1]}: Q Q^T is off by ${deviation}`, deviation <
          3e-6);
        const before = lost[0] * columns;
        requireClose('rows before', q.subarray(0, before), without.subarray(0, before), {});
      }
    }
    const { deviation } = await orthonormalised(
      values.map(() => Number.NaN),
      rows,
      columns,
      form,
    );
    require(`NaN everywhere, ${form[0].name}: Q Q^T is off by ${deviation}`, deviation < 3e-6);
  }
});

test('mirror: what stands below the diagonal comes from above, of matrices of several sizes at once', async () => {
  const sizes = [1, 3, 66, 130];
  const values = sizes.map(n => randoms(n * n).map(Math.fround));
  for (const workgroup of [2, 8]) {
    const matrix = filled(
      stackOf(sizes.map(n => [n, n])),
      values.flatMap(all => [...all]),
    );
    const wide = Math.ceil(Math.max(...sizes) / (4 * workgroup));
    await run([
      dispatch(linear.mirror, {
        constants: { WORKGROUP: workgroup },
        problems: matrix.layout.parts.map(({ shape: [size], offset, stride }) => ({
          size,
          matrix: offset / 4,
          stride: stride / 4,
        })),
        buffers: { matrix: matrix.storage },
        workgroups: [wide, wide, sizes.length],
      }),
    ]);
    const expected = Float64Array.from(values.flatMap((all, i) => [...mirror(all, sizes[i])]));
    requireClose(`workgroups of ${workgroup} x ${workgroup}`, await contentOf(matrix), expected, {});
  }
});

/** Eigenpairs from the kernel, and |A V^T - V^T L| and |V V^T - 1| at their largest, relative to |A|. */
async function eigenpairs(
  matrices: readonly Float64Array[],
  sizes: readonly number[],
  workgroup: number,
  inTriangle = false,
) {
  const most = Math.max(...sizes);
  const layout = stackOf(sizes.map(n => [n, n]));
  const matrix = filled(
    layout,
    matrices.flatMap(values => [...values]),
  );
  const [vectors, work] = [poisoned(layout), poisoned(layout)];
  const values = poisoned(stackOf(sizes.map(n => [n])));
  await run([
    dispatch(eigen.jacobi, {
      constants: {
        WORKGROUP: workgroup,
        MOST_PAIRS: Math.ceil(most / 2),
        TRIANGLE: inTriangle ? (most * (most + 1)) / 2 : 0,
      },
      problems: sizes.map((size, i) => {
        const { offset, stride } = layout.parts[i];
        return {
          size,
          matrix: offset,
          matrixStride: stride,
          vectors: offset / 4,
          vectorsStride: stride / 4,
          work: offset / 4,
          workStride: stride / 4,
          values: values.layout.parts[i].offset,
          tolerance: 5e-8,
        };
      }),
      buffers: { matrix: matrix.storage, values: values.storage, vectors: vectors.storage, work: work.storage },
      workgroups: [sizes.length, 1, 1],
    }),
  ]);
  const [allValues, allVectors] = [await contentOf(values), await contentOf(vectors)];
  let [atValue, atVector] = [0, 0];
  return sizes.map((n, i) => {
    const found = Float64Array.from(allValues.subarray(atValue, atValue + n));
    const v = Float64Array.from(allVectors.subarray(atVector, atVector + n * n));
    atValue += n;
    atVector += n * n;
    const norm = Math.sqrt(matrices[i].reduce((sum, x) => sum + x * x, 0)) || 1;
    const image = product({ rows: n, columns: n, inner: n, a: v, b: matrices[i] });
    const residual = image.reduce(
      (worst, x, at) => Math.max(worst, Math.abs(x - found[Math.floor(at / n)] * v[at])),
      0,
    );
    const gram = product({ rows: n, columns: n, inner: n, a: v, b: v, transposeRight: true });
    const deviation = gram.reduce((worst, x, at) => Math.max(worst, Math.abs(x - (at % (n + 1) === 0 ? 1 : 0))), 0);
    return { values: found, vectors: v, residual: residual / norm, deviation };
  });
}

function symmetric(n: number): Float64Array {
  const values = randoms(n * n);
  return values.map((_, at) => values[Math.max(at, (at % n) * n + Math.floor(at / n))]);
}

test('jacobi: eigenpairs of random symmetric matrices, odd and even sizes in one dispatch, match float64', async () => {
  const sizes = [1, 2, 3, 7, 16, 33];
  for (const workgroup of workgroups) {
    const matrices = sizes.map(symmetric);
    const found = await eigenpairs(matrices, sizes, workgroup);
    found.forEach(({ values, residual, deviation }, i) => {
      const expected = jacobi(matrices[i], sizes[i]).values;
      requireClose(`values of size ${sizes[i]}`, values, expected, { absolute: 2e-6 * sizes[i] });
      require(`residual of size ${sizes[i]} is ${residual}`, residual < 5e-6);
      require(`V V^T of size ${sizes[i]} is off by ${deviation}`, deviation < 1e-5);
    });
  }
});

test('jacobi: turned in workgroup memory, matrices of several sizes have the bits that they have in storage', async () => {
  const sizes = [1, 2, 13, 4];
  const matrices = sizes.map(symmetric);
  const stored = await eigenpairs(matrices, sizes, 8);
  const found = await eigenpairs(matrices, sizes, 8, true);
  sizes.forEach((n, i) => {
    requireClose(`values of ${n}`, found[i].values, stored[i].values, {});
    requireClose(`vectors of ${n}`, found[i].vectors, stored[i].vectors, {});
    requireClose(`values of ${n}`, found[i].values, jacobi(matrices[i], n).values, { absolute: 1e-5 });
  });
});

test('jacobi: rows have length 1 after the thousands of turns of 100 rows, which each change it a little', async () => {
  const n = 100;
  const [{ vectors }] = await eigenpairs([symmetric(n)], [n], 64);
  const lengths = Float64Array.from({ length: n }, (_, i) =>
    vectors.subarray(i * n, (i + 1) * n).reduce((squares, x) => squares + x * x, 0),
  );
  requireClose('squares of lengths', lengths, new Float64Array(n).fill(1), { absolute: 5e-7 });
});

test('jacobi: all pairs of a matrix that is not finite are NaN, and those of its neighbours are not', async () => {
  const sizes = [5, 34, 6];
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const matrices = sizes.map(symmetric);
    matrices[1][7] = bad;
    matrices[1][7 * 34] = bad;
    const found = await eigenpairs(matrices, sizes, 8);
    require(`${bad}: a number came of it`, [...found[1].values, ...found[1].vectors].every(Number.isNaN));
    for (const i of [0, 2]) {
      const expected = jacobi(matrices[i], sizes[i]).values;
      requireClose(`${bad} beside ${i}`, found[i].values, expected, { absolute: 2e-6 * sizes[i] });
    }
  }
});

test('jacobi: zero, identity, diagonal, rank one, repeated and graded spectra', async () => {
  const n = 14;
  const ones = randoms(n);
  const diagonal = (value: (i: number) => number) =>
    Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? value(Math.floor(at / n)) : 0));
  const q = orthonormalise(symmetric(n), n, n);
  const withSpectrum = (value: (i: number) => number) => {
    const scaled = q.map((x, at) => x * value(Math.floor(at / n)));
    const a = product({ rows: n, columns: n, inner: n, a: q, b: scaled, transposeLeft: true });
    return a.map((x, at) => Math.fround((x + a[(at % n) * n + Math.floor(at / n)]) / 2));
  };
  const cases = [
    new Float64Array(n * n),
    diagonal(() => 1),
    diagonal(i => (i % 2 ? -i : i)),
    Float64Array.from({ length: n * n }, (_, at) => Math.fround(ones[Math.floor(at / n)] * ones[at % n])),
    withSpectrum(i => (i < 7 ? 2 : -1)),
    withSpectrum(i => 10 ** -i),
  ];
  const found = await eigenpairs(
    cases,
    cases.map(() => n),
    8,
  );
  found.forEach(({ values, residual, deviation }, i) => {
    const norm = Math.sqrt(cases[i].reduce((sum, x) => sum + x * x, 0));
    requireClose(`values of case ${i}`, values, jacobi(cases[i], n).values, { absolute: 2e-6 * norm });
    require(`residual of case ${i} is ${residual}`, residual < 5e-6);
    require(`V V^T of case ${i} is off by ${deviation}`, deviation < 1e-5);
  });
});

test('modulate: both modulations match; k ends before an eigenvalue that is not positive or not finite', async () => {
  const columns = 37;
  const spectra = [
    [5, 3, 2, 1.5, 0.25],
    [4, 1e-7, 0, -1e-8, -3],
    [7],
    [-1, -2],
    [4, Number.NaN, 3],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
  ];
  const { FLAT, SQRT } = preconditions.modulateConstants;
  const numbers = { flat: FLAT, sqrt: SQRT };
  for (const name of modulations) {
    const values = filled(stackOf(spectra.map(list => [list.length])), spectra.flat());
    const layout = stackOf(spectra.map(list => [list.length, columns]));
    const rows = spectra.map(list => randoms(list.length * columns));
    const vectors = filled(
      layout,
      rows.flatMap(row => [...row]),
    );
    const [result, used] = [poisoned(layout), poisoned(layoutOf([spectra.length]))];
    const tops = spectra.map(list => Math.min(3, list.length));
    const scale = 0.5;
    await run([
      dispatch(preconditions.modulate, {
        constants: { WORKGROUP: 64, MODULATION: numbers[name] },
        problems: spectra.map((list, i) => {
          const { offset, stride } = layout.parts[i];
          return {
            rows: list.length,
            columns,
            top: tops[i],
            scale,
            values: values.layout.parts[i].offset,
            vectors: offset / 4,
            vectorsStride: stride / 4,
            result: offset / 4,
            resultStride: stride / 4,
            used: i,
          };
        }),
        buffers: { values: values.storage, vectors: vectors.storage, result: result.storage, used: used.storage },
        workgroups: [Math.max(...spectra.map(list => list.length)), 1, spectra.length],
      }),
    ]);
    const expected = spectra.map((list, i) =>
      modulate(Float64Array.from(list), rows[i], columns, tops[i], name, scale),
    );
    const all = expected.flatMap(({ scaled }) => [...scaled]);
    requireClose(`${name}`, await contentOf(result), all, { relative: 2e-6, absolute: 1e-7 });
    requireEqual(
      `${name}: pairs used`,
      [...new Uint32Array((await contentOf(used)).buffer)],
      expected.map(one => one.used),
    );
  }
});
