/** The matrix-product family against its float64 twins, on every schedule the adapter can run. */

import { layoutOf, stackOf } from '../src/buffer/layout.js';
import { dispatch, productDispatch, productWorkgroups } from '../src/kernel/dispatch.js';
import { axesOf, cpProblem, gridOf } from '../src/ops/cpProblem.js';
import { activations } from '../src/ops/factorNetwork.js';
import { productProblem } from '../src/ops/matmul.js';
import { requireClose, requireEqual } from './helpers/compare.js';
import { contentOf, device, filled, poisoned, run } from './helpers/gpu.js';
import { productSizes, productTolerance, schedules } from './helpers/products.js';
import { randomInteger, randoms } from './helpers/random.js';
import { suite } from './helpers/suite.js';
import { activation } from './reference/activation.js';
import { cotangent } from './reference/cotangent.js';
import { cp } from './reference/cp.js';
import { cpResidual } from './reference/cpResidual.js';
import { hidden } from './reference/hidden.js';
import { layerKernel } from './reference/layerKernel.js';
import { mttkrp } from './reference/mttkrp.js';
import { outputCotangent } from './reference/outputCotangent.js';
import { product } from './reference/product.js';

const test = suite('kernels: matrix products');

const manyAxes = [
  [2, 3, 2, 5],
  [2, 1, 3, 2, 2],
  [2, 2, 1, 2, 3, 2],
];

test('product: columns past 65,535 tiles and problems past 65,535 are folded, to the last of them', async () => {
  const columns = 65_536 * 16 + 5;
  const numbers = randoms(columns);
  const [left, right] = [filled(layoutOf([1, 1]), [0.5]), filled(layoutOf([1, columns]), numbers)];
  const wide = poisoned(layoutOf([1, columns]));
  const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: false, BLEND: false };
  const [a, b] = [left, right].map(operand => operand.layout.parts[0]);
  const problems = [productProblem(a, b, wide.layout.parts[0], false)];
  const buffers = { left: left.storage, right: right.storage };
  await run([
    productDispatch(device, 'product', { constants, problems, buffers: { ...buffers, result: wide.storage } }),
  ]);
  requireClose(
    'columns',
    await contentOf(wide),
    numbers.map(x => x / 2),
    {},
  );

  const count = 65_539;
  const many = poisoned(stackOf(Array(count).fill([1, 1])));
  const each = many.layout.parts.map((part, i) => ({
    ...productProblem(a, { shape: [1, 1], offset: 4 * i, stride: 4 }, part, false),
  }));
  await run([
    productDispatch(device, 'product', { constants, problems: each, buffers: { ...buffers, result: many.storage } }),
  ]);
  const expected = Float64Array.from({ length: count }, (_, i) => numbers[4 * i] / 2);
  requireClose('problems', await contentOf(many), expected, {});
});

