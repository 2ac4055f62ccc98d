/** Last layers solved by alternating least squares: against normal equations in float64, in blocks, from a state. */

import { adam } from '../../src/optimiser/adam.js';
import { discretise } from '../../src/pde/discretisation.js';
import { type GridUses, inBlocks } from '../../src/pde/training/blocks.js';
import {
  defineProblem,
  given,
  jetArchitecture,
  type LastLayerOptions,
  ProblemTrainer,
  type ProblemTrainerOptions,
} from '../../src/public/pde.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { withFailingCompilation } from '../helpers/failing.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';
import { jetNetwork } from '../reference/network/jetNetwork.js';
import {
  alternatingLeastSquares,
  type Features,
  type LeastSquares,
  lossOf,
} from '../reference/pde/alternatingLeastSquares.js';

const test = suite('last layers');

const [rank, width, depth] = [2, 3, 3];
const network = jetArchitecture({ rank, width, depth });
const force = ([t, x, y]: readonly number[]) => Math.sin(2 * x) * y - t;
/** Slopes that are constant, that hold a field, and that hold a coordinate. */
const problem = defineProblem({
  name: 'three axes',
  axes: { t: [0, 1], x: [-1, 1], y: [0, 2] },
  fields: ['u'],
  equations: ({ u, x }) => [
    {
      residual: u.dt.minus(
        u.dxx.times(0.3),
        u.times(u.dy, x),
        given(p => force([p.t, p.x, p.y])),
      ),
      weight: 0.7,
    },
  ],
  conditions: ({ u }) => [
    { name: 'start', at: { t: 0 }, residual: u.minus(given(p => Math.cos(p.x * p.y))), weight: 2 },
    { name: 'faces', at: { x: [-1, 1] }, residual: u.power(2).minus(u) },
  ],
});
const counts = { t: 5, x: 6, y: 4 };
const names = ['t', 'x', 'y'] as const;
const axisPoints = names.map(axis => {
  const [from, to] = problem.axes[axis];
  const even = Array.from({ length: counts[axis] }, (_, i) => from + ((to - from) * i) / (counts[axis] - 1));
  return [...even, ...{ t: [0], x: [-1, 1], y: [] }[axis]];
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const grids: LeastSquares['grids'] = [
  {
    points: [range(0, 5), range(0, 6), range(0, 4)],
    fields: [
      [1, 0, 0],
      [0, 2, 0],
      [0, 0, 0],
      [0, 0, 1],
    ],
    weight: 0.7,
    residual: ([ut, uxx, u, uy], [i, j, k]) => {
      const at = [axisPoints[0][i], axisPoints[1][j], axisPoints[2][k]];
      return { value: ut - 0.3 * uxx - u * uy * at[1] - force(at), slopes: [1, -0.3, -uy * at[1], -u * at[1]] };
    },
  },
  {
    points: [[5], range(0, 6), range(0, 4)],
    fields: [[0, 0, 0]],
    weight: 2,
    residual: ([u], [, j, k]) => ({ value: u - Math.cos(axisPoints[1][j] * axisPoints[2][k]), slopes: [1] }),
  },
  {
    points: [range(0, 5), [6, 7], range(0, 4)],
    fields: [[0, 0, 0]],
    weight: 1,
    residual: ([u]) => ({ value: u * u - u, slopes: [2 * u - 1] }),
  },
];

/** Numbers of a network and of the layers before its last. */
const before = width * 2 + width * (width + 1);
const size = before + rank * (width + 1);
const lastLayers = (parameters: Float32Array) =>
  names.map((_, d) =>
    Array.from({ length: rank }, (_, r) => {
      const from = d * size + before + r * (width + 1);
      return [...parameters.subarray(from, from + width + 1)];
    }),
  );
/** By a network whose last layer hands on what it takes. */
function featuresOf(parameters: Float32Array): Features[] {
  const identity = range(0, width).flatMap(i => range(0, width + 1).map(j => (i === j ? 1 : 0)));
  const { omegas } = network;
  const shape = { inputs: 1, width, outputs: width, depth, name: 'tanh', omegas, gated: false } as const;
  return names.map((_, d) => {
    const own = [...parameters.subarray(d * size, d * size + before), ...identity];
    const jets = axisPoints[d].map(x => jetNetwork(own, [[x, 1, 0]], shape));
    return range(0, 3).map(k => jets.map(jet => [...jet.map(one => one[k]), k === 0 ? 1 : 0]));
  });
}

const create = (more: Partial<ProblemTrainerOptions>) =>
  ProblemTrainer.create(engine, {
    problem,
    network,
    points: counts,
    optimiser: adam({ learningRate: 1e-2 }),
    seed: 4,
    ...more,
  });

const lossIn = async (trainer: ProblemTrainer) => Object.values(await trainer.evaluate()).reduce((a, b) => a + b);

test('a turn is the damped least squares of each axis in float64, and the loss falls to theirs', async () => {
  const damping = 3e-3;
  const trainer = await create({ lastLayers: { damping } });
  const { parameters } = await trainer.state();
  const twin = { features: featuresOf(parameters), grids, damping };
  const layers = lastLayers(parameters);
  const loss = await lossIn(trainer);
  requireClose('the loss', [loss], [lossOf(twin, layers)], { relative: 1e-5 });
  await trainer.solveLastLayers();
  const { parameters: after, step } = await trainer.state();
  requireEqual('it is no step', step, 0);
  const wanted = alternatingLeastSquares(twin, layers);
  const found = lastLayers(after);
  names.forEach((axis, d) => {
    requireNorm(`the last layer of ${axis}`, found[d].flat(), wanted[d].flat(), 1e-4);
    const [own, first] = [after, parameters].map(all => [...all.subarray(d * size, d * size + before)]);
    requireClose(`the layers before that of ${axis}`, own, first, {});
  });
  requireClose('the loss after', [await lossIn(trainer)], [lossOf(twin, wanted)], { relative: 1e-3 });
  require('it fell', lossOf(twin, wanted) < 0.7 * loss);
  trainer.dispose();
});

test('after steps on points drawn anew: from a state to the same bits; in blocks to the same loss', async () => {
  const lastLayers = { iterations: 4, damping: 1e-4 };
  const [one, other] = [await create({ lastLayers, redraw: 4 }), await create({ lastLayers, redraw: 4 })];
  for (const trainer of [one, other]) {
    await trainer.advance(5);
    await trainer.solveLastLayers();
  }
  const state = await other.state();
  await other.advance(1);
  await other.restore(state);
  for (const trainer of [one, other]) {
    await trainer.solveLastLayers();
    await trainer.advance(2);
  }
  requireEqual('parameters', (await other.state()).parameters, (await one.state()).parameters);
  const [whole, slabs] = [await create({ lastLayers }), await create({ lastLayers, slabBytes: 4 * 6 * 24 * 2 })];
  require('there are blocks', slabs.work.dispatches > whole.work.dispatches);
  for (const trainer of [whole, slabs]) await trainer.solveLastLayers();
  requireClose('in blocks', [await lossIn(slabs)], [await lossIn(whole)], { relative: 1e-3 });
  for (const trainer of [one, other, whole, slabs]) trainer.dispose();
});

test('they are solved on points at equal distances, however those of the steps are drawn', async () => {
  const lastLayers = { iterations: 4, damping: 1e-4 };
  const [even, drawn] = [await create({ lastLayers }), await create({ lastLayers, redraw: 1 })];
  const [here, there] = [await lossIn(even), await lossIn(drawn)];
  require('the steps are on other points', Math.abs(here - there) > 1e-3 * here);
  for (const trainer of [even, drawn]) await trainer.solveLastLayers();
  requireNorm('parameters', (await drawn.state()).parameters, (await even.state()).parameters, 1e-6);
  for (const trainer of [even, drawn]) trainer.dispose();
});

test('those of gated networks are solved too, their gates left as they are', async () => {
  const trainer = await create({ lastLayers: {}, network: jetArchitecture({ rank, width, depth, gated: true }) });
  const { parameters } = await trainer.state();
  const loss = await lossIn(trainer);
  await trainer.solveLastLayers();
  const { parameters: after } = await trainer.state();
  const solved = await lossIn(trainer);
  require(`the loss fell from ${loss} to ${solved}`, solved < 0.7 * loss);
  const own = parameters.length / names.length;
  const changed = [...parameters.keys()].filter(at => parameters[at] !== after[at]).map(at => at % own);
  require('the last layers alone', changed.length > 0 && changed.every(at => at >= before && at < size));
  trainer.dispose();
});

/** v stands in no weighted equation. */
const idle = defineProblem({
  name: 'idle',
  axes: { t: [0, 1], x: [0, 1] },
  fields: ['v', 'u'],
  equations: ({ u, v }) => [u.dt.minus(u), { residual: v.minus(u), weight: 0 }],
  conditions: ({ u }) => [{ name: 'start', at: { t: 0 }, residual: u.minus(1) }],
});

test('a field that stands in no weighted equation keeps its networks, and the others are solved', async () => {
  const trainer = await create({ problem: idle, points: 3, lastLayers: { iterations: 3 } });
  const { parameters } = await trainer.state();
  const first = await lossIn(trainer);
  await trainer.solveLastLayers();
  const second = await lossIn(trainer);
  require(`${first} fell to ${second}`, second < 0.9 * first);
  const { parameters: after } = await trainer.state();
  const half = parameters.length / 2;
  requireClose('networks of v', after.subarray(0, half), parameters.subarray(0, half), {});
  trainer.dispose();
});

test('where a grid holds some of the fields, the networks of the others are solved too', async () => {
  const apart = defineProblem({
    name: 'apart',
    axes: { t: [0, 1], x: [0, 1] },
    fields: ['v', 'u'],
    equations: ({ u, v }) => [u.dt.minus(v), v.dt.plus(u)],
    conditions: ({ u, v }) => [
      { name: 'start of u', at: { t: 0 }, residual: u.minus(1) },
      { name: 'start of v', at: { t: 0 }, residual: v.plus(1) },
    ],
  });
  const trainer = await create({ problem: apart, points: 3, lastLayers: {} });
  const { parameters } = await trainer.state();
  const first = await lossIn(trainer);
  await trainer.solveLastLayers();
  const second = await lossIn(trainer);
  require(`${first} fell to ${second}`, second < 0.5 * first);
  const { parameters: after } = await trainer.state();
  const quarter = parameters.length / 4;
  for (const p of [0, 1, 2, 3]) {
    const own = [...parameters.keys()].slice(p * quarter, (p + 1) * quarter);
    require(`network ${p} is solved`, own.some(at => parameters[at] !== after[at]));
  }
  trainer.dispose();
});

test('blocks are cut for what is stacked: fields and tables as one where changes vary, a table more of the equations', async () => {
  const whole = discretise(problem, counts);
  const row = 24; // of x and y
  const blocksOf = async (bytes: number, uses: GridUses) =>
    (await inBlocks(engine, whole, rank, bytes, uses)).grids.filter(({ name }) => name === 'equations').length;
  requireEqual('of 4 fields', [await blocksOf(4 * 4 * row * 5, {}), await blocksOf(4 * 4 * row * 5 - 4, {})], [1, 2]);
  requireEqual(
    'with 2 tables',
    await Promise.all([6, 5].map(n => blocksOf(4 * n * row * 5, { changes: true }))),
    [1, 2],
  );
  requireEqual('no table more than fields', await blocksOf(4 * 4 * row * 5, { residual: true }), 1);
  const tables = defineProblem({
    name: 'tables',
    axes: { t: [0, 1], x: [0, 1] },
    fields: ['u'],
    equations: ({ u, t, x }) => [u.times(t).minus(x)],
    conditions: () => [],
  });
  const ofTables = async (bytes: number, residual: boolean) =>
    (await inBlocks(engine, discretise(tables, { t: 5, x: 4 }), rank, bytes, { residual })).grids.length;
  requireEqual('tables', [await ofTables(4 * 2 * 4 * 5, false), await ofTables(4 * 2 * 4 * 5, true)], [1, 2]);
  requireEqual('a table more', [await ofTables(4 * 3 * 4 * 5, true), await ofTables(4 * 3 * 4 * 5 - 4, true)], [1, 2]);
  const slabBytes = 4 * 4 * row * 5;
  const [plain, solved] = [await create({ slabBytes }), await create({ slabBytes, lastLayers: {} })];
  require('more blocks with last layers', solved.work.dispatches > plain.work.dispatches);
  for (const trainer of [plain, solved]) trainer.dispose();
});

test('whichever compilation fails, nothing is left on the device', async () => {
  const before = engine.memory.bytes;
  let failing = 0;
  for (let isMade = false; !isMade; failing++) {
    isMade = await withFailingCompilation(failing, async () => {
      (await create({ problem: idle, points: 3, lastLayers: {} })).dispose();
    });
    requireEqual(`bytes after compilation ${failing}`, engine.memory.bytes, before);
  }
  require(`${failing} compilations`, failing > 4);
});

test('options out of range are refused by their names', async () => {
  for (const [lastLayers, told] of [
    [{ iterations: 0 }, /lastLayers: iterations/],
    [{ damping: 0 }, /lastLayers: damping/],
    [{ period: 2 }, /lastLayers: .*period/],
  ] as const) {
    await requireThrows(
      JSON.stringify(lastLayers),
      () => create({ lastLayers: lastLayers as LastLayerOptions }),
      'InputError',
      told,
    );
  }
  const large = () => create({ lastLayers: {}, network: jetArchitecture({ rank: 1025, width: 3 }) });
  await requireThrows('a rank', large, 'InputError', /lastLayers: a last layer of 1025 by 4: takes up to 1024/);
  const without = await create({});
  await requireThrows(
    'without them',
    () => without.solveLastLayers(),
    'InputError',
    /solveLastLayers: give lastLayers/,
  );
  without.dispose();
});
