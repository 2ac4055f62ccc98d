/** Eigendecompositions against ml-matrix's in float64, against spectra that are known, and what is refused. */

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { eigendecompose } from '../../src/immediate/eigendecompose.js';
import { eigh } from '../../src/ops/eigen/eigh.js';
import { blockSize } from '../../src/ops/eigen/leadingEigenpairs.js';
import { topEigenpairs } from '../../src/ops/eigen/topEigenpairs.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('eigendecomposition');

interface Pairs {
  readonly values: ArrayLike<number>;
  readonly vectors: ArrayLike<number>;
  readonly resolved: number;
}

/** `eigh` of a stack of matrices, in one dispatch where they are small. */
async function decompose(matrices: readonly Float64Array[], sizes: readonly number[]): Promise<Pairs[]> {
  const tensor = engine.stack(
    sizes.map(n => [n, n]),
    Float32Array.from(matrices.flatMap(values => Array.from(values))),
  );
  const plan = await engine.compile(graph => eigh(graph.read(tensor)));
  await plan.run();
  const { outputs } = plan;
  const [values, vectors] = [await outputs.values.read(), await outputs.vectors.read()];
  const resolved = new Uint32Array((await outputs.resolved.read()).buffer);
  plan.dispose();
  tensor.dispose();
  let [at, atVector] = [0, 0];
  return sizes.map((n, i) => {
    const pairs = {
      values: values.slice(at, at + n),
      vectors: vectors.slice(atVector, atVector + n * n),
      resolved: resolved[i],
    };
    at += n;
    atVector += n * n;
    return pairs;
  });
}

function symmetric(n: number): Float64Array {
  const values = randoms(n * n);
  return values.map((_, at) => values[Math.max(at, (at % n) * n + Math.floor(at / n))]);
}

function oracle(matrix: Float64Array, n: number): number[] {
  const rows = Array.from({ length: n }, (_, i) => Array.from(matrix.subarray(i * n, (i + 1) * n)));
  const found = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true }).realEigenvalues;
  return found.sort((a, b) => b - a);
}

/** What the issue asks of pairs, relative to the 2-norm: residuals, orthonormality, and values where they are known. */
function requirePairs(
  what: string,
  matrix: ArrayLike<number>,
  n: number,
  pairs: Pairs,
  expected: ArrayLike<number>,
  norm = normOf(expected),
) {
  const count = pairs.values.length;
  requireClose(`${what}: values`, pairs.values, Array.from(expected).slice(0, count), { absolute: n * 1.2e-7 * norm });
  let [residual, deviation] = [0, 0];
  const v = Float64Array.from(pairs.vectors);
  const a = Float64Array.from(matrix);
  for (let pair = 0; pair < count; pair++) {
    let squares = 0;
    for (let i = 0; i < n; i++) {
      let image = 0;
      for (let j = 0; j < n; j++) image += a[i * n + j] * v[pair * n + j];
      squares += ((image - pairs.values[pair] * v[pair * n + i]) / (norm || 1)) ** 2;
    }
    residual = greater(residual, Math.sqrt(squares));
    for (let other = 0; other <= pair; other++) {
      let inner = other === pair ? -1 : 0;
      for (let j = 0; j < n; j++) inner += v[pair * n + j] * v[other * n + j];
      deviation = greater(deviation, Math.abs(inner));
    }
  }
  require(`${what}: |A v - l v| is ${residual} |A|`, residual <= 1e-5);
  require(`${what}: V V^T is off by ${deviation}`, deviation <= 1e-5);
}

/** The greater, or NaN where there is one. */
const greater = (a: number, b: number) => (b <= a ? a : b);
const normOf = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));

