/** The matrix-product family against its float64 twins, on every schedule the adapter can run. */

import { layoutOf, packedStackOf, stackOf } from '../../src/buffer/layout.js';
import type { Operand } from '../../src/graph/operation.js';
import { type Dispatch, dispatch } from '../../src/kernel/dispatch.js';
import { axesOf, cpProblem, gridOf } from '../../src/ops/contraction/factorMatrices.js';
import { productOfParts } from '../../src/ops/linear/product.js';
import { cutDispatches } from '../../src/schedule/cut.js';
import { productDispatch, productWorkgroups } from '../../src/schedule/product.js';
import { registerSchedule, type Schedule } from '../../src/schedule/schedule.js';
import * as contraction from '../../src/wgsl/contraction.js';
import * as linear from '../../src/wgsl/linear.js';
import * as networks from '../../src/wgsl/network.js';
import * as texts from '../../src/wgsl/schedule.js';
import * as tangent from '../../src/wgsl/tangent.js';
import { activationOf } from '../helpers/activations.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import { contentOf, device, filled, poisoned, run } from '../helpers/gpu.js';
import { lossNames, lossTexts } from '../helpers/losses.js';
import { type Case, inTurn, productSizes, productTolerance, schedules, testOnSchedules } from '../helpers/products.js';
import { randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { cp } from '../reference/contraction/cp.js';
import { cpLoss } from '../reference/contraction/cpLoss.js';
import { mttkrp } from '../reference/contraction/mttkrp.js';
import { product } from '../reference/linear/product.js';
import { type ActivationName, activation, activationNames } from '../reference/network/activation.js';
import { cotangent } from '../reference/network/cotangent.js';
import { hidden } from '../reference/network/hidden.js';
import type { LossName } from '../reference/objective/pointwiseLoss.js';
import { layerKernel } from '../reference/tangent/layerKernel.js';
import { outputCotangent } from '../reference/tangent/outputCotangent.js';

const test = suite('kernels: matrix products');

test('product: columns past 65,535 tiles and problems past 65,535 are folded, to the last of them', async () => {
  const columns = 65_536 * 16 + 5;
  const numbers = randoms(columns);
  const [left, right] = [filled(layoutOf([1, 1]), [0.5]), filled(layoutOf([1, columns]), numbers)];
  const wide = poisoned(layoutOf([1, columns]));
  const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: false, BLEND: false };
  const [a, b] = [left, right].map(operand => operand.layout.parts[0]);
  const problems = [productOfParts(a, b, wide.layout.parts[0])];
  const buffers = { left: left.storage, right: right.storage };
  await run([
    productDispatch(device, linear.product, { constants, problems, buffers: { ...buffers, result: wide.storage } }),
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
    ...productOfParts(a, { shape: [1, 1], offset: 4 * i, stride: 4 }, part),
  }));
  await run([
    productDispatch(device, linear.product, {
      constants,
      problems: each,
      buffers: { ...buffers, result: many.storage },
    }),
  ]);
  const expected = Float64Array.from({ length: count }, (_, i) => numbers[4 * i] / 2);
  requireClose('problems', await contentOf(many), expected, {});
});

const partOf = ({ layout }: Operand) => layout.parts[0];
const quadsApart = (operand: Operand) => partOf(operand).stride / 4;
const join = (arrays: readonly Float64Array[]) => Float64Array.from(arrays.flatMap(values => [...values]));
const sizeOf = (shape: readonly number[]) => shape.reduce((n, m) => n * m, 1);

