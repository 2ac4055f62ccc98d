/** Every operation with a gradient: its value against the float64 twin, its VJP against finite differences of the twin. */

import type { Tensor } from '../../src/buffer/tensor.js';
import type { Graph, Value } from '../../src/graph/operation.js';
import { sine } from '../../src/model/activation.js';
import { contractCp } from '../../src/ops/contraction/contractCp.js';
import { blockSize } from '../../src/ops/eigen/leadingEigenpairs.js';
import { topEigenpairs } from '../../src/ops/eigen/topEigenpairs.js';
import { add, linearCombination, scale, subtract } from '../../src/ops/elementwise/linearCombination.js';
import { multiply } from '../../src/ops/elementwise/multiply.js';
import { sum } from '../../src/ops/elementwise/sum.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { modeProduct } from '../../src/ops/linear/modeProduct.js';
import { factorNetwork, parameterShapes } from '../../src/ops/network/factorNetwork.js';
import { features } from '../../src/ops/network/features.js';
import { pointwiseLoss } from '../../src/ops/objective/pointwiseLoss.js';
import { record } from '../../src/ops/optimiser/record.js';
import { modulate } from '../../src/ops/precondition/modulate.js';
import { precondition } from '../../src/ops/precondition/precondition.js';
import { pseudoNtk } from '../../src/ops/tangent/pseudoNtk.js';
import { vjp } from '../../src/ops/vjp.js';
import { activationOf } from '../helpers/activations.js';
import { requireClose, requireNorm, requireThrows } from '../helpers/compare.js';
import { type Arrays, differenceVjp } from '../helpers/difference.js';
import { engine } from '../helpers/gpu.js';
import { lossNames, lossTexts } from '../helpers/losses.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { cp } from '../reference/contraction/cp.js';
import { jacobi } from '../reference/eigen/jacobi.js';
import { orthonormalise } from '../reference/eigen/orthonormalise.js';
import { modeProduct as modeProductTwin } from '../reference/linear/modeProduct.js';
import { product } from '../reference/linear/product.js';
import { activationNames } from '../reference/network/activation.js';
import { layerShapes, network, tangentKernel } from '../reference/network/network.js';
import { pointwiseLoss as lossTwin } from '../reference/objective/pointwiseLoss.js';
import { preconditioner, precondition as preconditionTwin } from '../reference/precondition/precondition.js';

const test = suite('operations');

interface Check {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (graph: Graph, inputs: readonly Value[]) => Value;
  readonly twin: (inputs: Arrays) => Float64Array;
  readonly tolerance?: number;
}

/** Value and VJP of one operation on random inputs and a random cotangent. */
async function check(what: string, { shapes, build, twin, tolerance = 2e-6 }: Check): Promise<void> {
  const inputs = shapes.map(shape => randoms(shape.reduce((n, m) => n * m, 1)));
  const tensors = inputs.map((values, i) => engine.tensor(shapes[i], values));
  const expected = twin(inputs);
  const cotangent = randoms(expected.length);
  const isScalar = expected.length === 1;
  let seedTensor: Tensor | undefined;
  const plan = await engine.compile((graph): Record<string, Value> => {
    const values = tensors.map(tensor => graph.read(tensor));
    const result = build(graph, values);
    seedTensor = isScalar
      ? undefined
      : engine.stack(
          result.layout.parts.map(part => part.shape),
          cotangent,
        );
    const gradients = vjp(result, seedTensor ? graph.read(seedTensor) : cotangent[0], values);
    return { result, ...Object.fromEntries(gradients.map((gradient, i) => [`gradient${i}`, gradient])) };
  });
  await plan.run();
  requireNorm(`${what}: value`, await plan.outputs.result.read(), expected, tolerance);
  const differences = differenceVjp(twin, inputs, cotangent);
  for (const [i, difference] of differences.entries()) {
    requireNorm(`${what}: VJP of input ${i}`, await plan.outputs[`gradient${i}`].read(), difference, 10 * tolerance);
  }
  plan.dispose();
  for (const tensor of [...tensors, ...(seedTensor ? [seedTensor] : [])]) tensor.dispose();
}

test('matmul: value and VJP in all transpositions', async () => {
  for (const transposeLeft of [false, true]) {
    for (const transposeRight of [false, true]) {
      const [rows, columns, inner] = [7, 5, 3];
      await check(`matmul ${transposeLeft} ${transposeRight}`, {
        shapes: [transposeLeft ? [inner, rows] : [rows, inner], transposeRight ? [columns, inner] : [inner, columns]],
        build: (_, [a, b]) => matmul(a, b, { transposeLeft, transposeRight }),
        twin: ([a, b]) => product({ rows, columns, inner, a, b, transposeLeft, transposeRight }),
      });
    }
  }
});