test('random matrices of 1 to 130 rows in one stack match ml-matrix, and so do 256 of 16 rows', async () => {
  for (const sizes of [
    [1, 2, 3, 5, 16, randomInteger(17, 32), 63, 64, 65, randomInteger(66, 127), 130],
    Array.from({ length: 256 }, () => 16),
  ]) {
    const matrices = sizes.map(symmetric);
    const found = await decompose(matrices, sizes);
    found.forEach((pairs, i) => {
      requirePairs(`matrix ${i} of ${sizes[i]} rows`, matrices[i], sizes[i], pairs, oracle(matrices[i], sizes[i]));
    });
    if (sizes[0] === 1) requireEqual('one row', [found[0].values[0], found[0].vectors[0]], [matrices[0][0], 1]);
  }
});

/** Q^T diag(values) Q, rounded to float32, Q a product of three Householder reflections. */
function withSpectrum(values: ArrayLike<number>): Float64Array {
  const n = values.length;
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) a[i * n + i] = values[i];
  for (let turn = 0; turn < 3; turn++) {
    const raw = randoms(n);
    const length = Math.sqrt(raw.reduce((sum, x) => sum + x * x, 0));
    const u = raw.map(x => (Math.SQRT2 * x) / length);
    // A - u w^T - w u^T, w = A u - 1/2 (u^T A u) u
    const image = Float64Array.from({ length: n }, (_, i) => u.reduce((sum, x, j) => sum + a[i * n + j] * x, 0));
    const half = u.reduce((sum, x, i) => sum + x * image[i], 0) / 2;
    const w = image.map((y, i) => y - half * u[i]);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j] -= u[i] * w[j] + w[i] * u[j];
  }
  return a.map((x, at) => Math.fround((x + a[(at % n) * n + Math.floor(at / n)]) / 2));
}

const descending = (n: number, value: (i: number) => number) =>
  Float64Array.from({ length: n }, (_, i) => value(i)).sort((a, b) => b - a);

test('zero, identity, diagonal, rank one, repeated, clustered, negative and graded spectra, small and large', async () => {
  for (const n of [23, 90]) {
    const ones = randoms(n);
    const diagonal = (value: (i: number) => number) =>
      Float64Array.from({ length: n * n }, (_, at) =>
        at % (n + 1) === 0 ? Math.fround(value(Math.floor(at / n))) : 0,
      );
    const cases: Record<string, [Float64Array, ArrayLike<number>]> = {
      zero: [diagonal(() => 0), descending(n, () => 0)],
      identity: [diagonal(() => 1), descending(n, () => 1)],
      diagonal: [diagonal(i => (i % 2 ? -i : i)), descending(n, i => (i % 2 ? -i : i))],
      'rank one': [
        Float64Array.from({ length: n * n }, (_, at) => Math.fround(ones[Math.floor(at / n)] * ones[at % n])),
        descending(n, i => (i === 0 ? ones.reduce((sum, x) => sum + x * x, 0) : 0)),
      ],
    };
    const spectra: Record<string, (i: number) => number> = {
      repeated: i => (i < n / 2 ? 2 : -1),
      clustered: i => 1 + 1e-6 * i + (i % 3),
      negative: i => -1 - i,
      graded: i => 10 ** (-i / 2),
      'of both signs, falling': i => (i % 2 ? -1 : 1) * 0.7 ** i,
    };
    for (const [name, value] of Object.entries(spectra))
      cases[name] = [withSpectrum(descending(n, value)), descending(n, value)];
    const names = Object.keys(cases);
    const found = await decompose(
      names.map(name => cases[name][0]),
      names.map(() => n),
    );
    names.forEach((name, i) => {
      requirePairs(`${name}, ${n} rows`, cases[name][0], n, found[i], cases[name][1]);
    });
    requireEqual(
      'resolved of zero, identity, rank one',
      ['zero', 'identity', 'rank one'].map(name => found[names.indexOf(name)].resolved),
      [0, n, 1],
    );
    const graded = found[names.indexOf('graded')];
    const floor = n * 2 ** -23 * normOf(graded.values);
    requireEqual(
      'resolved of graded',
      graded.resolved,
      Array.from(graded.values).filter(x => Math.abs(x) > floor).length,
    );
    require(`${graded.resolved} of ${n} resolved`, graded.resolved > 5 && graded.resolved < n);
  }
});

