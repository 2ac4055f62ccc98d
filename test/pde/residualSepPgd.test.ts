/** SepPGD on a residual's cotangent: its kernels, the gradient it gives and how it goes on, against float64 twins. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../../src/host/scope.js';
import { readProblemFile, writeProblemFile } from '../../src/io/model/problemFile.js';
import { mostTopK } from '../../src/ops/eigen/leadingEigenpairs.js';
import { adam } from '../../src/optimiser/adam.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { discretise, gridAxes, type ProblemGrid } from '../../src/pde/discretisation.js';
import { shapeOf } from '../../src/pde/grid.js';
import { drawnSigns, ResidualPreconditioner } from '../../src/pde/precondition/residualSepPgd.js';
import { sepPgd, sine } from '../../src/public/index.js';
import {
  defineProblem,
  jetArchitecture,
  ProblemTrainer,
  type ProblemTrainerOptions,
  problems,
  residualSepPgd,
} from '../../src/public/pde.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { differenceVjp } from '../helpers/difference.js';
import { withFailingCompilation } from '../helpers/failing.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';
import { type JetShape, jetLayerShapes, jetNetwork } from '../reference/network/jetNetwork.js';
import { precondition, preconditioner } from '../reference/precondition/precondition.js';
import { gramOf } from '../reference/tangent/ntk.js';

const test = suite('SepPGD on residuals');

/** A nonlinear equation with a table, on unequal axes of odd numbers of points. */
const problem = defineProblem({
  name: 'odd',
  axes: { t: [0, 1], x: [0, 2], y: [-1, 1] },
  fields: ['u'],
  equations: ({ u, x }) => [
    { residual: u.dt.minus(u.times(u.dxx, 0.3), u.dyy.times(x)).minus(x.times(x)), weight: 0.7 },
  ],
  conditions: ({ u }) => [{ name: 'start', at: { t: 0 }, residual: u, weight: 2 }],
});
const points = { t: 3, x: 5, y: 4 };
const shape: JetShape = { inputs: 1, width: 4, outputs: 3, depth: 3, name: 'sine', omegas: [2, 2], gated: true };
const network = jetArchitecture({ width: 4, rank: 3, depth: 3, activation: sine, omega: 2, gated: true });
const discretisation = discretise(problem, points);
const coordinates = discretisation.points(undefined).map(own => own.map(Math.fround));
const [equation, start] = discretisation.grids as [ProblemGrid, ProblemGrid];
const count = jetLayerShapes(shape).reduce((sum, [rows, columns]) => sum + rows * columns, 0);

/** The residuals of a grid, row-major, of all networks' parameters. */
function residualsOf(grid: ProblemGrid, parameters: Float64Array): Float64Array {
  const jets = Object.values(gridAxes(discretisation, grid, coordinates)).map((axis, d) => {
    const own = parameters.slice(d * count, (d + 1) * count);
    return Array.from(axis, x => ({ x, jet: jetNetwork(own, [[x, 1, 0]], shape) }));
  });
  const [ts, xs, ys] = jets;
  const found = ts.flatMap(({ jet: t }) =>
    xs.flatMap(({ jet: x, x: at }) =>
      ys.map(({ jet: y }) => {
        const u = (i: number, j: number, k: number) => t.reduce((sum, own, r) => sum + own[i] * x[r][j] * y[r][k], 0);
        return grid === start ? u(0, 0, 0) : u(1, 0, 0) - 0.3 * u(0, 0, 0) * u(0, 2, 0) - at * u(0, 0, 2) - at * at;
      }),
    ),
  );
  return Float64Array.from(found);
}

const create = (more: Partial<ProblemTrainerOptions>) =>
  ProblemTrainer.create(engine, { problem, network, points, optimiser: sgd({ learningRate: 2 ** -7 }), ...more });