for (const schedule of schedules) {
  const on = schedule.id;

  test(`product on ${on}: all transpositions, with and without beta, match at sizes from 1 to past a workgroup`, async () => {
    for (const [rows, columns, inner] of productSizes) {
      for (const transposeLeft of [false, true]) {
        for (const transposeRight of [false, true]) {
          const blend = transposeLeft !== transposeRight;
          const [a, b, before] = [randoms(rows * inner), randoms(inner * columns), randoms(rows * columns)];
          const left = filled(layoutOf(transposeLeft ? [inner, rows] : [rows, inner]), a);
          const right = filled(layoutOf(transposeRight ? [columns, inner] : [inner, columns]), b);
          const layout = layoutOf([rows, columns]);
          const result = blend ? filled(layout, before) : poisoned(layout);
          const [alpha, beta] = blend ? [-0.75, 1.5] : [1, 0];
          const constants = { LEFT_TRANSPOSED: transposeLeft, RIGHT_TRANSPOSED: transposeRight, BLEND: blend };
          const [partA, partB, partC] = [left, right, result].map(operand => operand.layout.parts[0]);
          const problems = [productProblem(partA, partB, partC, transposeLeft, alpha, beta)];
          const buffers = { left: left.storage, right: right.storage, result: result.storage };
          await run([productDispatch(device, 'product', { constants, problems, buffers }, schedule)]);
          const expected = product({
            rows,
            columns,
            inner,
            a,
            b,
            transposeLeft,
            transposeRight,
            alpha,
            beta,
            ...(blend && { before }),
          });
          const what = `${rows} x ${inner} x ${columns}, transposed ${transposeLeft} ${transposeRight}`;
          requireClose(what, await contentOf(result), expected, productTolerance(inner));
        }
      }
    }
  });

  test(`product on ${on}: problems of different sizes in one dispatch do not touch each other, nor where workgroups are folded`, async () => {
    const sizes: [number, number, number][] = [
      [70, 5, 9],
      [1, 1, 1],
      [3, 66, 2],
    ];
    const a = sizes.map(([rows, , inner]) => randoms(rows * inner));
    const b = sizes.map(([, columns, inner]) => randoms(inner * columns));
    const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap(values => [...values]));
    const left = filled(stackOf(sizes.map(([rows, , inner]) => [rows, inner])), join(a));
    const right = filled(stackOf(sizes.map(([, columns, inner]) => [inner, columns])), join(b));
    const layout = stackOf(sizes.map(([rows, columns]) => [rows, columns]));
    const before = sizes.map(([rows, columns]) => randoms(rows * columns));
    const expected = sizes.map(([rows, columns, inner], i) =>
      product({ rows, columns, inner, a: a[i], b: b[i], beta: 0.5, before: before[i] }),
    );
    // Added to what is there, so that a tile made twice shows.
    const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: false, BLEND: true };
    for (const most of [65_535, 2]) {
      const narrow = Object.create(device, { limits: { value: { maxComputeWorkgroupsPerDimension: most } } });
      const result = filled(layout, join(before));
      const problems = layout.parts.map((part, i) =>
        productProblem(left.layout.parts[i], right.layout.parts[i], part, false, 1, 0.5),
      );
      const buffers = { left: left.storage, right: right.storage, result: result.storage };
      await run([productDispatch(narrow, 'product', { constants, problems, buffers }, schedule)]);
      requireClose(`batch at ${most} workgroups`, await contentOf(result), join(expected), productTolerance(9));
    }
  });

  test(`product on ${on}: of a symmetric result what stands on and above the diagonal matches, and tiles below are left as they were`, async () => {
    for (const n of [1, 5, 34, 131]) {
      const inner = 19;
      const x = randoms(n * inner);
      const left = filled(layoutOf([n, inner]), x);
      const layout = layoutOf([n, n]);
      const untouched = 7;
      const result = filled(layout, new Float64Array(n * n).fill(untouched));
      const problems = [productProblem(left.layout.parts[0], left.layout.parts[0], layout.parts[0], false)];
      const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false };
      const buffers = { left: left.storage, right: left.storage, result: result.storage };
      const half = productDispatch(device, 'product', { constants, problems, buffers, upper: true }, schedule);
      requireEqual('operations', half.work.operations, n * (n + 1) * inner);
      await run([half]);
      const got = await contentOf(result);
      const expected = product({ rows: n, columns: n, inner, a: x, b: x, transposeRight: true });
      const above = (values: Float32Array | Float64Array) =>
        Float64Array.from(values).filter((_, at) => at % n >= Math.floor(at / n));
      requireClose(`${n} x ${n}`, above(got), above(expected), productTolerance(inner));
      const firstBelow = Math.ceil(schedule.tileColumns / schedule.tileRows) * schedule.tileRows;
      if (firstBelow < n) requireEqual('below the diagonal', got[firstBelow * n], untouched);
    }
  });

  test(`hidden on ${on}: every activation with its derivative matches; the column of ones is there`, async () => {
    for (const name of activations) {
      for (const [points, outputs, inputs] of [
        [1, 1, 1],
        [7, 4, 3],
        [35, 8, 1],
        [66, 31, 17],
      ]) {
        const omega = name === 'sine' ? 30 : 1.5;
        const h = randoms(points * (inputs + 1));
        for (let i = 0; i < points; i++) h[i * (inputs + 1) + inputs] = 1;
        const w = randoms(outputs * (inputs + 1));
        const [input, weights] = [
          filled(layoutOf([points, inputs + 1]), h),
          filled(layoutOf([outputs, inputs + 1]), w),
        ];
        const result = poisoned(layoutOf([points, outputs + 1]));
        const derivative = poisoned(layoutOf([points, outputs]));
        const {
          alpha: _,
          beta: __,
          ...sizes
        } = productProblem(input.layout.parts[0], weights.layout.parts[0], result.layout.parts[0], false);
        const problems = [
          { ...sizes, columns: outputs, omega, derivative: 0, derivativeStride: derivative.layout.parts[0].stride / 4 },
        ];
        const buffers = {
          left: input.storage,
          right: weights.storage,
          result: result.storage,
          derivative: derivative.storage,
        };
        const constants = { ACTIVATION: activations.indexOf(name) };
        await run([productDispatch(device, 'hidden', { constants, problems, buffers }, schedule)]);
        const expected = hidden(h, w, points, inputs, outputs, name, omega);
        const absolute = omega * productTolerance(inputs + 1).absolute * 2;
        requireClose(`${name}, ${points} points`, await contentOf(result), expected.result, { absolute });
        requireClose(`${name} derivative`, await contentOf(derivative), expected.derivative, {
          absolute: omega * absolute,
        });
      }
    }
  });

  test(`cotangent on ${on}: matches, and leaves the bias out`, async () => {
    for (const [rows, columns, inner] of productSizes) {
      const [d, w, slope] = [randoms(rows * inner), randoms(inner * (columns + 1)), randoms(rows * columns)];
      const left = filled(layoutOf([rows, inner]), d);
      const right = filled(layoutOf([inner, columns + 1]), w);
      const derivative = filled(layoutOf([rows, columns]), slope);
      const result = poisoned(layoutOf([rows, columns]));
      const {
        alpha: _,
        beta: __,
        ...sizes
      } = productProblem(left.layout.parts[0], right.layout.parts[0], result.layout.parts[0], false);
      const problems = [{ ...sizes, derivative: 0, derivativeStride: derivative.layout.parts[0].stride / 4 }];
      const buffers = {
        left: left.storage,
        right: right.storage,
        derivative: derivative.storage,
        result: result.storage,
      };
      await run([productDispatch(device, 'cotangent', { problems, buffers }, schedule)]);
      const expected = cotangent(d, w, slope, rows, inner, columns);
      requireClose(`${rows} x ${inner} x ${columns}`, await contentOf(result), expected, productTolerance(inner));
    }
  });

  test(`layerKernel on ${on}: writes or adds T * (D D^T), symmetric to the bit`, async () => {
    for (const [rows, width] of [
      [1, 1],
      [5, 3],
      [34, 17],
      [130, 66],
    ]) {
      const [d, half, k0] = [randoms(rows * width), randoms(rows * rows), randoms(rows * rows)];
      const symmetric = (values: Float64Array) =>
        values.map((_, at) => values[Math.max(at, (at % rows) * rows + Math.floor(at / rows))]);
      const [t, k] = [symmetric(half), symmetric(k0)];
      const [left, gram] = [filled(layoutOf([rows, width]), d), filled(layoutOf([rows, rows]), t)];
      for (const ACCUMULATE of [true, false]) {
        const result = ACCUMULATE ? filled(layoutOf([rows, rows]), k) : poisoned(layoutOf([rows, rows]));
        const [part, target] = [left.layout.parts[0], result.layout.parts[0]];
        const { alpha: _, beta: __, ...sizes } = productProblem(part, part, target, false);
        const problems = [{ ...sizes, gram: 0, gramStride: target.stride / 4 }];
        const buffers = { left: left.storage, right: left.storage, gram: gram.storage, result: result.storage };
        await run([productDispatch(device, 'layerKernel', { constants: { ACCUMULATE }, problems, buffers }, schedule)]);
        const got = await contentOf(result);
        const before = ACCUMULATE ? k : new Float64Array(k.length);
        requireClose(`${rows} x ${width}`, got, layerKernel(before, t, d, rows, width), productTolerance(width));
        const mirrored = got.map((_, at) => got[(at % rows) * rows + Math.floor(at / rows)]);
        requireClose('its transpose', mirrored, got, {});
      }
    }
  });

  test(`cp, cpResidual and mttkrp on ${on}: match for two to six axes, also where an axis has one point`, async () => {
    const few = [
      [37, 66],
      [3, 4, 5],
    ];
    const grids = schedule === schedules[0] ? [...few, [1, 1], [5, 7], [6, 1, 9], ...manyAxes] : few;
    for (const grid of grids) {
      const axes = grid.length;
      const rank = randomInteger(1, 19);
      const scale = 0.7;
      const factors = grid.map(n => randoms(n * rank));
      const factor = filled(
        stackOf(grid.map(n => [n, rank])),
        factors.flatMap(values => [...values]),
      );
      const model = factor.layout.parts;
      const tolerance = productTolerance(rank);
      const constants = { AXES: axes };

      const output = poisoned(layoutOf(gridOf(model)));
      const problem = cpProblem(model, output.layout.parts[0], scale);
      const buffers = { factor: factor.storage, result: output.storage };
      await run([productDispatch(device, 'cp', { constants, problems: [problem], buffers }, schedule)]);
      requireClose(`cp ${grid}`, await contentOf(output), cp(factors, grid, rank, scale), tolerance);

      for (const [loss, name] of (['squares', 'crossEntropy'] as const).entries()) {
        const target = randoms(output.layout.parts[0].shape.reduce((n, m) => n * m, 1)).map((y, i) =>
          i % 5 === 3 ? Number.NaN : y,
        );
        // Packed rows, as a host's own buffer has them.
        const targets = filled(
          { parts: [{ shape: [target.length], offset: 0, stride: target.length }], length: target.length },
          target,
        );
        const cotangentAt = poisoned(layoutOf(grid));
        const problems = [{ ...problem, targets: 0, targetsStride: grid[axes - 1] }];
        const groups = productWorkgroups(device, problems, schedule).reduce((n, m) => n * m, 1);
        const partial = poisoned(layoutOf([groups * schedule.invocations]));
        await run([
          productDispatch(
            device,
            'cpResidual',
            {
              constants: { ...constants, LOSS: loss },
              problems,
              buffers: {
                factor: factor.storage,
                targets: targets.storage,
                result: cotangentAt.storage,
                loss: partial.storage,
              },
            },
            schedule,
          ),
        ]);
        const expected = cpResidual(factors, grid, rank, scale, target, name);
        requireClose(`${name} cotangent ${grid}`, await contentOf(cotangentAt), expected.cotangent, tolerance);
        const sum = (await contentOf(partial)).reduce((total, x) => total + x, 0);
        requireClose(`${name} loss ${grid}`, [sum], [expected.loss], { relative: 2e-6, absolute: 1e-6 });
      }

      const p = randoms(grid.reduce((n, m) => n * m, 1));
      const tensor = filled(layoutOf(grid), p);
      const part = tensor.layout.parts[0];
      for (let axis = 0; axis < axes; axis++) {
        const last = axis === axes - 1;
        const result = poisoned(layoutOf([grid[axis], rank]));
        const count = (from: number, to: number) => grid.slice(from, to).reduce((n, m) => n * m, 1);
        const span = last ? 1 : count(axis + 1, -1) * part.stride;
        const problems = [
          {
            rows: grid[axis],
            columns: rank,
            inner: count(0, axis) * span,
            scale,
            axis,
            width: part.stride,
            span,
            tensor: 0,
            result: 0,
            resultStride: result.layout.parts[0].stride / 4,
            axes: axesOf(model),
          },
        ];
        const mttkrpBuffers = { tensor: tensor.storage, factor: factor.storage, result: result.storage };
        await run([
          productDispatch(
            device,
            'mttkrp',
            { constants: { ...constants, LAST: last }, problems, buffers: mttkrpBuffers },
            schedule,
          ),
        ]);
        const expected = mttkrp(p, factors, grid, rank, scale, axis);
        requireClose(`mttkrp ${grid} axis ${axis}`, await contentOf(result), expected, productTolerance(p.length));
      }
    }
  }, 300);
}

