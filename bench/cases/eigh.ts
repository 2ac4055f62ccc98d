/** Full eigendecompositions of a known spectrum, one matrix or many at once, beside ml-matrix's on the host in float64. */

import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Engine } from '../../src/graph/engine.js';
import { eigh } from '../../src/ops/eigen/eigh.js';
import { type ContestOptions, contest } from '../contest.js';
import type { EighAccuracy, EighResult } from '../results.js';
import { cosineBasis, matrixOf } from './spectra.js';

interface EighShape {
  readonly size: number;
  readonly count: number;
}

const alone = (size: number): EighShape => ({ size, count: 1 });

export const eighShapes = {
  full: [{ size: 16, count: 256 }, alone(64), alone(256), alone(512), alone(1024)],
  quick: [{ size: 16, count: 256 }, alone(64), alone(256)],
} as const;

/** Past these a result does not count as right: what the engine promises, relative to |A|. */
const tolerance = { residual: 1e-5, orthogonality: 1e-5, valueError: 1.2e-7 };

interface Pairs {
  readonly values: ArrayLike<number>;
  /** An eigenvector a row. */
  readonly vectors: ArrayLike<number>;
}

export async function eighCase(
  engine: Engine,
  { size, count }: EighShape,
  options: ContestOptions,
): Promise<EighResult> {
  // Of both signs and evenly spread: nothing is found early, as it would be in a spectrum that falls.
  const known = Array.from({ length: size }, (_, i) => 2 * Math.cos(i)).sort((a, b) => b - a);
  const matrix = matrixOf(cosineBasis(size), known, size);
  const all = Float32Array.from({ length: count * size * size }, (_, i) => matrix[i % matrix.length]);
  const tensor = engine.stack(
    Array.from({ length: count }, () => [size, size]),
    all,
  );
  const plan = await engine.compile(graph => eigh(graph.read(tensor)));
  await plan.run();
  const vectors = (await plan.outputs.vectors.read()).slice(-size * size);
  const ours = { values: (await plan.outputs.values.read()).slice(-size), vectors };
  const rows = Array.from({ length: size }, (_, i) => Array.from(matrix.subarray(i * size, (i + 1) * size)));
  const host = new Matrix(rows);
  const onHost = () => new EigenvalueDecomposition(host, { assumeSymmetric: true });
  const accuracies = [ours, pairsOf(onHost(), size)].map(pairs => accuracyOf(matrix, known, pairs));
  const worst = accuracies[0];
  if (!(worst.residual <= tolerance.residual && worst.orthogonality <= tolerance.orthogonality)) {
    throw new Error(`eigh of ${size} x ${size}: off by ${worst.residual}, V V^T by ${worst.orthogonality}`);
  }
  if (!(worst.valueError <= size * tolerance.valueError)) {
    throw new Error(`eigh of ${size} x ${size}: values off by ${worst.valueError}`);
  }
  const standings = await contest(
    [
      { name: 'eigh', run: times => plan.run({ times }) },
      {
        name: 'ml-matrix (float64)',
        run: async times => {
          for (let i = 0; i < times * count; i++) onHost();
        },
      },
    ],
    options,
  );
  plan.dispose();
  tensor.dispose();
  return { size, count, standings: standings.map((standing, i) => ({ ...standing, ...accuracies[i] })) };
}

function pairsOf({ realEigenvalues, eigenvectorMatrix }: EigenvalueDecomposition, size: number): Pairs {
  const order = realEigenvalues.map((_, i) => i).sort((i, j) => realEigenvalues[j] - realEigenvalues[i]);
  return {
    values: order.map(i => realEigenvalues[i]),
    vectors: Float64Array.from({ length: size * size }, (_, at) =>
      eigenvectorMatrix.get(at % size, order[Math.floor(at / size)]),
    ),
  };
}

/** In float64, relative to the known |A|. */
function accuracyOf(matrix: Float32Array, known: readonly number[], { values, vectors }: Pairs): EighAccuracy {
  const size = known.length;
  const norm = Math.max(...known.map(Math.abs));
  const [a, v] = [Float64Array.from(matrix), Float64Array.from(vectors)];
  let [residual, orthogonality] = [0, 0];
  for (let i = 0; i < size; i++) {
    const own = v.subarray(i * size, (i + 1) * size);
    let squares = 0;
    for (let j = 0; j < size; j++) {
      const [row, other] = [a.subarray(j * size, (j + 1) * size), v.subarray(j * size, (j + 1) * size)];
      let [image, inner] = [0, 0];
      for (let l = 0; l < size; l++) {
        image += row[l] * own[l];
        inner += other[l] * own[l];
      }
      squares += (image - values[i] * own[j]) ** 2;
      orthogonality = Math.max(orthogonality, Math.abs(inner - (i === j ? 1 : 0)));
    }
    residual = Math.max(residual, Math.sqrt(squares) / norm);
  }
  const valueError = Math.max(...known.map((value, i) => Math.abs(values[i] - value))) / norm;
  return { residual, orthogonality, valueError };
}