test('entries from 1e-20 to 1e20: whole matrices of either magnitude, and both in one matrix', async () => {
  for (const n of [2, 19, 70]) {
    const base = symmetric(n);
    const mixed = base.map((x, at) => Math.fround(x * 10 ** ((20 * ((at % n) + Math.floor(at / n))) / n - 20)));
    const matrices = [base.map(x => Math.fround(1e-20 * x)), base.map(x => Math.fround(1e20 * x)), mixed];
    const found = await decompose(
      matrices,
      matrices.map(() => n),
    );
    found.forEach((pairs, i) => {
      requirePairs(`matrix ${i} of ${n} rows`, matrices[i], n, pairs, oracle(matrices[i], n));
    });
  }
});

test('300 and 1024 rows: a known spectrum with repeated and tiny eigenvalues is found, and what is resolved is counted', async () => {
  for (const n of [300, 1024]) {
    const known = descending(n, i => (i % 10 === 0 ? 3 : i % 7 === 0 ? 1e-9 * i : Math.cos(i) * 2));
    const matrix = withSpectrum(known);
    const [pairs] = await decompose([matrix], [n]);
    requirePairs(`${n} rows`, matrix, n, pairs, known);
    const tiny = known.filter(x => Math.abs(x) < 1e-5).length;
    require(`${pairs.resolved} of ${n} resolved, ${tiny} tiny`, Math.abs(pairs.resolved - (n - tiny)) <= 2);
  }
}, 240);

test('a NaN or an infinity makes all pairs of its own matrix NaN, and those of no other', async () => {
  for (const n of [9, 70]) {
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const [first, second] = [symmetric(n), symmetric(n)];
      first[n * n - 2] = first[(n - 1) * n - 1] = bad;
      const found = await decompose([first, second], [n, n]);
      require('a number came of NaN', [...Array.from(found[0].values), ...Array.from(found[0].vectors)].every(
        Number.isNaN,
      ));
      requireEqual('resolved of NaN', found[0].resolved, 0);
      requirePairs('its neighbour', second, n, found[1], oracle(second, n));
    }
  }
});

test('topEigenpairs: the algebraically largest of an indefinite matrix, whose largest are negative', async () => {
  const n = 80;
  const known = descending(n, i => (i < 6 ? 4 - 0.5 * i : i < 60 ? -0.01 * i : -5));
  const matrix = withSpectrum(known);
  const topK = 5;
  const [a, start] = [engine.tensor([n, n], matrix), engine.tensor([blockSize(n, topK), n])];
  const plan = await engine.compile(graph =>
    topEigenpairs(graph.read(a), graph.read(start), { iterations: 120, indefinite: true }),
  );
  await plan.run();
  const values = (await plan.outputs.values.read()).slice(0, topK);
  const vectors = (await plan.outputs.vectors.read()).slice(0, topK * n);
  requirePairs('indefinite', matrix, n, { values, vectors, resolved: topK }, known);
  plan.dispose();
});

test('eigendecompose: all pairs of several matrices, the largest of one by iteration, and from a start that is right at once', async () => {
  const n = 70;
  const known = [descending(n, i => 0.8 ** i - 0.3), descending(n, i => 5 - i)];
  const matrices = known.map(withSpectrum);
  const found = await eigendecompose(engine, [2, n, n], Float64Array.from(matrices.flatMap(one => Array.from(one))));
  found.forEach((pairs, i) => {
    requirePairs(`matrix ${i}`, matrices[i], n, pairs, known[i]);
  });
  const topK = 4;
  const [iterated] = await eigendecompose(engine, [n, n], matrices[0], { topK });
  requireEqual('shape', [iterated.values.length, iterated.vectors.length, iterated.resolved], [topK, topK * n, topK]);
  requirePairs('by iteration', matrices[0], n, iterated, known[0]);
  const [warm] = await eigendecompose(engine, [n, n], matrices[0], {
    topK,
    start: iterated.vectors,
    mostIterations: 10,
  });
  requirePairs('warm', matrices[0], n, warm, known[0]);
  await requireThrows(
    'no convergence',
    () => eigendecompose(engine, [n, n], matrices[1], { topK: 2, mostIterations: 10 }),
    'RunError',
    /^eigendecompose: after 10 turns \|A v - l v\| is .* of \|A\|: allow more/,
  );
});

