/** Tangent kernels against their definition: inner products of explicit gradients of single points, in float64. */

import { stackOf } from '../../src/buffer/layout.js';
import { sine } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { coordinatesOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { networkInput } from '../../src/model/forward.js';
import { defineModel, modelParameterShapes } from '../../src/model/model.js';
import { onPoints, pointNtk } from '../../src/ntk/pointNtk.js';
import { fill } from '../../src/ops/elementwise/fill.js';
import { factorNetwork, parameterShapes } from '../../src/ops/network/factorNetwork.js';
import { features } from '../../src/ops/network/features.js';
import { pseudoNtk } from '../../src/ops/tangent/pseudoNtk.js';
import { tangentKernel } from '../../src/ops/tangent/tangentKernel.js';
import { activationOf, twinArchitecture } from '../helpers/activations.js';
import { requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import type { ActivationName } from '../reference/network/activation.js';
import { type NetworkShape, networkGradient } from '../reference/network/network.js';
import { gramOf, modelNtk } from '../reference/tangent/ntk.js';

const test = suite('tangent kernels');

const sizeOfAll = (shapes: readonly (readonly number[])[]) =>
  shapes.reduce((sum, shape) => sum + shape.reduce((product, n) => product * n, 1), 0);

test('tangentKernel: two networks of different length, any cotangent, depths 1 to 4, matches explicit gradients', async () => {
  for (const [depth, name] of [
    [1, 'sine'],
    [2, 'sine'],
    [3, 'tanh'],
    [4, 'leaky-relu'],
  ] as [number, ActivationName][]) {
    const activation = activationOf[name];
    const [width, outputs, points] = [6, 5, [7, 13]];
    const omegas = Array<number>(depth - 1).fill(1.5);
    const shape: NetworkShape = { inputs: 1, width, outputs, depth, name, omegas };
    const shapes = parameterShapes(1, outputs, { depth, width, activation, omegas });
    const count = sizeOfAll(shapes);
    const values = randoms(2 * count);
    const x = points.map(n => randoms(n));
    const g = points.map(n => randoms(n * outputs));
    const parameters = engine.stack([...shapes, ...shapes], values);
    const source = engine.stack(
      points.map(n => [n]),
      x.flatMap(own => [...own]),
    );
    const cotangent = engine.stack(
      points.map(n => [n, outputs]),
      g.flatMap(own => [...own]),
    );
    const plan = await engine.compile(graph => {
      const input = features(graph.read(source));
      const { residuals } = factorNetwork(graph.read(parameters), input, { depth, width, activation, omegas });
      return { kernel: tangentKernel(residuals, graph.read(cotangent)) };
    });
    await plan.run();
    const expected = points.flatMap((n, i) => {
      const own = values.slice(i * count, (i + 1) * count);
      const row = (at: number) => g[i].slice(at * outputs, (at + 1) * outputs);
      return [...gramOf(Array.from({ length: n }, (_, at) => networkGradient(own, [x[i][at]], row(at), shape)))];
    });
    requireNorm(`depth ${depth}`, await plan.outputs.kernel.read(), expected, 2e-6);
    plan.dispose();
  }
});

test('tangentKernel: a cotangent of ones gives the pseudo-NTK, and three networks of a model the sum of theirs', async () => {
  const [width, outputs, n] = [9, 4, 37];
  for (const depth of [1, 3]) {
    const network = { depth, width, activation: sine, omegas: Array<number>(depth - 1).fill(3) };
    const shapes = parameterShapes(1, outputs, network);
    const parameters = engine.stack(Array(6).fill(shapes).flat(), randoms(6 * sizeOfAll(shapes)));
    const source = engine.stack(Array(6).fill([n]), randoms(6 * n));
    const plan = await engine.compile(graph => {
      const { residuals } = factorNetwork(graph.read(parameters), features(graph.read(source)), network);
      const ones = fill(graph, stackOf(Array(6).fill([n, outputs])), 1);
      return {
        each: tangentKernel(residuals, ones),
        sums: tangentKernel(residuals, ones, 3),
        cheap: pseudoNtk(residuals),
      };
    });
    await plan.run();
    const each = await plan.outputs.each.read();
    requireNorm('pseudo-NTK', await plan.outputs.cheap.read(), each, 1e-6);
    const sums = await plan.outputs.sums.read();
    const expected = sums.map((_, at) => {
      const start = Math.floor(at / (n * n)) * 3 * n * n + (at % (n * n));
      return each[start] + each[start + n * n] + each[start + 2 * n * n];
    });
    requireNorm('sums', sums, expected, 1e-6);
    const mirrored = sums.map((_, at) => {
      const [model, i, j] = [Math.floor(at / (n * n)), Math.floor((at % (n * n)) / n), at % n];
      return sums[model * n * n + j * n + i];
    });
    requireClose('the transpose', mirrored, sums, {});
    plan.dispose();
  }
});

test('pointNtk: that of a CP model on scattered points, D = 2 to 4, two members, matches explicit Jacobians', async () => {
  for (const [axes, points] of [
    [2, 19],
    [3, 5],
    [4, 34],
  ]) {
    const network = architecture({ width: 7, omega: 4, frequencies: axes === 3 ? [0.5, 1.5] : [] });
    const x = randoms(points * axes);
    const model = onPoints(
      defineModel({ domain: grid(Array(axes).fill(2)), contraction: cp({ rank: 3, scale: 0.7 }), network, members: 2 }),
      x,
    );
    const parameters = randoms(sizeOfAll(modelParameterShapes(model)), 0.5);
    const input = await networkInput(engine, model);
    const held = engine.stack(modelParameterShapes(model), parameters);
    const plan = await engine.compile(graph => ({ kernel: pointNtk(graph, model, graph.read(held), input) }));
    await plan.run();
    const half = parameters.length / 2;
    const expected = [parameters.slice(0, half), parameters.slice(half)].flatMap(own => [
      ...modelNtk(own, x, { axes, rank: 3, scale: 0.7, network: twinArchitecture(network) }),
    ]);
    requireNorm(`D = ${axes}`, await plan.outputs.kernel.read(), expected, 3e-6);
    plan.dispose();
    input.dispose();
  }
});

test('coordinates: lists a grid row-major, and the NTK at its points has those of the grid', async () => {
  requireEqual('2 x 3', [...coordinatesOf(grid([[0, 1], 3]), [0, 1])], [0, -1, 0, 0, 0, 1, 1, -1, 1, 0, 1, 1]);
  const network = architecture({ width: 5, omega: 3 });
  const shape = [3, 2, 4];
  const whole = defineModel({ domain: grid(shape), contraction: cp({ rank: 4 }), network });
  const x = coordinatesOf(whole.domain, [0, 1, 2]);
  requireEqual('3 x 2 x 4', [...x], [...coordinatesOf(grid(shape.map(linspace)), [0, 1, 2])]);
  const model = onPoints(whole, x);
  const parameters = randoms(sizeOfAll(modelParameterShapes(model)), 0.5);
  const input = await networkInput(engine, model);
  const held = engine.stack(modelParameterShapes(model), parameters);
  const plan = await engine.compile(graph => ({ kernel: pointNtk(graph, model, graph.read(held), input) }));
  await plan.run();
  const expected = modelNtk(parameters, x.map(Math.fround), {
    axes: 3,
    rank: 4,
    scale: 1,
    network: twinArchitecture(network),
  });
  requireNorm('3 x 2 x 4', await plan.outputs.kernel.read(), expected, 3e-6);
});

test('tangent kernels: what does not fit is refused by name', async () => {
  const network = { depth: 2, width: 4, activation: sine, omegas: [1] } as const;
  const shapes = parameterShapes(1, 3, network);
  const parameters = engine.stack([...shapes, ...shapes]);
  const source = engine.stack([[5], [6]]);
  const build = (layout: readonly (readonly number[])[], networks: number) =>
    engine.compile(graph => {
      const { residuals } = factorNetwork(graph.read(parameters), features(graph.read(source)), network);
      return { kernel: tangentKernel(residuals, fill(graph, stackOf(layout), 1), networks) };
    });
  const fits = [
    [5, 3],
    [6, 3],
  ];
  await requireThrows(
    'a cotangent',
    () => build([[5, 3]], 1),
    'InputError',
    /^tangentKernel: the cotangent at the networks' outputs: takes a value of shape \[\(5, 3\), \(6, 3\)\], got \(5, 3\)/,
  );
  await requireThrows('lengths', () => build(fits, 2), 'InputError', /^tangentKernel: kernels on 5 and 6 points/);
  await requireThrows('groups', () => build(fits, 3), 'InputError', /^tangentKernel: 2 networks are no whole number/);
  const domain = grid([4, 4]);
  const small = architecture({ width: 4 });
  const tt = defineModel({ domain, contraction: tensorTrain({ ranks: 2 }), network: small });
  await requireThrows(
    'a tensor train',
    () => onPoints(tt, coordinatesOf(domain, [0, 1])),
    'InputError',
    /^ntk: a tensor-train contraction has no form on scattered points: use cp or jointNetwork/,
  );
  const onGrid = defineModel({ domain, contraction: cp({ rank: 2 }), network: small });
  const input = await networkInput(engine, onGrid);
  const held = engine.stack(modelParameterShapes(onGrid));
  await requireThrows(
    'a grid',
    () => engine.compile(graph => ({ kernel: pointNtk(graph, onGrid, graph.read(held), input) })),
    'InputError',
    /^pointNtk: takes a model on scattered points: see onPoints/,
  );
});