test('add, subtract, scale, linearCombination, multiply and sum: value and VJP, also where a value is used twice', async () => {
  const shapes = [
    [5, 3],
    [5, 3],
  ];
  const twinOf =
    (f: (a: number, b: number) => number) =>
    ([a, b]: Arrays) =>
      a.map((x, i) => f(x, b[i]));
  await check('add', { shapes, build: (_, [a, b]) => add(a, b), twin: twinOf((a, b) => a + b) });
  await check('subtract', { shapes, build: (_, [a, b]) => subtract(a, b), twin: twinOf((a, b) => a - b) });
  await check('linearCombination', {
    shapes,
    build: (_, [a, b]) => linearCombination(a, b, 2, -3),
    twin: twinOf((a, b) => 2 * a - 3 * b),
  });
  await check('multiply', { shapes, build: (_, [a, b]) => multiply(a, b), twin: twinOf((a, b) => a * b) });
  await check('a square plus its double', {
    shapes: [[4, 7]],
    build: (_, [a]) => add(multiply(a, a), scale(a, 2)),
    twin: ([a]) => a.map(x => x * x + 2 * x),
  });
  await check('sum', {
    shapes: [[9, 6]],
    build: (_, [a]) => scale(sum(multiply(a, a)), 0.5),
    twin: ([a]) => Float64Array.of(a.reduce((total, x) => total + 0.5 * x * x, 0)),
  });
});

test('modeProduct: value and VJP along every axis of tensors of 2, 3 and 4 axes, transposed too', async () => {
  for (const shape of [
    [5, 6],
    [3, 4, 5],
    [2, 3, 2, 5],
  ]) {
    for (let axis = 0; axis < shape.length; axis++) {
      const n = shape[axis];
      await check(`axis ${axis} of ${shape}`, {
        shapes: [shape, [4, n]],
        build: (_, [tensor, matrix]) => modeProduct(tensor, matrix, axis),
        twin: ([tensor, matrix]) => modeProductTwin(tensor, shape, matrix, 4, axis),
      });
      const transposed = (matrix: Float64Array) =>
        Float64Array.from({ length: 4 * n }, (_, at) => matrix[(at % n) * 4 + Math.floor(at / n)]);
      await check(`axis ${axis} of ${shape}, transposed`, {
        shapes: [shape, [n, 4]],
        build: (_, [tensor, matrix]) => modeProduct(tensor, matrix, axis, { transpose: true }),
        twin: ([tensor, matrix]) => modeProductTwin(tensor, shape, transposed(matrix), 4, axis),
      });
    }
  }
}, 240);

test('modeProduct: an axis after more indices of those before it than a device dispatches along an axis', async () => {
  // What lies past 65,535 is folded alike on all schedules; a processor takes minutes for as many workgroups of a GPU's.
  const [count, points, rows] = [engine.device.cpu ? 150_000 : 500, 2, 3];
  const [values, factor] = [randoms(count * points), randoms(rows * points)];
  const [tensor, matrix] = [engine.tensor([count, points, 1], values), engine.tensor([rows, points], factor)];
  const plan = await engine.compile(graph => ({ y: modeProduct(graph.read(tensor), graph.read(matrix), 1) }));
  await plan.run();
  const expected = Float64Array.from({ length: count * rows }, (_, at) => {
    const [outer, row] = [Math.floor(at / rows), at % rows];
    return factor[2 * row] * values[2 * outer] + factor[2 * row + 1] * values[2 * outer + 1];
  });
  requireClose('every one', await plan.outputs.y.read(), expected, { absolute: 2e-6 });
  plan.dispose();
});

test('scale: what is not finite comes out as IEEE 754 has it, and its neighbours as they should', async () => {
  const values = [Number.POSITIVE_INFINITY, 1.5, Number.NEGATIVE_INFINITY, Number.NaN, -3];
  const x = engine.tensor([values.length], values);
  const plan = await engine.compile(graph => ({ y: scale(graph.read(x), -2) }));
  await plan.run();
  requireClose(
    '-2 x',
    await plan.outputs.y.read(),
    values.map(value => -2 * value),
    {},
  );
  plan.dispose();
});