test('kernels and gradient: of a nonlinear equation of three axes, gated networks, sum and product, those of finite differences in float64', async () => {
  const sizes = shapeOf(gridAxes(discretisation, equation, coordinates));
  for (const combine of ['sum', 'product'] as const) {
    const topK = 3;
    const trainer = await create({ residualPreconditioner: residualSepPgd({ topK, combine, draws: 2 }) });
    const begin = (await trainer.state()).parameters;
    await trainer.advance(1);
    const { parameters, preconditioner: saved } = await trainer.state();
    trainer.dispose();
    const gradient = parameters.map((p, i) => (begin[i] - p) * 2 ** 7);
    const at = Float64Array.from(begin);
    const state = saved?.state as Readonly<Record<string, Float32Array>>;
    let [first, row] = [0, 0];
    const matrices = sizes.map((n, axis) => {
      const [vectors, scaled] = [state.vectors, state.scaled].map(all =>
        Float64Array.from(all.slice(first, first + n * n)),
      );
      const values = state.values.slice(row, row + n);
      first += n * n;
      row += n;
      if (combine === 'sum') {
        const kernel = kernelOf(at, sizes, axis).map(x => 0.7 ** 2 * x);
        // With V the eigenvectors of K by rows, V K V^T is diagonal.
        const turned = Float64Array.from({ length: n * n }, (_, place) => {
          const [i, j] = [Math.floor(place / n), place % n];
          let sum = 0;
          kernel.forEach((k, a) => {
            sum += vectors[i * n + Math.floor(a / n)] * k * vectors[j * n + (a % n)];
          });
          return sum;
        });
        const diagonal = turned.map((_, place) => (place % (n + 1) === 0 ? values[place / (n + 1)] : 0));
        requireNorm(`kernel of axis ${axis} in its eigenvectors`, diagonal, turned, 1e-4);
      }
      return preconditioner(vectors, scaled, Math.min(topK, n), n);
    });
    const p = precondition(residualsOf(equation, at), sizes, matrices, combine);
    const loss = (theta: Float64Array) => {
      const r = residualsOf(equation, theta);
      const own = r.reduce((sum, one, i) => sum + (2 * 0.7 * one * p[i]) / r.length, 0);
      return own + residualsOf(start, theta).reduce((sum, one, _, all) => sum + (2 * one * one) / all.length, 0);
    };
    const [expected] = differenceVjp(([theta]) => Float64Array.of(loss(theta)), [at], Float64Array.of(1));
    requireNorm(`${combine}: gradient`, gradient, expected, 1e-4);
  }
});

/** Of one axis and both drawings, by its definition. */
function kernelOf(at: Float64Array, sizes: readonly number[], axis: number): Float64Array {
  const own = at.slice(axis * count, (axis + 1) * count);
  const kernels = drawnSigns(sizes, 2).map(signs => {
    const sums = ([theta]: readonly Float64Array[]) => {
      const all = at.slice();
      all.set(theta, axis * count);
      const r = residualsOf(equation, all);
      const found = new Float64Array(sizes[axis]);
      r.forEach((one, index) => {
        const place = [
          Math.floor(index / (sizes[1] * sizes[2])),
          Math.floor(index / sizes[2]) % sizes[1],
          index % sizes[2],
        ];
        found[place[axis]] += place.reduce((product, i, d) => (d === axis ? product : product * signs[d][i]), one);
      });
      return found;
    };
    const slopes = Array.from(own, (_, i) => {
      const [above, below] = [1e-5, -1e-5].map(step => sums([own.map((one, j) => (i === j ? one + step : one))]));
      return above.map((one, j) => (one - below[j]) / 2e-5);
    });
    const gradients = Array.from({ length: sizes[axis] }, (_, i) => Float64Array.from(slopes, slope => slope[i]));
    return gramOf(gradients);
  });
  return kernels[0].map((k, i) => k + kernels[1][i]);
}