test('eigendecompose: the 3 largest pairs of 4096 rows', async () => {
  const [n, topK] = [4096, 3];
  const spikes = Array.from({ length: 3 }, () => randoms(n));
  const weights = [3, 2, 1.2];
  const matrix = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 10 + (i % 5) : 0;
      for (let s = 0; s < 3; s++) sum += weights[s] * spikes[s][i] * spikes[s][j];
      matrix[i * n + j] = sum;
      matrix[j * n + i] = sum;
    }
  }
  const bytes = engine.memory.bytes;
  const [pairs] = await eigendecompose(engine, [n, n], matrix, { topK, indefinite: false });
  requireEqual('memory that is left', engine.memory.bytes, bytes);
  // No oracle at this size: the residual is float64, and nothing else comes near eigenvalues so far up.
  requirePairs('4096 rows', matrix, n, pairs, pairs.values);
  const mean = weights.map(weight => (weight * n) / 3 + 12);
  requireClose('values', pairs.values, mean, { relative: 0.1 });
}, 120);

test('what is no symmetric matrix is refused before anything is allocated, and so is a k out of range', async () => {
  const bytes = engine.memory.peakBytes;
  const refused = (what: string, work: () => unknown, message: RegExp) =>
    requireThrows(what, work, 'InputError', message);
  const give = (shape: number[], values: ArrayLike<number>, options = {}) =>
    eigendecompose(engine, shape, values, options);
  await refused('no square', () => give([2, 3], new Float32Array(6)), /shape \(2, 3\): takes square matrices/);
  await refused('a vector', () => give([4], new Float32Array(4)), /takes square matrices/);
  await refused('too many', () => give([1025, 1025], []), /n is 1 to 1024: with topK, up to 4096/);
  await refused('too many with topK', () => give([4097, 4097], [], { topK: 1 }), /n is 1 to 4096/);
  await refused('too few numbers', () => give([2, 2], [1, 2, 3]), /takes 4 numbers, got 3/);
  await refused('NaN', () => give([2, 2], [1, 0, Number.NaN, 1]), /the matrix holds NaN at \(1, 0\)/);
  await refused('past float32', () => give([1, 1], [1e39]), /holds 1e\+39 at \(0, 0\)/);
  await refused(
    'the second, not symmetric',
    () => give([2, 2, 2], [1, 2, 2, 1, 4, 1, 1.5, 2]),
    /matrix 1 is not symmetric: \(1, 0\) and its mirror image differ by 0\.13 of the largest element: use \(A \+ A\^T\) \/ 2/,
  );
  for (const topK of [0, 3, 1.5, Number.NaN]) {
    await refused(
      `topK ${topK}`,
      () => give([2, 2], [1, 0, 0, 1], { topK }),
      /topK .* of a matrix of 2 rows: use 1 to 2/,
    );
  }
  await refused('a start', () => give([2, 2], [1, 0, 0, 1], { topK: 1, start: [1] }), /start: takes 2 numbers, got 1/);
  requireEqual('memory', engine.memory.peakBytes, bytes);
  const [wide, large] = [engine.tensor([3, 4]), engine.tensor([1025, 1025])];
  await refused('eigh', () => engine.compile(g => eigh(g.read(wide))), /^eigh: takes square matrices, got \(3, 4\)/);
  await refused(
    'eigh',
    () => engine.compile(g => eigh(g.read(large))),
    /^eigh: a matrix of shape \(1025, 1025\): takes up to 1024/,
  );
});
