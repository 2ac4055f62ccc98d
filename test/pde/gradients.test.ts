/** The whole way of a problem's loss and its gradient, and golden cases of gated networks, against float64 twins. */

import { runCase } from '../../src/experiments/golden/goldenCase.js';
import { type JetsCase, requireCase } from '../../src/experiments/golden/goldenFormat.js';
import { flat } from '../../src/experiments/golden/nested.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { discretise, gridAxes } from '../../src/pde/discretisation.js';
import { eachPoint } from '../../src/pde/grid.js';
import { sine } from '../../src/public/index.js';
import { type JetArchitectureOptions, jetArchitecture, ProblemTrainer, problems } from '../../src/public/pde.js';
import { requireClose, requireNorm } from '../helpers/compare.js';
import { differenceVjp } from '../helpers/difference.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { type JetShape, jetLayerShapes, jetNetwork } from '../reference/network/jetNetwork.js';

const test = suite('gradients of differential equations');

/** Parameters of one network. */
function countOf(shape: JetShape): number {
  return jetLayerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
}

/** Factors and their derivatives up to the fourth at one point, [rank][order]. */
function jetsAt(parameters: ArrayLike<number>, x: number, shape: JetShape): number[][] {
  return jetNetwork(parameters, [[x, 1, 0, 0, 0]], shape);
}

/** Of a number of parameters some, of every matrix: differences of all would take long. */
const someOf = (values: ArrayLike<number>) => Float64Array.from(values).filter((_, i) => i % 19 === 0);

/** Those of a gradient, by differences. */
function someGradient(f: (parameters: Float64Array) => Float64Array, at: Float64Array): Float64Array {
  const whole = ([some]: readonly Float64Array[]) => f(at.map((x, i) => (i % 19 === 0 ? some[i / 19] : x)));
  return differenceVjp(whole, [someOf(at)], Float64Array.of(1))[0];
}

/** A derivative of the model from the jets of each axis. */
function fieldAt(jets: readonly number[][][], orders: readonly number[]): number {
  return jets[0].reduce((sum, _, r) => sum + jets.reduce((product, own, d) => product * own[r][orders[d]], 1), 0);
}

for (const [name, options] of [
  ['diffusion', { gated: true, activation: sine, omega: 2 }],
] as const satisfies readonly (readonly [string, Partial<JetArchitectureOptions>])[]) {
  test(`${name}: loss and gradient are those of finite differences in float64`, async () => {
    const problem = problems[name]();
    const network = jetArchitecture({ width: 4, rank: 2, ...options });
    const shape: JetShape = {
      inputs: 1,
      width: 4,
      outputs: 2,
      depth: network.depth,
      name: network.activation.periodic ? 'sine' : 'tanh',
      omegas: network.omegas,
      gated: network.gated,
    };
    const trainer = await ProblemTrainer.create(engine, {
      problem,
      network,
      points: 3,
      optimiser: sgd({ learningRate: 2 ** -7 }),
    });
    const start = (await trainer.state()).parameters;
    const [loss] = await trainer.advance(1);
    const gradient = (await trainer.state()).parameters.map((p, i) => (start[i] - p) * 2 ** 7);
    trainer.dispose();

    const discretisation = discretise(problem, 3);
    const points = discretisation.points(undefined).map(own => own.map(Math.fround));
    const names = Object.keys(problem.axes);
    const twin = (parameters: Float64Array): Float64Array => {
      const count = countOf(shape);
      const own = points.map((_, d) => parameters.slice(d * count, (d + 1) * count));
      const jets = points.map((axis, d) => new Map([...axis].map(x => [x, jetsAt(own[d], x, shape)])));
      let total = 0;
      for (const grid of discretisation.grids) {
        const axes = gridAxes(discretisation, grid, points);
        const size = Object.values(axes).reduce((product, { length }) => product * length, 1);
        eachPoint(axes, (point, index) => {
          const here = names.map((axis, d) => jets[d].get(point[axis]) as number[][]);
          const values = grid.residuals.fields.map(({ orders }) =>
            fieldAt(
              here,
              names.map(axis => orders[axis] ?? 0),
            ),
          );
          const text = grid.residuals.fields.map(({ orders }) =>
            Object.entries(orders)
              .reduce((all, [axis, order]) => all + axis.repeat(order), 'u_')
              .replace(/_$/, ''),
          );
          const named = Object.fromEntries(text.map((one, i) => [one, values[i]]));
          total += (2 * grid.residuals.evaluate(named, point, index).loss) / size;
        });
      }
      return Float64Array.of(total);
    };
    const at = Float64Array.from(start);
    requireClose('loss', [loss], twin(at), { relative: 1e-5 });
    // What a step leaves in float32 of numbers near 1 is good to some 1e-5.
    requireNorm('gradient', someOf(gradient), someGradient(twin, at), 1e-4);
  });
}