function transpositions(schedule: Schedule): Case[] {
  return productSizes.flatMap(([rows, columns, inner]) =>
    [false, true].flatMap(transposeLeft =>
      [false, true].map(transposeRight => {
        const blend = transposeLeft !== transposeRight;
        const [a, b, before] = [randoms(rows * inner), randoms(inner * columns), randoms(rows * columns)];
        const left = filled(layoutOf(transposeLeft ? [inner, rows] : [rows, inner]), a);
        const right = filled(layoutOf(transposeRight ? [columns, inner] : [inner, columns]), b);
        const layout = layoutOf([rows, columns]);
        const result = blend ? filled(layout, before) : poisoned(layout);
        const [alpha, beta] = blend ? [-0.75, 1.5] : [1, 0];
        const constants = { LEFT_TRANSPOSED: transposeLeft, RIGHT_TRANSPOSED: transposeRight, BLEND: blend };
        const parts = productOfParts(partOf(left), partOf(right), partOf(result), { transposeLeft, alpha, beta });
        const buffers = { left: left.storage, right: right.storage, result: result.storage };
        const problems = [parts];
        return {
          dispatch: productDispatch(device, linear.product, { constants, problems, buffers }, schedule),
          check: async () => {
            const sizes = { rows, columns, inner, transposeLeft, transposeRight, alpha, beta };
            const expected = product({ ...sizes, a, b, ...(blend && { before }) });
            const what = `${rows} x ${inner} x ${columns}, transposed ${transposeLeft} ${transposeRight}`;
            requireClose(what, await contentOf(result), expected, productTolerance(inner));
          },
        };
      }),
    ),
  );
}

function differentSizes(schedule: Schedule): Case[] {
  const sizes: [number, number, number][] = [
    [70, 5, 9],
    [1, 1, 1],
    [3, 66, 2],
  ];
  const a = sizes.map(([rows, , inner]) => randoms(rows * inner));
  const b = sizes.map(([, columns, inner]) => randoms(inner * columns));
  const left = filled(stackOf(sizes.map(([rows, , inner]) => [rows, inner])), join(a));
  const right = filled(stackOf(sizes.map(([, columns, inner]) => [columns, inner])), join(b));
  const layout = stackOf(sizes.map(([rows, columns]) => [rows, columns]));
  const before = sizes.map(([rows, columns]) => randoms(rows * columns));
  const expected = sizes.map(([rows, columns, inner], i) =>
    product({ rows, columns, inner, a: a[i], b: b[i], transposeRight: true, beta: 0.5, before: before[i] }),
  );
  // Added to what is there, so that a tile made twice shows. The text is one of the transpositions' above.
  const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: true };
  return [65_535, 2].map(most => {
    const narrow = Object.create(device, { limits: { value: { maxComputeWorkgroupsPerDimension: most } } });
    const result = filled(layout, join(before));
    const problems = layout.parts.map((part, i) =>
      productOfParts(left.layout.parts[i], right.layout.parts[i], part, { beta: 0.5 }),
    );
    const buffers = { left: left.storage, right: right.storage, result: result.storage };
    return {
      dispatch: productDispatch(narrow, linear.product, { constants, problems, buffers }, schedule),
      check: async () =>
        requireClose(`batch at ${most} workgroups`, await contentOf(result), join(expected), productTolerance(9)),
    };
  });
}

function symmetricResults(schedule: Schedule): Case[] {
  return [1, 5, 34, 131].map(n => {
    const inner = 19;
    const x = randoms(n * inner);
    const left = filled(layoutOf([n, inner]), x);
    const untouched = 7;
    const result = filled(layoutOf([n, n]), new Float64Array(n * n).fill(untouched));
    const problems = [productOfParts(partOf(left), partOf(left), partOf(result))];
    const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: true, BLEND: false };
    const buffers = { left: left.storage, right: left.storage, result: result.storage };
    const half = productDispatch(device, linear.product, { constants, problems, buffers, upper: true }, schedule);
    return {
      dispatch: half,
      check: async () => {
        requireEqual('operations', half.work.operations, n * (n + 1) * inner);
        const got = await contentOf(result);
        const expected = product({ rows: n, columns: n, inner, a: x, b: x, transposeRight: true });
        const above = (values: Float32Array | Float64Array) =>
          Float64Array.from(values).filter((_, at) => at % n >= Math.floor(at / n));
        requireClose(`${n} x ${n}`, above(got), above(expected), productTolerance(inner));
        const firstBelow = Math.ceil(schedule.tileColumns / schedule.tileRows) * schedule.tileRows;
        if (firstBelow < n) requireEqual('below the diagonal', got[firstBelow * n], untouched);
      },
    };
  });
}

