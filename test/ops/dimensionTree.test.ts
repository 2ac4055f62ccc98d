/** MTTKRPs by a dimension tree: every cut of two to seven axes against the float64 twin, and which cut is taken. */

import { layoutOf, stackOf } from '../../src/buffer/layout.js';
import { cutOf, mttkrpDispatches } from '../../src/ops/contraction/dimensionTree.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, device, filled, poisoned, run } from '../helpers/gpu.js';
import { productTolerance } from '../helpers/products.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { mttkrp } from '../reference/contraction/mttkrp.js';

const test = suite('MTTKRPs by a dimension tree');

const sizeOf = (shape: readonly number[]) => shape.reduce((n, m) => n * m, 1);
const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap(values => [...values]));

/** Two models of one grid. */
function tasksOf(grid: readonly number[], rank: number) {
  const count = 2;
  const factors = Array.from({ length: count }, () => grid.map(points => randoms(points * rank)));
  const tensors = Array.from({ length: count }, () => randoms(sizeOf(grid)));
  const shapes = Array.from({ length: count }, () => grid.map(points => [points, rank])).flat();
  const [factor, tensor] = [
    filled(stackOf(shapes), join(factors.flat())),
    filled(stackOf([grid, grid]), join(tensors)),
  ];
  const result = poisoned(stackOf(shapes));
  const scales = [0.7, -1.3];
  const tasks = scales.map((scale, m) => ({
    model: factor.layout.parts.slice(m * grid.length, (m + 1) * grid.length),
    tensor: tensor.layout.parts[m],
    results: result.layout.parts.slice(m * grid.length, (m + 1) * grid.length),
    scale,
  }));
  const buffers = { tensor: tensor.storage, factor: factor.storage, result: result.storage };
  const expected = scales.map((scale, m) =>
    grid.map((_, axis) => mttkrp(tensors[m], factors[m], grid, rank, scale, axis)),
  );
  return { tasks, buffers, result, expected: join(expected.flat()) };
}

for (const [grid, rank] of [
  [[5, 9], 3],
  [[33, 6, 5], 7],
  [[1, 1, 1], 1],
  [[7, 1, 66], 34],
  [[3, 5, 2, 6], 5],
  [[2, 3, 2, 3, 5], 9],
  [[3, 2, 1, 4, 2, 7], 4],
  [[2, 3, 2, 2, 3, 2, 3], 6],
] as [number[], number][]) {
  test(`every cut of (${grid}) at rank ${rank}, two models at once, matches the twin`, async () => {
    for (let cut = 0; cut < grid.length; cut++) {
      const { tasks, buffers, result, expected } = tasksOf(grid, rank);
      await run(mttkrpDispatches(device, tasks, buffers, cut));
      requireClose(`cut ${cut}`, await contentOf(result), expected, productTolerance(sizeOf(grid)));
    }
  });
}

test('an axis alone is made by itself, and what was not asked for is left as it was', async () => {
  const [grid, rank] = [[6, 40, 5, 30], 40];
  const { tasks, buffers, result, expected } = tasksOf(grid, rank);
  const untouched = 7;
  const own = filled(
    result.layout,
    expected.map(() => untouched),
  );
  const alone = tasks.map(task => ({
    ...task,
    results: task.results.map((part, axis) => (axis === 2 ? part : undefined)),
  }));
  requireEqual('cut', cutOf(device, alone), 0);
  await run(mttkrpDispatches(device, alone, { ...buffers, result: own.storage }));
  const length = rank * grid.reduce((sum, points) => sum + points, 0);
  const [start, end] = [rank * (6 + 40), rank * (6 + 40 + 5)];
  const isOwn = (_: number, i: number) => i % length >= start && i % length < end;
  const contents = await contentOf(own);
  requireClose('axis 2', contents.filter(isOwn), expected.filter(isOwn), productTolerance(sizeOf(grid)));
  requireEqual(
    'others',
    contents.every((value, i) => isOwn(value, i) || value === untouched),
    true,
  );
});

test('the cut is the one of fewest operations, and none where tables cost more than products', () => {
  const cutAt = (grid: readonly number[], rank: number) => {
    const factor = stackOf(grid.map(points => [points, rank]));
    const [tensor] = layoutOf(grid).parts;
    return cutOf(device, [{ model: factor.parts, tensor, results: factor.parts, scale: 1 }]);
  };
  requireEqual('two axes', cutAt([512, 512], 500), 0);
  requireEqual('small', cutAt([16, 16, 16], 32), 0);
  requireEqual('a volume', cutAt([128, 128, 128], 64), 2);
  requireEqual('hidden units of a decoder', cutAt([512, 64, 768], 224), 2);
  requireEqual('a long first axis', cutAt([1000, 8, 8], 64), 1);
  requireEqual('four axes', cutAt([32, 32, 32, 32], 32), 2);
  requireEqual('six axes', cutAt([16, 16, 16, 16, 16, 16], 16), 3);
});

test('of six axes the tensor is multiplied twice and not six times', () => {
  const grid = [8, 8, 8, 8, 8, 8];
  const rank = 16;
  const factor = stackOf(grid.map(points => [points, rank]));
  const tensor = poisoned(layoutOf(grid));
  const storage = { tensor: tensor.storage, factor: poisoned(factor).storage, result: poisoned(factor).storage };
  const tasks = [{ model: factor.parts, tensor: tensor.layout.parts[0], results: factor.parts, scale: 1 }];
  const operationsOf = (cut: number) =>
    mttkrpDispatches(device, tasks, storage, cut).reduce((sum, { work }) => sum + work.operations, 0);
  const product = 2 * sizeOf(grid) * rank;
  requireEqual('one by one', operationsOf(0), 6 * product);
  // Of two tables of 8^3 rows: 8^3 twice for pairs of axes, three times 8^2 for each of those.
  requireEqual('by halves', operationsOf(3), 2 * product + 2 * 2 * rank * (2 * 8 ** 3 + 3 * 8 ** 2));
});
