/** Random numbers and initial parameters: the same everywhere, of the right distribution. */

import { Random } from '../../src/host/random.js';
import { relu } from '../../src/model/activation.js';
import { architecture, initialise, shapesOf } from '../../src/model/architecture.js';
import { fourierSeries } from '../../src/model/fourierSeries.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';
import { xoshiro } from '../reference/host/random.js';

const test = suite('factor networks');

test('random numbers are those of xoshiro128**, for any seed', () => {
  for (const seed of [0, 1, 42, 2 ** 32 - 1]) {
    const random = new Random(seed);
    requireEqual(
      `seed ${seed}`,
      Array.from({ length: 50 }, () => random.bits()),
      xoshiro(seed, 50),
    );
  }
});

test('uniform and normal numbers have the mean and variance they should', () => {
  const random = new Random(42);
  const n = 200_000;
  const moments = (next: () => number) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < n; i++) {
      const x = next();
      sum += x;
      squares += x * x;
    }
    return [sum / n, squares / n - (sum / n) ** 2];
  };
  requireClose(
    'uniform',
    moments(() => random.uniform(-1, 3)),
    [1, 16 / 12],
    { absolute: 0.02 },
  );
  requireClose(
    'normal',
    moments(() => random.normal()),
    [0, 1],
    { absolute: 0.02 },
  );
});

test('initial weights lie in the bounds of the recipe and fill them, biases too', () => {
  const check = (what: string, values: number[], bound: number) => {
    const most = Math.max(...values.map(Math.abs));
    require(`${what}: ${most} of ${bound}`, most <= bound && most > 0.9 * bound);
  };
  const width = 64;
  const parts = (network: ReturnType<typeof architecture>, outputs: number) => {
    const values = initialise(network, outputs, new Random(3));
    let at = 0;
    return shapesOf(network, outputs).map(([rows, columns]) => {
      const own = [...values.slice(at, at + rows * columns)];
      at += rows * columns;
      return {
        weights: own.filter((_, i) => i % columns < columns - 1),
        biases: own.filter((_, i) => i % columns === columns - 1),
      };
    });
  };
  const sine = parts(architecture({ width }), 50);
  check('first sine layer', sine[0].weights, 1);
  for (const layer of [1, 2]) check(`sine layer ${layer}`, sine[layer].weights, Math.sqrt(6 / width) / 30);
  check('first biases', sine[0].biases, 1);
  check('later biases', sine[1].biases, 1 / 8);
  const rectified = parts(architecture({ width, activation: relu, frequencies: [1, 2, 3] }), 50);
  check('first ReLU layer', rectified[0].weights, 1 / Math.sqrt(6));
  check('later ReLU layers', rectified[1].weights, 1 / 8);
});

test('a Fourier series has the frequencies k / period, and networks of one layer are linear in them', async () => {
  requireEqual('terms', fourierSeries({ terms: 3, period: 4 }), [0.25, 0.5, 0.75]);
  requireClose('period', fourierSeries({ terms: 2 }), [1 / 2.2, 2 / 2.2], { absolute: 1e-15 });
  requireEqual('shapes', shapesOf(architecture({ width: 9, depth: 1, frequencies: fourierSeries({ terms: 5 }) }), 4), [
    [4, 11],
  ]);
  await requireThrows('terms', () => fourierSeries({ terms: 0 }), 'InputError', /^fourierSeries: terms: 0: use/);
  await requireThrows(
    'period',
    () => fourierSeries({ terms: 1, period: 0 }),
    'InputError',
    /^fourierSeries: period: 0: use/,
  );
});