function hiddenLayers(schedule: Schedule): Case[] {
  return inTurn(schedule, activationNames).flatMap(name =>
    [
      [1, 1, 1],
      [7, 4, 3],
      [35, 8, 1],
      [66, 31, 17],
    ].map(([points, outputs, inputs]) => {
      const omega = name === 'sine' ? 30 : 1.5;
      const h = randoms(points * (inputs + 1));
      for (let i = 0; i < points; i++) h[i * (inputs + 1) + inputs] = 1;
      const w = randoms(outputs * (inputs + 1));
      const input = filled(layoutOf([points, inputs + 1]), h);
      const weights = filled(layoutOf([outputs, inputs + 1]), w);
      const result = poisoned(layoutOf([points, outputs + 1]));
      const derivative = poisoned(layoutOf([points, outputs]));
      return {
        dispatch: hiddenDispatch(name, omega, { input, weights, result, derivative }, schedule),
        check: async () => {
          const expected = hidden(h, w, points, inputs, outputs, name, omega);
          const absolute = omega * productTolerance(inputs + 1).absolute * 2;
          requireClose(`${name}, ${points} points`, await contentOf(result), expected.result, { absolute });
          requireClose(`${name} derivative`, await contentOf(derivative), expected.derivative, {
            absolute: omega * absolute,
          });
        },
      };
    }),
  );
}

function hiddenDispatch(
  name: ActivationName,
  omega: number,
  operands: Readonly<Record<'input' | 'weights' | 'result' | 'derivative', Operand>>,
  schedule: Schedule,
): Dispatch {
  const { input, weights, result, derivative } = operands;
  const entry = productOfParts(partOf(input), partOf(weights), partOf(result));
  const [, columns] = partOf(derivative).shape;
  const problem = { ...entry, columns, omega, derivative: 0, derivativeStride: quadsApart(derivative) };
  const description = {
    slots: { activation: activationOf[name].text },
    problems: [problem],
    buffers: {
      left: input.storage,
      right: weights.storage,
      result: result.storage,
      derivative: derivative.storage,
    },
  };
  return productDispatch(device, networks.hidden, description, schedule);
}

function cotangents(schedule: Schedule): Case[] {
  return productSizes.map(([rows, columns, inner]) => {
    const [d, w, slope] = [randoms(rows * inner), randoms(inner * (columns + 1)), randoms(rows * columns)];
    const left = filled(layoutOf([rows, inner]), d);
    const right = filled(layoutOf([inner, columns + 1]), w);
    const derivative = filled(layoutOf([rows, columns]), slope);
    const result = poisoned(layoutOf([rows, columns]));
    const entry = productOfParts(partOf(left), partOf(right), partOf(result));
    const problems = [{ ...entry, derivative: 0, derivativeStride: quadsApart(derivative) }];
    const buffers = {
      left: left.storage,
      right: right.storage,
      derivative: derivative.storage,
      result: result.storage,
    };
    return {
      dispatch: productDispatch(device, networks.cotangent, { problems, buffers }, schedule),
      check: async () => {
        const expected = cotangent(d, w, slope, rows, inner, columns);
        requireClose(`${rows} x ${inner} x ${columns}`, await contentOf(result), expected, productTolerance(inner));
      },
    };
  });
}

