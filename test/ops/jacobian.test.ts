/** Products with the Jacobian of a model, J w and J^T g, and what is regressed on the tangent features at its start. */

import type { Graph, Value } from '../../src/graph/operation.js';
import { tanh } from '../../src/model/activation.js';
import { contractCpJvp } from '../../src/ops/contraction/contractCpJvp.js';
import { factorNetwork, parameterShapes, type Residuals } from '../../src/ops/network/factorNetwork.js';
import { factorNetworkJvp } from '../../src/ops/network/factorNetworkJvp.js';
import { features } from '../../src/ops/network/features.js';
import { vjp } from '../../src/ops/vjp.js';
import { activationOf } from '../helpers/activations.js';
import { requireClose, requireNorm, requireThrows } from '../helpers/compare.js';
import { type Arrays, differenceVjp } from '../helpers/difference.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { cp } from '../reference/contraction/cp.js';
import { activationNames } from '../reference/network/activation.js';
import { layerShapes, network } from '../reference/network/network.js';

const test = suite('Jacobian products');

/** The derivative of f at x along w by central differences, in float64. */
function differenceJvp(f: (x: Float64Array) => Float64Array, x: Float64Array, w: Float64Array): Float64Array {
  const step = 1e-6;
  const at = (delta: number) => f(x.map((value, i) => value + delta * w[i]));
  const [above, below] = [at(step), at(-step)];
  return above.map((value, i) => (value - below[i]) / (2 * step));
}

const inner = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);

test('factorNetworkJvp: J w equals finite differences and <J w, g> = <w, J^T g>, every activation, depths 1 to 4', async () => {
  for (const [i, name] of activationNames.entries()) {
    const depth = 1 + (i % 4);
    const attributes = {
      depth,
      width: 7,
      activation: activationOf[name],
      omegas: Array.from({ length: depth - 1 }, () => 1.5),
    };
    const [outputs, points] = [3, [5, 9]];
    const shape = { inputs: 1, width: 7, outputs, depth, name, omegas: attributes.omegas };
    const count = layerShapes(shape).reduce((total, [rows, columns]) => total + rows * columns, 0);
    const [coordinates, values, direction] = [randoms(14), randoms(2 * count), randoms(2 * count)];
    const cotangent = randoms(14 * outputs);
    const twin = (all: Float64Array) =>
      Float64Array.from(
        [...coordinates].flatMap((x, at) => {
          const own = at < points[0] ? all.slice(0, count) : all.slice(count);
          return [...network(own, [x], shape)];
        }),
      );
    const shapes = parameterShapes(1, outputs, attributes);
    const [parameters, tangent] = [values, direction].map(numbers => engine.stack([...shapes, ...shapes], numbers));
    const source = engine.stack(
      points.map(n => [n]),
      coordinates,
    );
    const seed = engine.stack(
      points.map(n => [n, outputs]),
      cotangent,
    );
    const plan = await engine.compile(graph => {
      const { residuals } = factorNetwork(graph.read(parameters), features(graph.read(source)), attributes);
      const w = graph.read(tangent);
      const product = factorNetworkJvp(w, residuals);
      return { product, gradient: vjp(product, graph.read(seed), [w])[0] };
    });
    await plan.run();
    const [product, gradient] = [await plan.outputs.product.read(), await plan.outputs.gradient.read()];
    const what = `${name}, depth ${depth}`;
    requireNorm(`${what}: J w`, product, differenceJvp(twin, values, direction), 2e-6);
    const size = Math.sqrt(inner(product, product) * inner(cotangent, cotangent));
    requireClose(`${what}: <w, J^T g>`, [inner(direction, gradient)], [inner(product, cotangent)], {
      absolute: 1e-6 * size,
    });
    plan.dispose();
    for (const tensor of [parameters, tangent, source, seed]) tensor.dispose();
  }
});

test('contractCpJvp: value and VJP equal finite differences, two models of 2 and of 3 axes at once, with a scale', async () => {
  for (const grids of [
    [
      [5, 7],
      [3, 9],
    ],
    [
      [3, 4, 5],
      [2, 1, 6],
    ],
  ]) {
    const [axes, rank, scale] = [grids[0].length, 3, 0.5];
    const points = grids.flat();
    const count = points.reduce((sum, n) => sum + n * rank, 0);
    const split = (values: Float64Array) => {
      let at = 0;
      return points.map(n => {
        at += n * rank;
        return values.slice(at - n * rank, at);
      });
    };
    const twin = (values: Float64Array) => {
      const factors = split(values);
      const outputs = grids.map((grid, m) => cp(factors.slice(m * axes, (m + 1) * axes), grid, rank, scale));
      return Float64Array.from(outputs.flatMap(output => [...output]));
    };
    const [values, direction] = [randoms(count), randoms(count)];
    const [factors, tangent] = [values, direction].map(numbers =>
      engine.stack(
        points.map(n => [n, rank]),
        numbers,
      ),
    );
    const expected = differenceJvp(twin, values, direction);
    const cotangent = randoms(expected.length);
    const seed = engine.stack(grids, cotangent);
    const plan = await engine.compile(graph => {
      const at = graph.read(tangent);
      const product = contractCpJvp(at, graph.read(factors), { axes, scale });
      return { product, gradient: vjp(product, graph.read(seed), [at])[0] };
    });
    await plan.run();
    requireNorm(`${axes} axes: value`, await plan.outputs.product.read(), expected, 2e-6);
    const [difference] = differenceVjp(([all]: Arrays) => twin(all), [values], cotangent);
    requireNorm(`${axes} axes: VJP`, await plan.outputs.gradient.read(), difference, 2e-6);
    plan.dispose();
    for (const tensor of [factors, tangent, seed]) tensor.dispose();
  }
});

test('a gradient with respect to the point at which J is taken is refused, and a tangent of other shapes', async () => {
  const attributes = { depth: 2, width: 5, activation: tanh, omegas: [1] };
  const shapes = parameterShapes(1, 3, attributes);
  const [parameters, tangent, half] = [[...shapes, ...shapes], [...shapes, ...shapes], shapes].map(all =>
    engine.stack(all),
  );
  const source = engine.stack([[4], [6]]);
  const cp = { axes: 2, scale: 1 };
  const cases: [(point: Value, w: Value, factors: Value, residuals: Residuals, half: Value) => Value, RegExp][] = [
    [
      (point, w, _, residuals) => vjp(factorNetworkJvp(w, residuals), factorNetworkJvp(w, residuals), [point])[0],
      /factorNetworkJvp: has no gradient with respect to its input 1/,
    ],
    [
      (point, _, factors) => {
        const output = contractCpJvp(factors, factors, cp);
        return vjp(output, output, [point])[0];
      },
      /contractCpJvp: has no gradient with respect to its input 1/,
    ],
    [(_, __, ___, residuals, other) => factorNetworkJvp(other, residuals), /factorNetworkJvp: takes a value of shape/],
    [(_, __, factors, ___, other) => contractCpJvp(other, factors, cp), /contractCpJvp: takes a value of shape/],
  ];
  for (const [refused, message] of cases) {
    const build = (graph: Graph) => {
      const point = graph.read(parameters);
      const { factors, residuals } = factorNetwork(point, features(graph.read(source)), attributes);
      return { refused: refused(point, graph.read(tangent), factors, residuals, graph.read(half)) };
    };
    await requireThrows(String(message), () => engine.compile(build), 'InputError', message);
  }
  for (const tensor of [parameters, tangent, half, source]) tensor.dispose();
});
