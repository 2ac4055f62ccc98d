/** The whole way of a problem's loss and its gradient, and golden cases of gated networks, against float64 twins. */

import { runCase } from '../../src/experiments/golden/goldenCase.js';
import { type JetsCase, requireCase } from '../../src/experiments/golden/goldenFormat.js';
import { flat, nest } from '../../src/experiments/golden/nested.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { discretise, gridAxes } from '../../src/pde/discretisation.js';
import { evaluated, nameOf } from '../../src/pde/expression.js';
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
  ['helmholtz', { activation: sine, omega: 2 }],
  ['klein-gordon', { gated: true }],
  ['klein-gordon-4d', {}],
  ['flow-mixing', { activation: sine, omega: 2 }],
  ['navier-stokes-3d', {}],
  ['poisson-l', { gated: true }],
  ['heat-3d', {}],
  ['wave', { activation: sine, omega: 2 }],
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
    // A step of the gradient itself: of one that is large little is lost beside the parameters.
    const optimiser = sgd({ learningRate: 1 });
    const trainer = await ProblemTrainer.create(engine, { problem, network, points: 3, optimiser });
    const start = (await trainer.state()).parameters;
    const [loss] = await trainer.advance(1);
    const gradient = (await trainer.state()).parameters.map((p, i) => start[i] - p);
    trainer.dispose();

    const discretisation = discretise(problem, 3);
    const points = discretisation.points(undefined).map(own => own.map(Math.fround));
    const names = Object.keys(problem.axes);
    const count = countOf(shape);
    const twin = (parameters: Float64Array): Float64Array => {
      /** Of a field's networks, axis by axis. */
      const jetsOf = (field: number) =>
        points.map((axis, d) => {
          const at = (field * names.length + d) * count;
          return new Map([...axis].map(x => [x, jetsAt(parameters.slice(at, at + count), x, shape)]));
        });
      const jets = new Map(problem.fields.map((field, i) => [field, jetsOf(i)]));
      let total = 0;
      for (const grid of discretisation.grids) {
        const axes = gridAxes(discretisation, grid, points);
        const size = Object.values(axes).reduce((product, { length }) => product * length, 1);
        eachPoint(axes, (point, index) => {
          const values = grid.residuals.fields.map(({ field, orders }): [string, number] => {
            const here = jets.get(field)?.map((own, d) => own.get(point[names[d]]) as number[][]) ?? [];
            const whole = names.map(axis => orders[axis] ?? 0);
            return [nameOf({ field, orders }), fieldAt(here, whole)];
          });
          for (const { residual, weight } of grid.residuals.equations) {
            total += (weight * evaluated(residual, Object.fromEntries(values), point, index) ** 2) / size;
          }
        });
      }
      return Float64Array.of(total);
    };
    const at = Float64Array.from(start);
    requireClose('loss', [loss], twin(at), { relative: 1e-5 });
    requireNorm('gradient', someOf(gradient), someGradient(twin, at), 1e-4);
  });
}

/** A golden case by its settings, and the same residual in float64 of derivatives of the model by their orders. */
interface Golden {
  readonly ns: readonly number[];
  readonly rank: number;
  readonly width: number;
  readonly activation: 'sin' | 'tanh';
  readonly omegas: readonly number[];
  readonly gate: boolean;
  readonly frequencies?: readonly number[];
  readonly scale: number;
  readonly terms: string;
  readonly hasSource?: boolean;
  residual(u: (...orders: readonly number[]) => number, x: readonly number[]): number;
}

const goldens: Readonly<Record<string, Golden>> = {
  'of two axes and of the fourth order, gated, tanh': {
    ...{ ns: [4, 3], rank: 2, width: 3, activation: 'tanh', omegas: [1, 1.5, 2], gate: true, scale: 0.5 },
    ...{ terms: 'u_t0 + 2*u*u_x1 - 0.5*u_x1x1x1x1 + x1^2', hasSource: true },
    residual: (u, [, x]) => u(1, 0) + 2 * u(0, 0) * u(0, 1) - 0.5 * u(0, 4) + x ** 2,
  },
  'of three axes, plain, sine of features': {
    ...{ ns: [3, 2, 4], rank: 3, width: 4, activation: 'sin', omegas: [3, 1.25], gate: false, scale: 1 },
    ...{ frequencies: [0.25, 0.5], hasSource: true },
    terms: 'u_t0 - 0.05*(u_x1^2 + u*u_x1x1 + u_x2**2 + u u_x2x2)',
    residual: u => u(1) - 0.05 * (u(0, 1) ** 2 + u() * u(0, 2) + u(0, 0, 1) ** 2 + u() * u(0, 0, 2)),
  },
  'of four axes, gated, sine': {
    ...{ ns: [2, 3, 2, 2], rank: 2, width: 3, activation: 'sin', omegas: [2, 0.5, 1], gate: true, scale: 2 },
    terms: 'u_t0t0 - u_x1x1 - u_x2x2 - u_x3x3 + u^2 - sin(u) x3',
    residual: (u, x) => u(2) - u(0, 2) - u(0, 0, 2) - u(0, 0, 0, 2) + u() ** 2 - Math.sin(u()) * x[3],
  },
  'of five axes, plain, tanh, with mixed derivatives': {
    ...{ ns: [2, 2, 3, 2, 2], rank: 2, width: 3, activation: 'tanh', omegas: [1, 2], gate: false, scale: 1 },
    ...{ terms: 'u_t0 - (u_x1x1 + u_x2x2)/3 + u_x1x3*u_x4 - exp(t0)', hasSource: true },
    residual: (u, [t]) => u(1) - (u(0, 2) + u(0, 0, 2)) / 3 + u(0, 1, 0, 1) * u(0, 0, 0, 0, 1) - Math.exp(t),
  },
};