function layerKernels(schedule: Schedule): Case[] {
  return [
    [1, 1],
    [5, 3],
    [34, 17],
    [130, 66],
  ].flatMap(([rows, width]) => {
    const [d, half, k0] = [randoms(rows * width), randoms(rows * rows), randoms(rows * rows)];
    const symmetric = (values: Float64Array) =>
      values.map((_, at) => values[Math.max(at, (at % rows) * rows + Math.floor(at / rows))]);
    const [t, k] = [symmetric(half), symmetric(k0)];
    const [left, gram] = [filled(layoutOf([rows, width]), d), filled(layoutOf([rows, rows]), t)];
    return inTurn(schedule, [true, false]).map(ACCUMULATE => {
      const result = ACCUMULATE ? filled(layoutOf([rows, rows]), k) : poisoned(layoutOf([rows, rows]));
      const entry = productOfParts(partOf(left), partOf(left), partOf(result));
      const problems = [{ ...entry, gram: 0, gramStride: quadsApart(result) }];
      const buffers = { left: left.storage, right: left.storage, gram: gram.storage, result: result.storage };
      return {
        dispatch: productDispatch(
          device,
          tangent.layerKernel,
          { constants: { ACCUMULATE }, problems, buffers },
          schedule,
        ),
        check: async () => {
          const got = await contentOf(result);
          const before = ACCUMULATE ? k : new Float64Array(k.length);
          requireClose(`${rows} x ${width}`, got, layerKernel(before, t, d, rows, width), productTolerance(width));
          const mirrored = got.map((_, at) => got[(at % rows) * rows + Math.floor(at / rows)]);
          requireClose('its transpose', mirrored, got, {});
        },
      };
    });
  });
}

/** Grids past a tile, smaller, and with an axis of one point. */
const grids: Readonly<Record<number, readonly (readonly number[])[]>> = {
  2: [
    [37, 66],
    [5, 7],
    [1, 1],
  ],
  3: [
    [37, 9, 7],
    [3, 4, 5],
    [6, 1, 9],
  ],
  4: [
    [2, 3, 2, 5],
    [2, 3, 4, 5],
  ],
  5: [[2, 1, 3, 2, 2]],
  6: [[2, 2, 1, 2, 3, 2]],
};

function cpKernels(schedule: Schedule): Case[] {
  const all = [2, 3].flatMap(axes => lossNames.map(loss => ({ axes, loss })));
  const few = inTurn(schedule, all);
  const more = schedule === schedules[0] ? [4, 5, 6] : [];
  return [...new Set([...few.map(({ axes }) => axes), ...more])].flatMap(axes => {
    const own = few.filter(one => one.axes === axes).map(({ loss }) => loss);
    return grids[axes].flatMap(grid => casesOfGrid(grid, more.includes(axes) ? lossNames : own, schedule));
  });
}