test('contractCp: value and VJP for 2 and 3 axes, with a scale', async () => {
  for (const grid of [
    [5, 7],
    [3, 4, 5],
  ]) {
    const rank = 3;
    const inputs = randoms(grid.reduce((count, n) => count + n * rank, 0));
    const split = (values: Float64Array) => {
      let at = 0;
      return grid.map(n => {
        at += n * rank;
        return values.slice(at - n * rank, at);
      });
    };
    const twin = ([all]: Arrays) => cp(split(all), grid, rank, 0.5);
    const cotangent = randoms(grid.reduce((n, m) => n * m, 1));
    const factors = engine.stack(
      grid.map(n => [n, rank]),
      inputs,
    );
    const seed = engine.tensor(grid, cotangent);
    const plan = await engine.compile(graph => {
      const at = graph.read(factors);
      const output = contractCp(at, { axes: grid.length, scale: 0.5 });
      return { output, gradient: vjp(output, graph.read(seed), [at])[0] };
    });
    await plan.run();
    requireNorm(`value ${grid}`, await plan.outputs.output.read(), twin([inputs]), 2e-6);
    const [difference] = differenceVjp(twin, [inputs], cotangent);
    requireNorm(`VJP ${grid}`, await plan.outputs.gradient.read(), difference, 1e-5);
    plan.dispose();
  }
});

test('pointwiseLoss: both losses of a stored output and fused with a contraction, and their gradients', async () => {
  const [rows, columns, rank] = [6, 9, 4];
  const targets = randoms(rows * columns).map((y, i) => (i % 7 === 3 ? Number.NaN : Math.abs(y)));
  const target = engine.tensor([rows, columns], targets);
  for (const name of lossNames) {
    const text = lossTexts[name];
    await check(`${name} of a product`, {
      shapes: [
        [rows, rank],
        [rank, columns],
      ],
      build: (graph, [a, b]) => pointwiseLoss(matmul(a, b), graph.read(target), text).loss,
      twin: ([a, b]) => Float64Array.of(lossTwin(product({ rows, columns, inner: rank, a, b }), targets, name).loss),
    });
    const inputs = randoms((rows + columns) * rank);
    const factors = engine.stack(
      [
        [rows, rank],
        [columns, rank],
      ],
      inputs,
    );
    const plan = await engine.compile(graph => {
      const at = graph.read(factors);
      const { loss } = pointwiseLoss(contractCp(at, { axes: 2, scale: 1.5 }), graph.read(target), text);
      return { loss, gradient: vjp(loss, 1, [at])[0] };
    });
    await plan.run();
    const twin = ([all]: Arrays) => {
      const output = cp([all.slice(0, rows * rank), all.slice(rows * rank)], [rows, columns], rank, 1.5);
      return Float64Array.of(lossTwin(output, targets, name).loss);
    };
    requireClose(`${name} fused`, await plan.outputs.loss.read(), twin([inputs]), { relative: 2e-6 });
    const [difference] = differenceVjp(twin, [inputs], Float64Array.of(1));
    requireNorm(`${name} fused: VJP`, await plan.outputs.gradient.read(), difference, 1e-5);
    plan.dispose();
  }
});

test('factorNetwork: two networks of different length at once, every activation, depths 2 to 4', async () => {
  for (const [i, name] of activationNames.entries()) {
    const activation = activationOf[name];
    const depth = 2 + (i % 3);
    const omegas = Array.from({ length: depth - 1 }, () => 1.5);
    const points = [5, 9];
    const [inputs, width, outputs] = [1, 6, 3];
    const shape = { inputs, width, outputs, depth, name, omegas };
    const count = layerShapes(shape).reduce((total, [rows, columns]) => total + rows * columns, 0);
    const coordinates = randoms(14);
    const values = randoms(2 * count);
    const twin = ([all]: Arrays) =>
      Float64Array.from(
        [...coordinates].flatMap((x, at) => {
          const own = at < points[0] ? all.slice(0, count) : all.slice(count);
          return [...network(own, [x], shape)];
        }),
      );
    const shapes = parameterShapes(inputs, outputs, { depth, width, activation, omegas });
    const parameters = engine.stack([...shapes, ...shapes], values);
    const source = engine.stack(
      points.map(n => [n]),
      coordinates,
    );
    const cotangent = randoms(14 * outputs);
    const seed = engine.stack(
      points.map(n => [n, outputs]),
      cotangent,
    );
    const plan = await engine.compile(graph => {
      const at = graph.read(parameters);
      const { factors } = factorNetwork(at, features(graph.read(source)), { depth, width, activation, omegas });
      return { factors, gradient: vjp(factors, graph.read(seed), [at])[0] };
    });
    await plan.run();
    requireNorm(`${name}, depth ${depth}`, await plan.outputs.factors.read(), twin([values]), 2e-6);
    const [difference] = differenceVjp(twin, [values], cotangent);
    requireNorm(`${name}, depth ${depth}: VJP`, await plan.outputs.gradient.read(), difference, 1e-5);
    plan.dispose();
  }
});