/** A coordinate, or its features, each with its derivatives up to the fourth. */
function inputAt(x: number, frequencies: readonly number[]): number[][] {
  if (frequencies.length === 0) return [[x, 1, 0, 0, 0]];
  const turned = (shift: number) =>
    frequencies.map(b =>
      [0, 1, 2, 3, 4].map(k => (2 * Math.PI * b) ** k * Math.cos(2 * Math.PI * b * x + shift + (k * Math.PI) / 2)),
    );
  return [...turned(0), ...turned(-Math.PI / 2)];
}

/** Every combination of indices, row-major. */
function indicesOf([n, ...rest]: readonly number[]): number[][] {
  if (n === undefined) return [[]];
  return Array.from({ length: n }, (_, i) => indicesOf(rest).map(others => [i, ...others])).flat();
}

for (const [what, golden] of Object.entries(goldens)) {
  test(`a golden case ${what}, has every quantity of the float64 twin`, async () => {
    const { ns, rank, width, activation, omegas, gate, frequencies = [], scale, terms, hasSource, residual } = golden;
    const depth = omegas.length + 1;
    const shape: JetShape = {
      ...{ inputs: Math.max(1, 2 * frequencies.length), width, outputs: rank, depth },
      ...{ name: activation === 'sin' ? 'sine' : 'tanh', omegas, gated: gate },
    };
    const count = countOf(shape);
    const parameters = randoms(ns.length * count);
    const coords = ns.map(n => [...randoms(n)]);
    const indices = indicesOf(ns);
    const source = randoms(indices.length).map(f => (hasSource ? f : 0));
    const jetsOf = (at: Float64Array) =>
      coords.map((axis, d) =>
        axis.map(x => jetNetwork(at.subarray(d * count, (d + 1) * count), inputAt(x, frequencies), shape)),
      );
    const residuals = (at: Float64Array) => {
      const jets = jetsOf(at);
      return indices.map((index, i) => {
        const here = index.map((point, d) => jets[d][point]);
        const u = (...orders: readonly number[]) =>
          scale *
          fieldAt(
            here,
            ns.map((_, d) => orders[d] ?? 0),
          );
        return (
          residual(
            u,
            index.map((point, d) => coords[d][point]),
          ) - source[i]
        );
      });
    };
    const params: Record<string, number[] | number[][]> = {};
    const named = ns.flatMap((_, axis) => {
      let at = axis * count;
      return jetLayerShapes(shape).map(([rows, columns], matrix) => {
        const gateName = matrix === depth ? 'U' : 'V';
        const [weights, biases] =
          matrix < depth
            ? [`d${axis}.W${matrix}`, `d${axis}.b${matrix}`]
            : [`d${axis}.${gateName}.W`, `d${axis}.${gateName}.b`];
        const all = Array.from({ length: rows }, (__, row) => [
          ...parameters.slice(at + row * columns, at + (row + 1) * columns),
        ]);
        at += rows * columns;
        params[weights] = all.map(row => row.slice(0, -1));
        params[biases] = all.map(row => row[columns - 1]);
        return [weights, biases];
      });
    });
    const given = {
      ...{ name: what, kind: 'cp', case: 'jets', ns, ranks: rank, W: width, depth, activation, gate, omegas, scale },
      ...{ fourier_B: frequencies.length > 0 ? frequencies : null, coords, params, terms },
      ...(hasSource && { source: nest([...source], ns) }),
    };
    const found = await runCase(engine, requireCase(given) as JetsCase);
    const expected = residuals(parameters);
    requireNorm('residual', flat(found.residual as number[][]), expected, 1e-5);
    const halfSquares = (all: readonly number[]) => all.reduce((sum, r) => sum + (r * r) / 2, 0);
    requireClose('loss', [found.loss_value as number], [halfSquares(expected)], { relative: 1e-5 });
    const jets = jetsOf(parameters);
    requireNorm(
      'jets',
      flat(found.jets as number[][]),
      jets.flatMap(axis => [0, 1, 2].flatMap(k => axis.flatMap(point => point.map(one => one[k])))),
      1e-5,
    );
    const gradient = someGradient(at => Float64Array.of(halfSquares(residuals(at))), parameters);
    const byName = found.grad_plain as Record<string, number[] & number[][]>;
    const joined = named.flatMap(([weights, biases]) =>
      (byName[weights] as number[][]).flatMap((row, i) => [...row, (byName[biases] as number[])[i]]),
    );
    requireNorm('gradient', someOf(joined), gradient, 1e-5);
  });
}
