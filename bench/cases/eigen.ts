/** The k largest eigenpairs of a symmetric matrix with a known spectrum: from a random start, and from the last vectors. */

import type { Engine } from '../../src/graph/engine.js';
import { Random } from '../../src/host/random.js';
import { blockSize } from '../../src/ops/eigen/leadingEigenpairs.js';
import { topEigenpairs } from '../../src/ops/eigen/topEigenpairs.js';
import { product } from '../../test/reference/linear/product.js';
import { type ContestOptions, contest } from '../contest.js';
import type { EigenResult } from '../results.js';
import { cosineBasis, matrixOf } from './spectra.js';

export const eigenSizes = { full: [64, 128, 256, 512, 1024], quick: [64, 256] } as const;

/** As the tangent kernels of sine networks have it: l_70 / l_1 is about 5e-5. */
const decay = 0.87;
/** The largest relative residual |A v - l v| / |A| of what counts as an eigenpair here. */
const tolerance = 1e-4;
const [coldIterations, warmIterations] = [6, 1];

export async function eigenCase(engine: Engine, size: number, options: ContestOptions): Promise<EigenResult> {
  const top = Math.min(70, size / 2);
  const random = new Random(size);
  const spectrum = Array.from({ length: size }, (_, i) => decay ** i);
  const matrix = matrixOf(cosineBasis(size), spectrum, size);

  const rows = blockSize(size, top);
  const kernel = engine.tensor([size, size], matrix);
  const start = engine.tensor(
    [rows, size],
    Float32Array.from({ length: rows * size }, () => random.normal()),
  );
  const vectors = engine.tensor([rows, size]);
  const plans = await engine.compile({
    cold: graph => {
      const pairs = topEigenpairs(graph.read(kernel), graph.read(start), { iterations: coldIterations });
      graph.assign(vectors, pairs.vectors);
      return { values: pairs.values };
    },
    warm: graph => topEigenpairs(graph.read(kernel), graph.read(vectors), { iterations: warmIterations }),
  });
  await plans.cold.run();
  await plans.warm.run();
  const values = await plans.warm.outputs.values.read();
  const error = residual(matrix, values, await plans.warm.outputs.vectors.read(), top, size);
  if (!(error <= tolerance)) throw new Error(`eigenpairs of ${size} x ${size}: off by ${error}`);
  const [cold, warm] = await contest(
    [
      { name: 'cold', run: times => plans.cold.run({ times }) },
      { name: 'warm', run: times => plans.warm.run({ times }) },
    ],
    options,
  );
  for (const one of [plans.cold, plans.warm, kernel, start, vectors]) one.dispose();
  return { size, topK: top, error, cold: cold.milliseconds, warm: warm.milliseconds };
}

/** The largest |A v - l v| / l_1 of the first `top` pairs, in float64. */
function residual(
  matrix: Float32Array,
  values: Float32Array,
  vectors: Float32Array,
  top: number,
  size: number,
): number {
  const [a, b] = [Float64Array.from(vectors.subarray(0, top * size)), Float64Array.from(matrix)];
  const images = product({ rows: top, columns: size, inner: size, a, b });
  const norms = Array.from({ length: top }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += (images[i * size + j] - values[i] * vectors[i * size + j]) ** 2;
    return Math.sqrt(sum) / values[0];
  });
  return Math.max(...norms);
}
