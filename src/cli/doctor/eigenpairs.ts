/** Eigenpairs by every way: rotations in workgroup memory and in storage, subspace iteration, reflectors with QL. */

import { applyOne } from '../../graph/apply.js';
import { copyRows } from '../../graph/copyRows.js';
import type { Operation } from '../../graph/operation.js';
import { eigh } from '../../ops/eigen/eigh.js';
import { blockSize, orthonormaliseDispatch } from '../../ops/eigen/leadingEigenpairs.js';
import { topEigenpairs } from '../../ops/eigen/topEigenpairs.js';
import { type Bench, type Check, compared, type Family } from './bench.js';

/** A symmetric matrix with known eigenvalues. */
interface Known {
  readonly size: number;
  readonly matrix: Float64Array;
  /** Descending. */
  readonly values: Float64Array;
}

/** Gram-Schmidt as this device runs it: by blocks on a processor, by panels on a GPU. */
const orthonormalise: Operation<object> = {
  name: 'orthonormalise',
  shapes: ([rows]) => [rows],
  lower: ({ device, inputs: [rows], outputs: [result] }) => [
    ...copyRows(device, rows, result),
    orthonormaliseDispatch(device, result),
  ],
  notDifferentiable: 'it checks a kernel',
};

export const eigenpairs: Family = {
  name: 'eigenpairs',
  async run(bench) {
    const checks = [
      ...(await leading(
        bench,
        'all of 24',
        known(bench, 24, i => 0.8 ** i),
        24,
      )),
      ...(await leading(
        bench,
        '36 of 70',
        known(bench, 70, i => 0.75 ** i),
        36,
      )),
      // More rows than a GPU turns in workgroup memory.
      ...(await leading(
        bench,
        'all of 90',
        known(bench, 90, i => 1 - i / 100),
        90,
      )),
      ...(await leading(
        bench,
        '36 of 48, indefinite',
        known(bench, 48, i => (i < 36 ? 4 - 0.05 * i : -1 - i / 30)),
        36,
        true,
      )),
    ];
    checks.push(...(await orthonormal(bench, 42, 90)));
    const spread = (size: number) => known(bench, size, i => 1 - (2 * i) / size);
    for (const [name, sizes] of Object.entries({
      'of small matrices': [5, 41],
      'by way of a tridiagonal matrix': [66, 70],
    })) {
      const matrices = sizes.map(spread);
      const stack = bench.stack(
        matrices.map(({ size }) => [size, size]),
        matrices.flatMap(({ matrix }) => [...matrix]),
      );
      const { values, vectors } = await bench.compute(graph => {
        const { values, vectors } = eigh(graph.read(stack));
        return { values, vectors };
      });
      let [at, square] = [0, 0];
      for (const one of matrices) {
        const { size } = one;
        checks.push(
          ...held(
            `all ${name}, ${size} rows`,
            one,
            values.subarray(at, at + size),
            vectors.subarray(square, square + size * size),
          ),
        );
        [at, square] = [at + size, square + size * size];
      }
    }
    return checks;
  },
};

/** The pairs that a subspace iteration from random vectors finds. @param top how many are held to be right. */
async function leading(bench: Bench, name: string, one: Known, top: number, indefinite = false): Promise<Check[]> {
  const { size, matrix } = one;
  const pairs = blockSize(size, top);
  const [given, start] = [
    bench.tensor([size, size], [...matrix]),
    bench.tensor([pairs, size], bench.numbers(pairs * size)),
  ];
  const { values, vectors } = await bench.compute(graph => {
    const { values, vectors } = topEigenpairs(graph.read(given), graph.read(start), {
      iterations: indefinite ? 40 : 8,
      indefinite,
    });
    return { values, vectors };
  });
  return held(name, one, values.subarray(0, top), vectors.subarray(0, top * size));
}

/** Random rows, each with what it has of its own in its place: Q Q^T, and Q against Gram-Schmidt in float64. */
async function orthonormal(bench: Bench, rows: number, columns: number): Promise<Check[]> {
  const given = bench.numbers(rows * columns);
  for (let i = 0; i < rows; i++) given[i * columns + i] += 4;
  const matrix = bench.tensor([rows, columns], given);
  const { q } = await bench.compute(graph => ({ q: applyOne(orthonormalise, [graph.read(matrix)], {}) }));
  const wanted = Float64Array.from(given);
  for (let i = 0; i < rows; i++) {
    const row = wanted.subarray(i * columns, (i + 1) * columns);
    for (let j = 0; j < i; j++) {
      const other = wanted.subarray(j * columns, (j + 1) * columns);
      const share = row.reduce((sum, x, at) => sum + x * other[at], 0);
      other.forEach((x, at) => {
        row[at] -= share * x;
      });
    }
    const length = Math.hypot(...row);
    row.forEach((x, at) => {
      row[at] = x / length;
    });
  }
  return [
    compared('Q, orthonormal rows', q, wanted, 1e-5),
    compared('Q Q^T, orthonormal rows', ...grams(q, rows, columns), 1e-5),
  ];
}

/** A = Q^T diag(l) Q in float64, Q of some reflections. @param value l_i, of any order. */
function known(bench: Bench, size: number, value: (i: number) => number): Known {
  const matrix = new Float64Array(size * size);
  const values = new Float64Array(size).map((_, i) => value(i));
  values.forEach((l, i) => {
    matrix[i * size + i] = l;
  });
  for (let turn = 0; turn < 3; turn++) {
    const v = bench.numbers(size);
    const norm = v.reduce((sum, x) => sum + x * x, 0);
    // H A H with H = I - 2 v v^T / |v|^2.
    for (const [row, column] of [
      [size, 1],
      [1, size],
    ]) {
      for (let line = 0; line < size; line++) {
        let sum = 0;
        for (let i = 0; i < size; i++) sum += v[i] * matrix[line * row + i * column];
        for (let i = 0; i < size; i++) matrix[line * row + i * column] -= (2 * sum * v[i]) / norm;
      }
    }
  }
  return { size, matrix, values: values.sort().reverse() };
}

/** Values, |A v - l v| and V V^T of the pairs found. */
function held(
  name: string,
  { size, matrix, values: wanted }: Known,
  values: Float32Array,
  vectors: Float32Array,
): Check[] {
  const top = values.length;
  const images = new Float64Array(top * size);
  const turned = new Float64Array(top * size);
  for (let pair = 0; pair < top; pair++) {
    const v = vectors.subarray(pair * size, (pair + 1) * size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) images[pair * size + i] += matrix[i * size + j] * v[j];
      turned[pair * size + i] = values[pair] * v[i];
    }
  }
  return [
    compared(`eigenvalues, ${name}`, values, wanted.subarray(0, top), 1e-5),
    compared(`A v against l v, ${name}`, turned, images, 2e-5),
    compared(`V V^T, ${name}`, ...grams(vectors, top, size), 1e-5),
  ];
}

/** V V^T, and what it is where the rows of V are orthonormal. */
function grams(v: Float32Array, rows: number, columns: number): [Float64Array, Float64Array] {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      for (let at = 0; at < columns; at++) gram[i * rows + j] += v[i * columns + at] * v[j * columns + at];
    }
  }
  return [gram, gram.map((_, at) => Number(Math.floor(at / rows) === at % rows))];
}