test('with S the identity a step is the plain one; with another it goes on from a state, between refreshes, to the same bits', async () => {
  const optimiser = adam({ learningRate: 1e-2 });
  const more = (topK: number, combine: 'sum' | 'product' = 'product') => ({
    optimiser,
    residualPreconditioner: residualSepPgd({ topK, combine, refresh: 5 }),
  });
  const trainers = [await create({ optimiser }), await create(more(1)), await create(more(3)), await create(more(3))];
  const [plain, identity, one, other] = trainers;
  const losses = await plain.advance(8);
  requireClose('with the identity', await identity.advance(8), losses, { relative: 1e-4 });
  const whole = [...(await one.advance(7)), ...(await one.advance(10))];
  requireClose('the first loss', [whole[0]], [losses[0]], {});
  require('other steps', whole[7] !== losses[7]);
  requireClose('in other submits', [...(await other.advance(12)), ...(await other.advance(5))], whole, {});
  const folder = mkdtempSync(join(tmpdir(), 'sepnn-'));
  const path = join(folder, 'residual.safetensors');
  await writeProblemFile(path, { training: {}, state: await other.state() });
  await one.restore((await readProblemFile(path)).state);
  rmSync(folder, { recursive: true });
  const on = await other.advance(3);
  requireClose('from a state', await one.advance(3), on, {});
  for (const trainer of trainers) trainer.dispose();
});

test('a state from before the first step goes on as the training itself, and one without the preconditioner as a new trainer', async () => {
  const more = { optimiser: adam({ learningRate: 1e-2 }), residualPreconditioner: residualSepPgd({ refresh: 2 }) };
  const [one, other] = [await create(more), await create(more)];
  const losses = await one.advance(4);
  const state = await other.state();
  await other.restore(state);
  requireClose('from the first state', await other.advance(4), losses, {});
  const { preconditioner: _, ...begin } = state;
  await other.restore(begin);
  requireClose('from nothing', await other.advance(4), losses, {});
  await other.restore(begin);
  const again = await other.state();
  requireEqual('what it finds', again.preconditioner, state.preconditioner);
  for (const trainer of [one, other]) trainer.dispose();
});

test('a state of none has it begin as a new one, and k is as many as an axis allows', async () => {
  const long = discretise(problem, { t: 3, x: 1100, y: 3 });
  await within(async scope => {
    const one = new ResidualPreconditioner(engine, scope, long, 1, residualSepPgd({ topK: 1024, draws: 1 }));
    const begin = await one.state();
    const most = mostTopK(1100);
    require(`k ${most}`, most < 1024);
    requireEqual('k', begin.topK, [3, most, 3]);
    const { vectors } = begin.state;
    require('found', one.restore({ ...begin, state: { ...begin.state, vectors: vectors.map(x => x + 1) } }));
    require('none', !one.restore(undefined));
    requireClose('vectors', (await one.state()).state.vectors, vectors, {});
  });
});

test('where its refresh fails to compile, nothing is left on the device', async () => {
  const before = engine.memory.bytes;
  const work = () => create({ residualPreconditioner: residualSepPgd() });
  require('it fails', !(await withFailingCompilation(1, work)));
  requireEqual('bytes', engine.memory.bytes, before);
});

test('what it cannot serve is refused in one line', async () => {
  const residualPreconditioner = residualSepPgd();
  const slabs = () => create({ residualPreconditioner, slabBytes: 4 * 5 * 20 * 2 });
  await requireThrows('slabs', slabs, 'InputError', /^residual-seppgd: odd goes in blocks/);
  await requireThrows('drawn', () => create({ residualPreconditioner, redraw: 5 }), 'InputError', /leave redraw out/);
  const several = () => create({ residualPreconditioner, problem: problems['navier-stokes-3d'](), points: 3 });
  await requireThrows('several', several, 'InputError', /has \d equations of \d fields: it takes one of one field/);
  const both = () =>
    create({ residualPreconditioner, preconditioners: (_, { length }) => sepPgd({ topK: Array(length).fill(1) }) });
  await requireThrows('both', both, 'InputError', /of equations beside residualPreconditioner: .* leave one out/);
  const none = { ...problem, equations: problem.equations.map(one => ({ ...one, weight: 0 })) };
  await requireThrows('none', () => create({ residualPreconditioner, problem: none }), 'InputError', /no equation/);
  for (const [options, message] of [
    [{ topK: 0 }, /topK: 0/],
    [{ combine: 'mean' as 'sum' }, /combine: .*mean/],
    [{ refresh: 0.5 }, /refresh: 0.5/],
    [{ draws: -1 }, /draws: -1/],
  ] as const) {
    await requireThrows('options', async () => residualSepPgd(options), 'InputError', message);
  }
  requireEqual('defaults', Object.keys(residualPreconditioner), ['topK', 'combine', 'refresh', 'draws']);
});