function casesOfGrid(grid: readonly number[], names: readonly LossName[], schedule: Schedule): Case[] {
  const axes = grid.length;
  const rank = randomInteger(1, 19);
  const scale = 0.7;
  const factors = grid.map(n => randoms(n * rank));
  const factor = filled(stackOf(grid.map(n => [n, rank])), join(factors));
  const model = factor.layout.parts;
  const constants = { AXES: axes };
  const output = poisoned(layoutOf(gridOf(model)));
  const problem = cpProblem(model, partOf(output), scale);
  const buffers = { factor: factor.storage, result: output.storage };
  const contracted: Case = {
    dispatch: productDispatch(device, contraction.cp, { constants, problems: [problem], buffers }, schedule),
    check: async () =>
      requireClose(`cp ${grid}`, await contentOf(output), cp(factors, grid, rank, scale), productTolerance(rank)),
  };

  const withLoss = names.map((name): Case => {
    const target = randoms(sizeOf(grid)).map((y, i) => (i % 5 === 3 ? Number.NaN : y));
    // Packed rows, as a host's own buffer has them.
    const targets = filled(packedStackOf([[target.length]]), target);
    const cotangentAt = poisoned(layoutOf(grid));
    const problems = [{ ...problem, targets: 0, targetsStride: grid[axes - 1] }];
    const partial = poisoned(layoutOf([sizeOf(productWorkgroups(device, problems, schedule)) * schedule.invocations]));
    const description = {
      constants,
      slots: { loss: lossTexts[name] },
      problems,
      buffers: {
        factor: factor.storage,
        targets: targets.storage,
        result: cotangentAt.storage,
        loss: partial.storage,
      },
    };
    return {
      dispatch: productDispatch(device, contraction.cpLoss, description, schedule),
      check: async () => {
        const expected = cpLoss(factors, grid, rank, scale, target, name);
        const got = await contentOf(cotangentAt);
        requireClose(`${name} cotangent ${grid}`, got, expected.cotangent, productTolerance(rank));
        const sum = (await contentOf(partial)).reduce((total, x) => total + x, 0);
        requireClose(`${name} loss ${grid}`, [sum], [expected.loss], { relative: 2e-6, absolute: 1e-6 });
      },
    };
  });

  const p = randoms(sizeOf(grid));
  const tensor = filled(layoutOf(grid), p);
  const products = grid.map((points, axis): Case => {
    const last = axis === axes - 1;
    const result = poisoned(layoutOf([points, rank]));
    const span = last ? 1 : sizeOf(grid.slice(axis + 1, -1)) * partOf(tensor).stride;
    const description = {
      constants: { AXES: axes, LAST: last },
      problems: [
        {
          rows: points,
          columns: rank,
          inner: sizeOf(grid.slice(0, axis)) * span,
          scale,
          axis,
          width: partOf(tensor).stride,
          span,
          tensor: 0,
          result: 0,
          resultStride: quadsApart(result),
          axes: axesOf(model),
        },
      ],
      buffers: { tensor: tensor.storage, factor: factor.storage, result: result.storage },
    };
    // Cut on the first schedule alone: what differs from a product is the operands' index, which every cut has.
    const isCut = schedule === schedules[0] && grid === grids[axes][0];
    return {
      dispatch: isCut
        ? cutDispatches(device, contraction.mttkrp, description, { schedule, parts: 2 })
        : productDispatch(device, contraction.mttkrp, description, schedule),
      check: async () => {
        const expected = mttkrp(p, factors, grid, rank, scale, axis);
        requireClose(`mttkrp ${grid} axis ${axis}`, await contentOf(result), expected, productTolerance(p.length));
      },
    };
  });
  return [contracted, ...withLoss, ...products];
}

testOnSchedules(test, [
  {
    title: on =>
      `product on ${on}: all transpositions, with and without beta, match at sizes from 1 to past a workgroup`,
    cases: transpositions,
  },
  {
    title: on =>
      `product on ${on}: problems of different sizes in one dispatch do not touch each other, nor where workgroups are folded`,
    cases: differentSizes,
  },
  {
    title: on =>
      `product on ${on}: of a symmetric result what stands on and above the diagonal matches, and tiles below are left as they were`,
    cases: symmetricResults,
  },
  {
    title: on => `hidden on ${on}: activations with their derivatives match; the column of ones is there`,
    cases: hiddenLayers,
  },
  { title: on => `cotangent on ${on}: matches, and leaves the bias out`, cases: cotangents },
  { title: on => `layerKernel on ${on}: writes or adds T * (D D^T), symmetric to the bit`, cases: layerKernels },
  {
    title: on => `cp, cpLoss and mttkrp on ${on}: match for two to six axes, also where an axis has one point`,
    cases: cpKernels,
  },
]);

