/** Products whose inner axis is cut into parts: each pass and both against float64 twins, within the bound that is promised. */

import { type Layout, layoutOf, type Part, padded, stackOf } from '../../src/buffer/layout.js';
import type { Storage } from '../../src/buffer/memory.js';
import type { Operand } from '../../src/graph/operation.js';
import type { Dispatch } from '../../src/kernel/dispatch.js';
import { productOfParts } from '../../src/ops/linear/product.js';
import { cutDispatches } from '../../src/schedule/cut.js';
import { productDispatch, productDispatches } from '../../src/schedule/product.js';
import { registerSchedule, type Schedule } from '../../src/schedule/schedule.js';
import * as linear from '../../src/wgsl/linear.js';
import { require, requireBits, requireClose, requireEqual, requireNear } from '../helpers/compare.js';
import { contentOf, device, filled, poisoned, run } from '../helpers/gpu.js';
import { type Case, firstSchedules, productTolerance, testOnSchedules } from '../helpers/products.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { addParts, roundingsOfSum } from '../reference/inner/addParts.js';
import { partLength, rounded, roundingsOfPart, split } from '../reference/inner/split.js';
import { type ProductInput, product } from '../reference/linear/product.js';

const test = suite('kernels: cut products');

const partOf = ({ layout }: Operand) => layout.parts[0];
const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap(values => [...values]));

/** Three parts, the longest of three blocks; shorter axes have fewer, one of them none but the first. */
const cut = { parts: 3, block: 32 };
const sizes: readonly (readonly [rows: number, columns: number, inner: number])[] = [
  [35, 3, 270],
  [1, 1, 1],
  [3, 34, 66],
  [randomInteger(2, 9), randomInteger(2, 9), randomInteger(65, 200)],
];
const results = stackOf(sizes.map(([rows, columns]) => [rows, columns]));
const numbersOfPart = Math.max(...sizes.map(([rows, columns]) => rows * padded(columns)));
/** The parts that each problem has, in room for `cut.parts` of the largest result. */
const partsOf: readonly (readonly Part[])[] = sizes.map(([rows, columns, inner], i) =>
  Array.from({ length: Math.ceil(inner / partLength(inner, cut.parts)) }, (_, part) => ({
    shape: [rows, columns],
    offset: numbersOfPart * (i * cut.parts + part),
    stride: padded(columns),
  })),
);
const partialLayout: Layout = { parts: partsOf.flat(), length: numbersOfPart * cut.parts * sizes.length };

function partialOf({ bindings, resources }: Dispatch): Storage {
  return resources[bindings.findIndex(({ name }) => name === 'partial')] as Storage;
}

function contentOfPart({ layout, storage }: Operand, part: Part): Promise<Float32Array> {
  return contentOf({ layout: { ...layout, parts: [part] }, storage });
}

/** Problems of the sizes, and the same without their signs, whose results are what rounding goes with. */
function randomProblems(): (readonly [own: ProductInput, magnitude: ProductInput])[] {
  return sizes.map(([rows, columns, inner]) => {
    const arrays = { a: randoms(rows * inner), b: randoms(inner * columns), before: randoms(rows * columns) };
    const [a, b, before] = [arrays.a, arrays.b, arrays.before].map(values => values.map(Math.abs));
    const own = { rows, columns, inner, transposeLeft: true, transposeRight: true };
    return [
      { ...own, ...arrays, alpha: -0.75, beta: 2 },
      { ...own, a, b, before, alpha: 0.75, beta: 2 },
    ];
  });
}

function cutProducts(schedule: Schedule): Case[] {
  const twins = randomProblems();
  const left = filled(stackOf(sizes.map(([rows, , inner]) => [inner, rows])), join(twins.map(([{ a }]) => a)));
  const right = filled(stackOf(sizes.map(([, columns, inner]) => [columns, inner])), join(twins.map(([{ b }]) => b)));
  const result = filled(results, join(twins.map(([{ before }]) => before as Float64Array)));
  const problems = twins.map(([own], i) =>
    productOfParts(left.layout.parts[i], right.layout.parts[i], results.parts[i], own),
  );
  const constants = { LEFT_TRANSPOSED: true, RIGHT_TRANSPOSED: true, BLEND: true, BLOCK: cut.block };
  const buffers = { left: left.storage, right: right.storage, result: result.storage };
  const choice = { schedule, parts: cut.parts };
  const dispatches = cutDispatches(device, linear.product, { constants, problems, buffers }, choice);
  const partial = poisoned(partialLayout);
  partialOf(dispatches[0]).place(partial.storage);
  return [
    {
      dispatch: dispatches,
      check: async () => {
        for (const [i, [own, magnitude]] of twins.entries()) {
          const what = `${own.rows} x ${own.inner} x ${own.columns}`;
          const [parts, most] = [split(own, cut), split(magnitude, cut)];
          requireEqual(`${what}, parts`, parts.length, partsOf[i].length);
          const roundings = roundingsOfPart(own.inner, cut);
          for (const [j, part] of partsOf[i].entries()) {
            const got = await contentOfPart(partial, part);
            requireNear(`${what}, part ${j}`, got, parts[j], most[j], rounded(roundings));
          }
          const [expected, allowed] = [addParts(parts, own), addParts(most, magnitude)];
          requireNear(`${what}, cut or not in float64`, expected, product(own), allowed, 1e-13);
          const got = await contentOfPart(result, results.parts[i]);
          requireNear(what, got, expected, allowed, rounded(roundings + roundingsOfSum(parts.length)));
          requireClose(what, got, expected, productTolerance(own.inner));
        }
      },
    },
    symmetricCut(schedule),
  ];
}

