/** A few results that are known without a second program: whether an adapter computes right at all. */

import type { Engine } from '../../graph/engine.js';
import { topEigenpairs } from '../../ops/eigen/topEigenpairs.js';
import { matmul } from '../../ops/linear/matmul.js';
import { features } from '../../ops/network/features.js';

export interface SelfTest {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
  readonly passed: boolean;
}

export async function selfTest(engine: Engine): Promise<SelfTest[]> {
  const results = [await testProduct(engine), await testSine(engine), await testEigenpairs(engine)];
  return results.map(result => ({ ...result, passed: result.error <= result.tolerance }));
}

/** Products of small whole numbers are exact. */
async function testProduct(engine: Engine) {
  const [n, k, m] = [61, 47, 53];
  const a = Array.from({ length: n * k }, (_, i) => ((i * 7) % 17) - 8);
  const b = Array.from({ length: k * m }, (_, i) => ((i * 11) % 19) - 9);
  const [left, right] = [engine.tensor([n, k], a), engine.tensor([k, m], b)];
  const plan = await engine.compile(graph => ({ c: matmul(graph.read(left), graph.read(right)) }));
  await plan.run();
  const c = await plan.outputs.c.read();
  let error = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum += a[i * k + l] * b[l * m + j];
      error = Math.max(error, Math.abs(sum - c[i * m + j]));
    }
  }
  return { name: 'matrix product', error, tolerance: 0 };
}

/** The engine's own sine and cosine, over several periods. */
async function testSine(engine: Engine) {
  const points = Float32Array.from({ length: 1000 }, (_, i) => i / 100 - 5);
  const [coordinates, frequencies] = [engine.stack([[points.length]], points), engine.tensor([1], [1])];
  const plan = await engine.compile(graph => ({ h: features(graph.read(coordinates), graph.read(frequencies)) }));
  await plan.run();
  const h = await plan.outputs.h.read();
  const errors = Array.from(points, (x, i) => {
    const angle = 2 * Math.PI * x;
    return Math.max(Math.abs(h[3 * i] - Math.cos(angle)), Math.abs(h[3 * i + 1] - Math.sin(angle)));
  });
  return { name: 'sine and cosine', error: Math.max(...errors), tolerance: 1e-6 };
}

/** The second difference matrix, whose eigenvalues are 2 - 2 cos(pi j / (n + 1)). */
async function testEigenpairs(engine: Engine) {
  const n = 24;
  const values = Array.from({ length: n * n }, (_, i) => {
    const distance = Math.abs(Math.floor(i / n) - (i % n));
    return distance === 0 ? 2 : distance === 1 ? -1 : 0;
  });
  const [matrix, start] = [engine.tensor([n, n], values), engine.tensor([n, n])];
  const plan = await engine.compile(graph => ({
    values: topEigenpairs(graph.read(matrix), graph.read(start), { iterations: 1 }).values,
  }));
  await plan.run();
  const found = await plan.outputs.values.read();
  const errors = Array.from(found, (value, i) => Math.abs(value - (2 - 2 * Math.cos((Math.PI * (n - i)) / (n + 1)))));
  return { name: 'eigenvalues', error: Math.max(...errors), tolerance: 1e-5 };
}