test('product: the schedules that add the inner axis in order give the same bits, so that a part of a grid has those of the whole', async () => {
  const [rows, columns, inner] = [37, 53, 71];
  const [left, right] = [
    filled(layoutOf([rows, inner]), randoms(rows * inner)),
    filled(layoutOf([inner, columns]), randoms(inner * columns)),
  ];
  const names = new Set<string>([texts.register.name, texts.subgroup.name, texts.quad.name]);
  const all = [...schedules, registerSchedule([4, 1], [1, 1]), registerSchedule([1, 4], [1, 1])];
  const inOrder = all.filter(({ text }) => names.has(text.name));
  const results = inOrder.map(() => poisoned(layoutOf([rows, columns])));
  await run(
    inOrder.map((schedule, i) => {
      const constants = { LEFT_TRANSPOSED: false, RIGHT_TRANSPOSED: false, BLEND: false };
      const problems = [productOfParts(partOf(left), partOf(right), partOf(results[i]))];
      const buffers = { left: left.storage, right: right.storage, result: results[i].storage };
      return productDispatch(device, linear.product, { constants, problems, buffers }, schedule);
    }),
  );
  const [first, ...others] = await Promise.all(results.map(contentOf));
  for (const [i, values] of others.entries())
    requireClose(`${inOrder[i + 1].id} beside ${inOrder[0].id}`, values, first, {});
});

test('hidden: sine and cosine are right to 1e-6 for arguments up to 1e4, tanh to 1e-6 relative down to 1e-6', async () => {
  const [schedule] = schedules;
  const evaluate = async (name: ActivationName, points: Float64Array) => {
    const input = filled(
      layoutOf([points.length, 2]),
      [...points].flatMap(x => [x, 1]),
    );
    const weights = filled(layoutOf([1, 2]), [1, 0]);
    const [result, derivative] = [poisoned(layoutOf([points.length, 2])), poisoned(layoutOf([points.length, 1]))];
    await run([hiddenDispatch(name, 1, { input, weights, result, derivative }, schedule)]);
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

test('hidden: a NaN comes out of every activation where it went in, and nowhere else', async () => {
  const [schedule] = schedules;
  const points = Float64Array.from({ length: 13 }, (_, i) => (i % 5 === 3 ? Number.NaN : i - 6));
  for (const name of activationNames) {
    const input = filled(
      layoutOf([points.length, 2]),
      [...points].flatMap(x => [x, 1]),
    );
    const weights = filled(layoutOf([1, 2]), [1, 0]);
    const [result, derivative] = [poisoned(layoutOf([points.length, 2])), poisoned(layoutOf([points.length, 1]))];
    await run([hiddenDispatch(name, 1, { input, weights, result, derivative }, schedule)]);
    const found = (await contentOf(result)).filter((_, i) => i % 2 === 0);
    requireClose(
      name,
      found,
      points.map(x => (Number.isNaN(x) ? x : activation(name, 1, x))),
      { absolute: 1e-6 },
    );
  }
});

test('outputCotangent: the column sums of the weights at every point, times the derivative, by a thread each or in shares and bands', async () => {
  for (const [rows, columns, inner] of [
    [1, 1, 1],
    [5, 7, 3],
    [66, 300, 131],
  ]) {
    const [w, slope] = [randoms(inner * (columns + 1)), randoms(rows * columns)];
    const parameter = filled(layoutOf([inner, columns + 1]), w);
    const derivative = filled(layoutOf([rows, columns]), slope);
    const expected = outputCotangent(w, slope, rows, inner, columns);
    const stride = (operand: typeof parameter) => operand.layout.parts[0].stride / 4;
    for (const tile of [
      { ACROSS: 64, BAND: rows },
      { ACROSS: 8, BAND: 64 },
    ]) {
      const result = poisoned(layoutOf([rows, columns]));
      await run([
        dispatch(tangent.outputCotangent, {
          constants: tile,
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
          workgroups: [Math.ceil(columns / (4 * tile.ACROSS)), Math.ceil(rows / tile.BAND), 1],
        }),
      ]);
      requireClose(`${rows} x ${inner} x ${columns}`, await contentOf(result), expected, productTolerance(inner));
    }
  }
});