function symmetricCut(schedule: Schedule): Case {
  const [n, inner, untouched] = [67, 70, 7];
  const x = randoms(n * inner);
  const left = filled(layoutOf([n, inner]), x);
  const result = filled(layoutOf([n, n]), new Float64Array(n * n).fill(untouched));
  const problems = [productOfParts(partOf(left), partOf(left), partOf(result))];
  const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false };
  const buffers = { left: left.storage, right: left.storage, result: result.storage };
  const description = { constants, problems, buffers, upper: true };
  return {
    dispatch: cutDispatches(device, linear.product, description, { schedule, parts: 2 }),
    check: async () => {
      const got = await contentOf(result);
      const expected = product({ rows: n, columns: n, inner, a: x, b: x, transposeRight: true });
      const above = (values: Float32Array | Float64Array) =>
        Float64Array.from(values).filter((_, at) => at % n >= Math.floor(at / n));
      requireClose('symmetric, cut', above(got), above(expected), productTolerance(inner));
      requireEqual('below the diagonal', got[n * (n - 1)], untouched);
    },
  };
}

testOnSchedules(
  test,
  [
    {
      title: on =>
        `product on ${on}: cut into parts of several blocks each part and the result match, with beta, at sizes of which some have fewer parts, and where half is left out`,
      cases: cutProducts,
    },
  ],
  firstSchedules,
);

test('addParts: adds the parts that a problem has and no more, and writes the result or blends it with what was there', async () => {
  const operands = poisoned(layoutOf([4]));
  const parts = partsOf.map(own => own.map(({ shape: [rows, columns] }) => randoms(rows * columns)));
  const twins = randomProblems();
  for (const BLEND of [false, true]) {
    const result = BLEND
      ? filled(results, join(twins.map(([{ before }]) => before as Float64Array)))
      : poisoned(results);
    const problems = twins.map(([own], i) => ({
      ...productOfParts(partOf(operands), partOf(operands), results.parts[i], own),
      inner: own.inner,
    }));
    const givenTo = ({ before, ...others }: ProductInput) => (BLEND && before ? { ...others, before } : others);
    const constants = { LEFT_TRANSPOSED: true, RIGHT_TRANSPOSED: true, BLEND };
    const buffers = { left: operands.storage, right: operands.storage, result: result.storage };
    const choice = { schedule: firstSchedules[0], parts: cut.parts };
    const [, second] = cutDispatches(device, linear.product, { constants, problems, buffers }, choice);
    partialOf(second).place(filled(partialLayout, join(parts.flat())).storage);
    await run([second]);
    for (const [i, [own, magnitude]] of twins.entries()) {
      const sums = parts[i].map(values => values.map(Math.abs));
      const expected = addParts(parts[i], givenTo(own));
      const most = addParts(sums, givenTo(magnitude));
      const got = await contentOfPart(result, results.parts[i]);
      requireNear(`${own.rows} x ${own.columns}`, got, expected, most, rounded(roundingsOfSum(parts[i].length)));
    }
  }
});

test('product: of 524,288 terms a sum is off by no more than is promised, as it is where they are added one after the other, and every run gives the same bits', async () => {
  // As many as the MTTKRP of a slab of 512 x 1024 x 1024 adds for a number of its second axis.
  const inner = 512 * 1024;
  // Each term is rounded the same way as long as the sum has the same exponent.
  const [a, b] = [new Float64Array(inner).fill(1), new Float64Array(inner).fill(Math.fround(0.1))];
  const [left, right] = [filled(layoutOf([1, inner]), a), filled(layoutOf([1, inner]), b)];
  const [first, second, oneByOne] = Array.from({ length: 3 }, () => poisoned(layoutOf([1, 1])));
  const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false };
  const describe = (result: Operand) => ({
    constants,
    problems: [productOfParts(partOf(left), partOf(right), partOf(result))],
    buffers: { left: left.storage, right: right.storage, result: result.storage },
  });
  for (const result of [first, second]) {
    const dispatches = productDispatches(device, linear.product, describe(result));
    requireEqual('dispatches', dispatches.length, 2);
    await run(dispatches);
  }
  const expected = product({ rows: 1, columns: 1, inner, a, b });
  const promised = (4096 + inner / 4096 + 256) * 2 ** -24;
  requireNear('sum', await contentOf(first), expected, expected, promised);
  requireBits('a second run', await contentOf(second), await contentOf(first));
  await run([productDispatch(device, linear.product, describe(oneByOne), registerSchedule([4, 1], [1, 1]))]);
  const [sum] = await contentOf(oneByOne);
  require(`one after the other ${sum}`, Math.abs(sum - expected[0]) > promised * expected[0]);
});
