/** Exact tangent kernels of factor networks, the NTK on a grid as Kronecker products, and Lemma 2 on the device. */

import { sizeOf } from '../../src/buffer/layout.js';
import type { Value } from '../../src/graph/operation.js';
import { Scope } from '../../src/host/scope.js';
import { relu, sine } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { coordinatesOf } from '../../src/model/domain/domain.js';
import { grid as gridOf } from '../../src/model/domain/grid.js';
import { forward, networkInput } from '../../src/model/forward.js';
import {
  defineModel,
  initialParameters,
  type Model,
  modelParameterShapes,
  parameterCount,
} from '../../src/model/model.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { denseNtk } from '../../src/ntk/denseNtk.js';
import { exactNtk } from '../../src/ntk/exactNtk.js';
import { KroneckerNtk } from '../../src/ntk/kroneckerNtk.js';
import { onPoints } from '../../src/ntk/pointNtk.js';
import { squaredError } from '../../src/objective/squaredError.js';
import { reshape } from '../../src/ops/elementwise/reshape.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { gradientOf } from '../../src/train/gradient.js';
import { activationOf, twinArchitecture } from '../helpers/activations.js';
import { require, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { cp as cpTwin } from '../reference/contraction/cp.js';
import { tt as ttTwin } from '../reference/contraction/tt.js';
import { tucker as tuckerTwin } from '../reference/contraction/tucker.js';
import { indices } from '../reference/host/grid.js';
import {
  layerShapes,
  type NetworkShape,
  networkGradient,
  network as networkTwin,
} from '../reference/network/network.js';
import { gramOf, modelNtk as modelNtkTwin } from '../reference/tangent/ntk.js';

const test = suite('Kronecker products');

/** Every point of a grid, (n, D). */
const pointsOf = ({ domain }: Model) => coordinatesOf(domain);

test('exactNtk: every pair of outputs of networks of different size, point by point, matches explicit gradients', async () => {
  for (const [depth, activation] of [
    [2, 'tanh'],
    [3, 'sine'],
  ] as const) {
    const network = architecture({ width: 6, depth, activation: activationOf[activation], omega: 1.5 });
    const [grid, ranks] = [
      [5, 3, 1],
      [3, 7, 2],
    ];
    const x = grid.map(n => randoms(n));
    const model = defineModel({ domain: gridOf(x), contraction: tucker({ ranks }), network });
    const values = randoms(parameterCount(model));
    const held = engine.stack(modelParameterShapes(model), values);
    const kernel = await exactNtk(engine, model, held);
    let start = 0;
    const expected = ranks.flatMap((outputs, axis) => {
      const shape: NetworkShape = { inputs: 1, width: 6, outputs, depth, name: activation, omegas: network.omegas };
      const count = modelParameterShapes(model)
        .slice(axis * depth, (axis + 1) * depth)
        .reduce((sum, s) => sum + sizeOf(s), 0);
      const own = values.slice(start, start + count);
      start += count;
      const unit = (r: number) => Array.from({ length: outputs }, (_, s) => (s === r ? 1 : 0));
      const rows = [...x[axis]].flatMap(point => unit(0).map((_, r) => networkGradient(own, [point], unit(r), shape)));
      return [...gramOf(rows)];
    });
    requireNorm(`depth ${depth}`, await kernel.read(), expected, 2e-6);
    kernel.dispose();
    held.dispose();
  }
});

test('K v by Kronecker products, D = 2 to 4, two members, any c, matches explicit Jacobians in float64', async () => {
  for (const grid of [
    [9, 6],
    [5, 1, 4],
    [3, 2, 4, 3],
  ]) {
    const network = architecture({ width: 7, omega: 3, frequencies: grid.length === 3 ? [0.5, 1.5] : [] });
    const [rank, scale] = [5, 0.7];
    const x = grid.map(n => randoms(n));
    const model = defineModel({ domain: gridOf(x), contraction: cp({ rank, scale }), network, members: 2 });
    const parameters = randoms(parameterCount(model));
    const v = randoms(2 * sizeOf(grid));
    const kernel = await KroneckerNtk.create(engine, model, parameters);
    const found = await kernel.product(v);
    const half = parameters.length / 2;
    const n = sizeOf(grid);
    const shape = { axes: grid.length, rank, scale, network: twinArchitecture(network) };
    const kernels = [0, 1].map(member =>
      modelNtkTwin(parameters.slice(member * half, (member + 1) * half), pointsOf(model), shape),
    );
    for (const [member, matrix] of kernels.entries()) {
      const own = v.slice(member * n, (member + 1) * n);
      const expected = Float64Array.from({ length: n }, (_, i) =>
        own.reduce((sum, value, j) => sum + matrix[i * n + j] * value, 0),
      );
      // Against |K| |v|: K v itself may cancel to a hundredth of its terms, which are right to what the sines are.
      const error = lengthOf(found.slice(member * n, (member + 1) * n).map((value, i) => value - expected[i]));
      const share = error / (lengthOf(matrix) * lengthOf(own));
      require(`${grid.join(' x ')}, member ${member}: an error of ${share} of |K| |v|`, share < 5e-6);
    }
    kernel.dispose();
  }
});

test('K v by Kronecker products runs where K would have 10^10 numbers', async () => {
  const model = defineModel({
    domain: gridOf([320, 320]),
    contraction: cp({ rank: 2, scale: 0.5 }),
    network: architecture({ width: 4, omega: 3 }),
  });
  const parameters = initialParameters(model, 3);
  const kernel = await KroneckerNtk.create(engine, model, parameters);
  // Of v = e_i, K v at a few other points is K[j, i], which explicit gradients of these points alone give.
  const at = [0, 319, 51_234, 102_399];
  const v = new Float32Array(sizeOf(model.domain.shape));
  v[at[2]] = 1;
  const found = await kernel.product(v);
  const all = pointsOf(model);
  const points = Float64Array.from(at.flatMap(i => [all[2 * i], all[2 * i + 1]]));
  const expected = modelNtkTwin(Float64Array.from(parameters), points, {
    axes: 2,
    rank: 2,
    scale: 0.5,
    network: twinArchitecture(model.network),
  });
  requireNorm(
    'column',
    at.map(i => found[i]),
    at.map((_, i) => expected[4 * i + 2]),
    5e-6,
  );
  kernel.dispose();
});

test('an exact kernel past the limit of the device, and a vector of another size, are refused before anything is made', async () => {
  const network = architecture({ width: 4 });
  const model = defineModel({ domain: gridOf([512, 512]), contraction: cp({ rank: 512 }), network });
  const before = engine.memory;
  await requireThrows(
    'size',
    () => KroneckerNtk.create(engine, model, new Float32Array(parameterCount(model))),
    'InputError',
    /^exactNtk: the kernels of 2 networks, 262144 x 262144 and 262144 x 262144: takes 549755813888 bytes, and this device binds at most \d+/,
  );
  requireEqual('memory', [engine.memory.buffers, engine.memory.bytes], [before.buffers, before.bytes]);
  const small = defineModel({ domain: gridOf([3, 4]), contraction: cp({ rank: 2 }), network });
  const kernel = await KroneckerNtk.create(engine, small, initialParameters(small, 0));
  await requireThrows('vector', () => kernel.product([1, 2]), 'InputError', /^KroneckerNtk: takes 12 numbers, got 2/);
  kernel.dispose();
  const scattered = onPoints(small, randoms(10));
  await requireThrows(
    'scattered',
    () => KroneckerNtk.create(engine, scattered, initialParameters(small, 0)),
    'InputError',
    /^KroneckerNtk: a model on scattered points has no grid/,
  );
  const shared = defineModel({
    domain: gridOf([3, 4]),
    contraction: cp({ rank: 2 }),
    readout: mixing({ outputs: 3 }),
    network,
  });
  await requireThrows(
    'shared outputs',
    () => KroneckerNtk.create(engine, shared, initialParameters(shared, 0)),
    'InputError',
    /^KroneckerNtk: the model has 3 outputs that share its networks/,
  );
  requireEqual('memory at the end', engine.memory.bytes, before.bytes);
});

test('denseNtk: trains, Tucker models and MLPs of two members, and CP models, match Jacobians by differences', async () => {
  const network = architecture({ width: 3, depth: 2, omega: 2 });
  const [grid, ranks] = [
    [3, 4],
    [2, 3],
  ];
  const shape = (outputs: number, inputs = 1): NetworkShape => ({
    inputs,
    width: 3,
    outputs,
    depth: 2,
    name: 'sine',
    omegas: network.omegas,
  });
  const x = grid.map(n => randoms(n));
  const counted = (own: NetworkShape) => layerShapes(own).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
  const factorsBy = (widths: readonly number[]) => (p: Float64Array) =>
    widths.map((width, d) => {
      const start = widths.slice(0, d).reduce((sum, w) => sum + counted(shape(w)), 0);
      const own = p.slice(start, start + counted(shape(width)));
      return Float64Array.from([...x[d]].flatMap(point => [...networkTwin(own, [point], shape(width))]));
    });
  const common = { domain: gridOf(x), network, members: 2 };
  const all = coordinatesOf(common.domain, [0, 1]);
  const cases: readonly { readonly model: Model; readonly output: (p: Float64Array) => Float64Array }[] = [
    {
      model: defineModel({ ...common, contraction: tensorTrain({ ranks: 2 }) }),
      output: p => ttTwin(factorsBy([2, 2])(p), grid, [2], 1),
    },
    {
      model: defineModel({ ...common, contraction: tucker({ ranks }) }),
      output: p => tuckerTwin(factorsBy(ranks)(p), p.slice(-6), grid, ranks, 1),
    },
    {
      model: defineModel({ ...common, contraction: jointNetwork() }),
      output: p =>
        Float64Array.from({ length: 12 }, (_, i) => networkTwin(p, all.slice(2 * i, 2 * i + 2), shape(1, 2))[0]),
    },
    {
      model: defineModel({ ...common, contraction: cp({ rank: 3, scale: 0.6 }) }),
      output: p => cpTwin(factorsBy([3, 3])(p), grid, 3, 0.6),
    },
  ];
  for (const { model, output } of cases) {
    const parameters = randoms(parameterCount(model));
    const kernels = await denseNtk(engine, model, parameters);
    // Networks stand member by member, then the cores.
    const core = model.contraction.parameters ? 6 : 0;
    const networks = (parameters.length - 2 * core) / 2;
    kernels.forEach((kernel, member) => {
      const behind = 2 * networks + member * core;
      const own = Float64Array.from([
        ...parameters.slice(member * networks, (member + 1) * networks),
        ...parameters.slice(behind, behind + core),
      ]);
      const jacobian = own.map(() => 0);
      const rows = Array.from({ length: 12 }, () => jacobian.slice());
      own.forEach((_, at) => {
        const moved = (delta: number) => output(own.map((value, i) => (i === at ? value + delta : value)));
        const [up, down] = [moved(1e-6), moved(-1e-6)];
        rows.forEach((row, i) => {
          row[at] = (up[i] - down[i]) / 2e-6;
        });
      });
      requireNorm(`${model.contraction.name}, member ${member}`, kernel, gramOf(rows), 3e-6);
    });
  }
});

test('denseNtk past the limit of the device is refused, with its size', async () => {
  const model = defineModel({
    domain: gridOf([512, 512]),
    contraction: cp({ rank: 2 }),
    network: architecture({ width: 4 }),
  });
  await requireThrows(
    'size',
    () => denseNtk(engine, model, initialParameters(model, 0)),
    'InputError',
    /^denseNtk: 1 kernels of 262144 x 262144 numbers takes 274877906944 bytes, and this device binds at most/,
  );
});

/** sum_d I x .. S_d .. x I written out, (n^D, n^D). */
function kroneckerSum(matrices: readonly Float32Array[], grid: readonly number[]): Float32Array {
  const all = [...indices(grid)];
  return Float32Array.from(
    all.flatMap(row =>
      all.map(column =>
        grid.reduce((sum, n, axis) => {
          const others = row.every((i, d) => d === axis || i === column[d]);
          return sum + (others ? matrices[axis][row[axis] * n + column[axis]] : 0);
        }, 0),
      ),
    ),
  );
}

for (const axes of [2, 3]) {
  test(`Lemma 2, D = ${axes}, n = 8: the SepPGD gradient is that of n^D single points whose residual the explicit Kronecker sum preconditions`, async () => {
    const grid = Array<number>(axes).fill(8);
    const points = sizeOf(grid);
    for (const [activation, scale] of [
      [sine, 1],
      [relu, 0.3],
    ] as const) {
      const network = architecture({ width: 12, activation });
      const model = defineModel({ domain: gridOf(grid), contraction: cp({ rank: 10, scale }), network });
      const single = onPoints(model, pointsOf(model));
      const parameters = engine.stack(modelParameterShapes(model), initialParameters(model, 2));
      const wanted = randoms(points);
      const [target, flat] = [engine.tensor(grid, wanted), engine.tensor([points], wanted)];
      const input = await networkInput(engine, model);
      const inputs = await networkInput(engine, single);
      const objective = squaredError();
      const scope = new Scope();
      const preconditioner = await sepPgd({ topK: 3 }).start(engine, scope, model);
      const { refreshed } = preconditioner;
      require('it is refreshed', refreshed !== undefined);
      const separable = await engine.compile(graph => {
        const values = graph.read(parameters);
        const { output, residuals } = forward(graph, model, values, input);
        const applied = refreshed(graph, { residuals }, { cold: true });
        return { gradient: gradientOf(objective.goal(output, graph.read(target)), output, values, applied) };
      });
      await separable.run();
      const { vectors, scaled } = await preconditioner.state();
      const rows = vectors.length / (axes * 8);
      // I - S_d = V_d^T (C_d V_d), axis by axis
      const lowered = Float32Array.from({ length: axes * 64 }, (_, at) => {
        const [axis, i, j] = [Math.floor(at / 64), Math.floor(at / 8) % 8, at % 8];
        let sum = 0;
        for (let row = axis * rows; row < (axis + 1) * rows; row++) sum += vectors[row * 8 + i] * scaled[row * 8 + j];
        return sum;
      });
      const matrices = grid.map((n, axis) =>
        lowered.slice(axis * n * n, (axis + 1) * n * n).map((x, at) => (at % (n + 1) === 0 ? 1 : 0) - x),
      );
      require('S is not the identity', lowered.some(x => Math.abs(x) > 0.1));
      const kron = engine.tensor([points, points], kroneckerSum(matrices, grid));
      const classical = await engine.compile(graph => {
        const values = graph.read(parameters);
        const { output } = forward(graph, single, values, inputs);
        const goal = objective.goal(output, graph.read(flat));
        const transform = (g: Value) => reshape(matmul(graph.read(kron), reshape(g, [[points, 1]])), [[points]]);
        return { gradient: gradientOf(goal, output, values, { transform }), plain: gradientOf(goal, output, values) };
      });
      await classical.run();
      const [found, expected, plain] = await Promise.all(
        [separable.outputs.gradient, classical.outputs.gradient, classical.outputs.plain].map(one => one.read()),
      );
      requireEqual('numbers', found.length, parameterCount(model));
      requireNorm(activation.name, found, expected, 5e-6);
      const difference = Math.hypot(...found.map((x, i) => x - axes * plain[i])) / Math.hypot(...found);
      require(`${activation.name}: it is no multiple of the plain gradient: ${difference}`, difference > 0.05);
      for (const one of [separable, classical, parameters, target, flat, input, inputs, scope, kron]) one.dispose();
    }
  });
}

function lengthOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ** 2;
  return Math.sqrt(sum);
}