test('pseudoNtk: equals its definition by gradients of single points, depths 2 to 4, with Fourier features', async () => {
  for (const [depth, frequencies] of [
    [2, []],
    [3, [0.5, 1.25]],
    [4, []],
  ] as const) {
    const [inputs, width, outputs, points] = [Math.max(1, 2 * frequencies.length), 7, 5, 9];
    const omegas = Array.from({ length: depth - 1 }, () => 2);
    const shape = { inputs, width, outputs, depth, name: 'sine' as const, omegas };
    const shapes = parameterShapes(inputs, outputs, { depth, width, activation: sine, omegas });
    const values = randoms(shapes.reduce((total, [rows, columns]) => total + rows * columns, 0));
    const coordinates = randoms(points);
    const parameters = engine.stack(shapes, values);
    const source = engine.stack([[points]], coordinates);
    const b = frequencies.length > 0 ? engine.tensor([frequencies.length], frequencies) : undefined;
    const plan = await engine.compile(graph => {
      const input = features(graph.read(source), b && graph.read(b));
      const { residuals } = factorNetwork(graph.read(parameters), input, { depth, width, activation: sine, omegas });
      return { kernel: pseudoNtk(residuals) };
    });
    await plan.run();
    const wave = (x: number) => [
      ...frequencies.map(f => Math.cos(2 * Math.PI * f * x)),
      ...frequencies.map(f => Math.sin(2 * Math.PI * f * x)),
    ];
    const rows = [...coordinates].map(x => (frequencies.length > 0 ? wave(x) : [x]));
    requireNorm(`depth ${depth}`, await plan.outputs.kernel.read(), tangentKernel(values, rows, shape), 2e-6);
    plan.dispose();
  }
});

test('topEigenpairs: directly at 20, by iteration at 33 and 75, the leading pairs of a falling spectrum match', async () => {
  for (const [n, top] of [
    [20, 5],
    [33, 4],
    [75, 12],
  ]) {
    const q = orthonormalise(randoms(n * n), n, n);
    const values = Float64Array.from({ length: n }, (_, i) => 100 * 0.7 ** i);
    const scaled = q.map((x, at) => x * values[Math.floor(at / n)]);
    const matrix = product({ rows: n, columns: n, inner: n, a: q, b: scaled, transposeLeft: true }).map(Math.fround);
    const rows = blockSize(n, top);
    const [a, start] = [engine.tensor([n, n], matrix), engine.tensor([rows, n], randoms(rows * n))];
    const plan = await engine.compile(graph => topEigenpairs(graph.read(a), graph.read(start), { iterations: 6 }));
    await plan.run();
    const expected = jacobi(matrix, n);
    const found = (await plan.outputs.values.read()).slice(0, top);
    requireClose(`values of ${n}`, found, expected.values.slice(0, top), { relative: 1e-5, absolute: 1e-4 });
    const vectors = Float64Array.from((await plan.outputs.vectors.read()).slice(0, top * n));
    // Up to their signs: the projections onto the eigenvectors of the twin are 1.
    const overlaps = Array.from({ length: top }, (_, i) =>
      Math.abs(vectors.slice(i * n, (i + 1) * n).reduce((total, x, u) => total + x * expected.vectors[i * n + u], 0)),
    );
    requireClose(
      `vectors of ${n}`,
      overlaps,
      overlaps.map(() => 1),
      { absolute: 1e-5 },
    );
    plan.dispose();
  }
});

test('a preconditioner leaves the first mode as much as the last, up to the last that float32 resolves', async () => {
  const [n, top] = [64, 60]; // the block is the whole space: Jacobi turns a full matrix
  const q = orthonormalise(randoms(n * n), n, n);
  // l_k / l_1 is a little more than n 2^-23.
  const spectrum = Float64Array.from({ length: n }, (_, i) => 100 * 1e-5 ** (i / (top - 1)));
  const scaled = q.map((x, at) => x * spectrum[Math.floor(at / n)]);
  const matrix = product({ rows: n, columns: n, inner: n, a: q, b: scaled, transposeLeft: true }).map(Math.fround);
  const rows = blockSize(n, top);
  const [a, start] = [engine.tensor([n, n], matrix), engine.tensor([rows, n], randoms(rows * n))];
  const { values, vectors } = jacobi(matrix, n);
  const first = vectors.slice(0, n);
  const g = engine.tensor([n], first);
  const plan = await engine.compile(graph => {
    const pairs = topEigenpairs(graph.read(a), graph.read(start), { iterations: 1 });
    const basis = modulate(pairs.values, pairs.vectors, { topK: [top], modulation: 'flat', scale: [1] });
    return { left: precondition(graph.read(g), pairs.vectors, basis.scaled, { combine: 'product', topK: [top] }) };
  });
  await plan.run();
  const share = (await plan.outputs.left.read()).reduce((sum, x, i) => sum + x * first[i], 0);
  requireClose('v_1^T S v_1', [share], [values[top - 1] / values[0]], { absolute: 2e-6 });
  plan.dispose();
});