test('a golden case of a gated network, of two axes and of the fourth order, has every quantity of the float64 twin', async () => {
  const [ns, rank, width, depth] = [[4, 3], 2, 3, 4];
  const shape: JetShape = { inputs: 1, width, outputs: rank, depth, name: 'tanh', omegas: [1, 1.5, 2], gated: true };
  const own = ns.map(() => randoms(countOf(shape)));
  const coords = ns.map(n => [...randoms(n)]);
  const source = [...randoms(ns[0] * ns[1])];
  const params: Record<string, number[] | number[][]> = {};
  const named = ns.flatMap((_, axis) => {
    let at = 0;
    return jetLayerShapes(shape).map(([rows, columns], matrix) => {
      const values = own[axis].slice(at, at + rows * columns);
      at += rows * columns;
      const gate = matrix === depth ? 'U' : 'V';
      const [weights, biases] =
        matrix < depth ? [`d${axis}.W${matrix}`, `d${axis}.b${matrix}`] : [`d${axis}.${gate}.W`, `d${axis}.${gate}.b`];
      const all = Array.from({ length: rows }, (_, row) => [...values.slice(row * columns, (row + 1) * columns)]);
      params[weights] = all.map(row => row.slice(0, -1));
      params[biases] = all.map(row => row[columns - 1]);
      return { weights, biases, rows, columns };
    });
  });
  const given = {
    ...{ name: 'gated', kind: 'cp', case: 'jets', ns, ranks: rank, W: width, depth, activation: 'tanh', gate: true },
    ...{
      omegas: shape.omegas,
      fourier_B: null,
      scale: 0.5,
      coords,
      params,
      source: [source.slice(0, 3), source.slice(3, 6), source.slice(6, 9), source.slice(9)],
    },
    terms: 'u_t0 + 2*u*u_x1 - 0.5*u_x1x1x1x1 + x1^2',
  };
  const residual = (parameters: readonly Float64Array[]) => {
    const [first, second] = coords.map((axis, d) => axis.map(x => jetsAt(parameters[d], x, shape)));
    return source.map((f, at) => {
      const [i, j] = [Math.floor(at / ns[1]), at % ns[1]];
      const field = (t: number, x: number) => 0.5 * fieldAt([first[i], second[j]], [t, x]);
      return field(1, 0) + 2 * field(0, 0) * field(0, 1) - 0.5 * field(0, 4) + coords[1][j] ** 2 - f;
    });
  };
  const found = await runCase(engine, requireCase(given) as JetsCase);
  const expected = residual(own);
  requireNorm('residual', flat(found.residual as number[][]), expected, 1e-5);
  const loss = expected.reduce((sum, r) => sum + (r * r) / 2, 0);
  requireClose('loss', [found.loss_value as number], [loss], { relative: 1e-5 });
  const jets = coords.flatMap((axis, d) =>
    [0, 1, 2].flatMap(k => axis.flatMap(x => jetsAt(own[d], x, shape).map(one => one[k]))),
  );
  requireNorm('jets', flat(found.jets as number[][]), jets, 1e-5);
  const counts = own.map(({ length }) => length);
  const half = (parameters: Float64Array) => [parameters.slice(0, counts[0]), parameters.slice(counts[0])];
  const gradient = someGradient(
    parameters => Float64Array.of(residual(half(parameters)).reduce((sum, r) => sum + (r * r) / 2, 0)),
    Float64Array.from(own.flatMap(values => [...values])),
  );
  const byName = found.grad_plain as Record<string, number[] & number[][]>;
  const joined = named.flatMap(({ weights, biases }) =>
    (byName[weights] as number[][]).flatMap((row, i) => [...row, (byName[biases] as number[])[i]]),
  );
  requireNorm('gradient', someOf(joined), gradient, 1e-5);
});