test('hidden: sine and cosine are right to 1e-6 for arguments up to 1e4, tanh to 1e-6 relative down to 1e-6', async () => {
  const [schedule] = schedules;
  const evaluate = async (name: (typeof activations)[number], points: Float64Array) => {
    const input = filled(
      layoutOf([points.length, 2]),
      [...points].flatMap(x => [x, 1]),
    );
    const weights = filled(layoutOf([1, 2]), [1, 0]);
    const [result, derivative] = [poisoned(layoutOf([points.length, 2])), poisoned(layoutOf([points.length, 1]))];
    const {
      alpha: _,
      beta: __,
      ...sizes
    } = productProblem(input.layout.parts[0], weights.layout.parts[0], result.layout.parts[0], false);
    const problems = [{ ...sizes, columns: 1, omega: 1, derivative: 0, derivativeStride: 1 }];
    const buffers = {
      left: input.storage,
      right: weights.storage,
      result: result.storage,
      derivative: derivative.storage,
    };
    const constants = { ACTIVATION: activations.indexOf(name) };
    await run([productDispatch(device, 'hidden', { constants, problems, buffers }, schedule)]);
    return (await contentOf(result)).filter((_, i) => i % 2 === 0);
  };
  const wide = Float64Array.from([...randoms(6000, 1e4), ...randoms(3000, 100), ...randoms(3000, 4)]);
  // Multiples of pi / 2, where the reduction has most to cancel.
  const near = Float64Array.from({ length: 3000 }, (_, i) => Math.fround(((i * 2 - 3000) * Math.PI) / 2));
  for (const points of [wide, near]) {
    requireClose('sine', await evaluate('sine', points), points.map(Math.sin), { absolute: 1e-6 });
    requireClose('cosine', await evaluate('cosine', points), points.map(Math.cos), { absolute: 1e-6 });
  }
  const small = Float64Array.from({ length: 3000 }, (_, i) =>
    Math.fround(10 ** (-6 + (i * 7.5) / 3000) * (i % 2 ? 1 : -1)),
  );
  const expected = small.map(x => activation('tanh', 1, x));
  requireClose('tanh', await evaluate('tanh', small), expected, { relative: 1e-6 });
});

test('outputCotangent: the column sums of the weights at every point, times the derivative', async () => {
  for (const [rows, columns, inner] of [
    [1, 1, 1],
    [5, 7, 3],
    [66, 300, 131],
  ]) {
    const [w, slope] = [randoms(inner * (columns + 1)), randoms(rows * columns)];
    const parameter = filled(layoutOf([inner, columns + 1]), w);
    const derivative = filled(layoutOf([rows, columns]), slope);
    const result = poisoned(layoutOf([rows, columns]));
    const stride = (operand: typeof result) => operand.layout.parts[0].stride / 4;
    await run([
      dispatch('outputCotangent', {
        problems: [
          {
            rows,
            columns,
            inner,
            weight: 0,
            weightStride: stride(parameter),
            derivative: 0,
            derivativeStride: stride(derivative),
            result: 0,
            resultStride: stride(result),
          },
        ],
        buffers: { parameter: parameter.storage, derivative: derivative.storage, result: result.storage },
        workgroups: [Math.ceil(columns / 256), 1, 1],
      }),
    ]);
    const expected = outputCotangent(w, slope, rows, inner, columns);
    requireClose(`${rows} x ${inner} x ${columns}`, await contentOf(result), expected, productTolerance(inner));
  }
});