test('precondition: sum and product of the axes equal the explicit mode products, D = 2 and 3, two tensors at once', async () => {
  for (const grid of [
    [9, 7],
    [4, 6, 5],
  ]) {
    for (const how of ['sum', 'product'] as const) {
      const topK = grid.map((_, axis) => 2 + axis);
      const size = grid.reduce((n, m) => n * m, 1);
      const g = randoms(2 * size);
      const bases = [...grid, ...grid].map((n, i) => {
        const k = topK[i % grid.length] + 1;
        const vectors = orthonormalise(randoms(k * n), k, n);
        return { n, k, vectors, scaled: vectors.map((x, at) => x * (0.9 - 0.2 * Math.floor(at / n))) };
      });
      const stackOfBases = (pick: 'vectors' | 'scaled') =>
        engine.stack(
          bases.map(({ k, n }) => [k, n]),
          bases.flatMap(basis => [...basis[pick]]),
        );
      const [cotangent, vectors, scaled] = [
        engine.stack([grid, grid], g),
        stackOfBases('vectors'),
        stackOfBases('scaled'),
      ];
      const plan = await engine.compile(graph => ({
        p: precondition(graph.read(cotangent), graph.read(vectors), graph.read(scaled), { combine: how, topK }),
      }));
      await plan.run();
      const expected = [0, 1].flatMap(tensor => {
        const matrices = bases
          .slice(tensor * grid.length, (tensor + 1) * grid.length)
          .map((basis, axis) => preconditioner(basis.vectors, basis.scaled, topK[axis], basis.n));
        return [...preconditionTwin(g.slice(tensor * size, (tensor + 1) * size), grid, matrices, how)];
      });
      requireNorm(`${how} on ${grid}`, await plan.outputs.p.read(), expected, 2e-6);
      requireClose('the cotangent itself stays', await cotangent.read(), g, {});
      plan.dispose();
    }
  }
});

test('shape rules name the operation, what is wrong and what would be right', async () => {
  const [a, b, vector] = [engine.tensor([4, 3]), engine.tensor([4, 3]), engine.tensor([5])];
  const refused = (what: string, build: (graph: Graph) => Value, message: RegExp) =>
    requireThrows(what, () => engine.compile(graph => ({ x: build(graph) })), 'InputError', message);
  await refused(
    'inner axes',
    g => matmul(g.read(a), g.read(b)),
    /^matmul: \(4, 3\) by \(4, 3\): the inner axes differ/,
  );
  await refused('a vector', g => matmul(g.read(a), g.read(vector)), /^matmul: takes matrices/);
  await refused(
    'shapes',
    g => add(g.read(a), g.read(vector)),
    /^linearCombination: takes a value of shape \(4, 3\), got \(5\)/,
  );
  await refused(
    'an axis',
    g => modeProduct(g.read(a), g.read(b), 3),
    /^modeProduct: axis 3 of a tensor of shape \(4, 3\): axes are 0 to 1/,
  );
  await refused(
    'one axis',
    g => contractCp(g.read(a), { axes: 1, scale: 1 }),
    /^contractCp: axes: 1: use a whole number from 2 to 7/,
  );
  await refused(
    'a start',
    g => topEigenpairs(g.read(a), g.read(b), { iterations: 1 }).values,
    /^topEigenpairs: takes square matrices/,
  );
  const [one, four] = [engine.tensor([1]), engine.tensor([4])];
  await refused(
    'a schedule',
    g => {
      const recorded = { step: g.read(one), history: g.read(vector), learningRate: g.read(one) };
      return record(sum(g.read(a)), recorded, g.read(four)).history;
    },
    /^record: takes a scalar, a counter \(1\), a history \(n\), a schedule \(n\) and a rate \(1\), got \(\), \(1\), \(5\), \(4\), \(1\)/,
  );
  await refused(
    'no gradient',
    g =>
      vjp(topEigenpairs(g.read(engine.tensor([3, 3])), g.read(engine.tensor([3, 3])), { iterations: 1 }).values, 1, [
        g.read(a),
      ])[0],
    /does not depend/,
  );
});
