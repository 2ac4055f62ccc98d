/**
 * Large products by a GPU's matrix units beside those in float32 on the same device, in turns: error and speed, as a table.
 *
 *   npx tsx bench/matrixUnits.ts [--adapter NAME] [--sizes 1024,2048,4096]
 *
 * Exit code 1 where a product is off by more than is promised (bench/NOTES.md, "Matrix units"), 2 where the adapter has none.
 */

import { wordsOf } from '../scripts/words.js';
import { isInputError } from '../src/errors.js';
import type { Engine } from '../src/graph/engine.js';
import { Random } from '../src/host/random.js';
import { matmul } from '../src/ops/linear/matmul.js';
import { type OpenEngineOptions, openEngine } from '../src/public/node.js';
import { contest } from './contest.js';

const { values } = wordsOf({
  options: {
    adapter: { type: 'string', default: 'auto' },
    sizes: { type: 'string', default: '1024,2048,4096' },
  },
});
/** Results of each product that are held against float64. */
const looked = 2000;

try {
  const engine = await openEngine({
    adapter: values.adapter as NonNullable<OpenEngineOptions['adapter']>,
    matrixUnits: true,
  });
  console.log(engine.adapter.description || engine.adapter.architecture);
  for (const size of values.sizes.split(',').map(Number)) await compare(engine, size);
  await engine.dispose();
} catch (error) {
  if (!isInputError(error)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function compare(engine: Engine, size: number): Promise<void> {
  const random = new Random(size);
  const [a, b] = [0, 1].map(() => Float32Array.from({ length: size * size }, () => random.uniform(-1, 1)));
  const [left, right] = [a, b].map(numbers => engine.tensor([size, size], numbers));
  const build = () => engine.compile(graph => ({ c: matmul(graph.read(left), graph.read(right)) }));
  const units = await build();
  const { device } = engine;
  const { tileOf } = device;
  device.tileOf = undefined;
  const plain = await build();
  device.tileOf = tileOf;
  const plans = { 'in float32': plain, 'by matrix units': units };
  const standings = await contest(
    Object.entries(plans).map(([name, plan]) => ({ name, run: (times: number) => plan.run({ times }) })),
    { rounds: 9, milliseconds: 100 },
  );
  const errors = Object.values(plans).map(async ({ outputs }) => worst(await outputs.c.read(), a, b, size));
  const found = await Promise.all(errors);
  console.log(`${size}^3, of ${looked} results the worst error over the sum of its terms without signs, in 2^-24`);
  console.table(
    standings.map(({ name, milliseconds, ratio }, i) => ({
      name,
      milliseconds: milliseconds.median,
      ratio: ratio.median,
      gflops: (2 * size ** 3) / (1e6 * milliseconds.median),
      error: found[i],
    })),
  );
  for (const one of [plain, units, left, right]) one.dispose();
  if (!(found[1] <= 400 + size / 128)) {
    console.error(`matrix units: off by ${found[1]}, promised ${400 + size / 128}`);
    process.exitCode = 1;
  }
}

function worst(c: Float32Array, a: Float32Array, b: Float32Array, size: number): number {
  let most = 0;
  for (let i = 0; i < looked; i++) {
    const at = Math.floor((i * c.length) / looked);
    const [row, column] = [Math.floor(at / size), at % size];
    let [sum, terms] = [0, 0];
    for (let u = 0; u < size; u++) {
      const term = a[row * size + u] * b[u * size + column];
      sum += term;
      terms += Math.abs(term);
    }
    const error = (Math.abs(c[at] - sum) * 2 ** 24) / terms;
    most = error <= most ? most : error; // NaN stays
  }
  return most;
}
