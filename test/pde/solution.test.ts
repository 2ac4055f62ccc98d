/** Fields and their derivatives on grids of any size, tile by tile, against the float64 twin. */

import { sizeOfAll } from '../../src/buffer/layout.js';
import { adam } from '../../src/optimiser/adam.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { problemParameterShapes } from '../../src/pde/network.js';
import { fieldTerm } from '../../src/pde/solution/fields.js';
import { FieldSolver } from '../../src/pde/solution/solver.js';
import { sine } from '../../src/public/index.js';
import { jetArchitecture, ProblemTrainer, problems } from '../../src/public/pde.js';
import { require, requireBits, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { type JetShape, jetNetwork } from '../reference/network/jetNetwork.js';

const test = suite('solutions of differential equations');

test('fields and derivatives of gated networks are those of the float64 twin, with the same bits however they are tiled', async () => {
  const problem = problems.heat();
  const network = jetArchitecture({ width: 5, rank: 3, gated: true, activation: sine, omega: 2 });
  const parameters = Float32Array.from(randoms(sizeOfAll(problemParameterShapes(problem, network))));
  const fields = ['u', 'u_tx', 'u_xxx'];
  const held = engine.stack(problemParameterShapes(problem, network), parameters);
  const solver = new FieldSolver(
    engine,
    problem,
    network,
    held,
    fields.map(field => fieldTerm(problem, field)),
  );
  const axes = { t: Float32Array.from(randoms(9)), x: Float32Array.from(randoms(7)) };
  const shape: JetShape = {
    ...{ inputs: 1, width: 5, outputs: 3, depth: network.depth, name: 'sine', omegas: network.omegas, gated: true },
  };
  const half = parameters.length / 2;
  const [inTime, inSpace] = Object.values(axes).map((points, axis) =>
    [...points].map(x => jetNetwork(parameters.subarray(axis * half, (axis + 1) * half), [[x, 1, 0, 0, 0]], shape)),
  );
  const expected = [
    [0, 0],
    [1, 1],
    [0, 3],
  ].map(([k, l]) => inTime.flatMap(t => inSpace.map(x => t.reduce((sum, own, r) => sum + own[k] * x[r][l], 0))));
  const whole = await solver.whole(axes);
  fields.forEach((field, i) => {
    requireNorm(field, whole[i], expected[i], 1e-5);
  });
  for (const mostNumbers of [60, 1]) {
    const tiled = whole.map(values => new Float32Array(values.length).fill(Number.NaN));
    let tiles = 0;
    for await (const { start, shape: own, values } of solver.tiles(axes, mostNumbers)) {
      tiles++;
      values.forEach((value, i) => {
        const [field, row, column] = [Math.floor(i / (own[0] * own[1])), Math.floor(i / own[1]) % own[0], i % own[1]];
        tiled[field][(start[0] + row) * 7 + start[1] + column] = value;
      });
    }
    require(`${tiles} tiles`, tiles > 1);
    fields.forEach((field, i) => {
      requireBits(`${field} in tiles of ${mostNumbers}`, tiled[i], whole[i]);
    });
  }
  solver.dispose();
  held.dispose();
});

test('names of fields: each by its orders, and what is none is refused', async () => {
  const flow = problems['navier-stokes-3d']();
  const [, second] = flow.fields;
  requireEqual('a mixed one', fieldTerm(flow, `${second}_tzzt`), { model: 1, orders: [2, 0, 0, 2] });
  for (const name of ['p', `${second}_`, `${second}_q`, '_t', `${second}_t t`, '']) {
    await requireThrows(
      name,
      () => fieldTerm(flow, name),
      'InputError',
      /there is no ".*": use .*, or derivatives by t/,
    );
  }
  await requireThrows('an order', () => fieldTerm(flow, `${second}_xxxxx`), 'InputError', /up to order 4/);
});

test('the heat equation in 1 + 5 dimensions at 16 points an axis takes less than 1 GiB, in slabs of what every device binds', async () => {
  // All that is large has an entry for each point of the grid: at half as many an axis it is a 64th.
  const points = Number(process.env.SEPNN_TEST_HEAT_POINTS ?? 8);
  const share = (points / 16) ** 6;
  const before = engine.memory.bytes;
  const trainer = await ProblemTrainer.create(engine, {
    problem: problems['heat-6d'](),
    network: jetArchitecture({ width: 16, rank: 8 }),
    points,
    optimiser: sgd({ learningRate: 1e-3 }),
    slabBytes: 2 ** 27 * share,
  });
  const bytes = engine.memory.bytes - before;
  trainer.dispose();
  require(`${bytes} bytes`, bytes > 0 && bytes < 2 ** 30 * share);
});

test('Klein-Gordon in 3 + 1 dimensions at 32 points an axis takes less than 64 MiB, where SPINN (Cho et al. 2023) has 3 GB', async () => {
  const before = engine.memory.bytes;
  const trainer = await ProblemTrainer.create(engine, {
    problem: problems['klein-gordon-4d'](),
    network: jetArchitecture({ width: 64, rank: 32 }),
    points: 32,
    optimiser: adam({ learningRate: 1e-3 }),
  });
  const bytes = engine.memory.bytes - before;
  trainer.dispose();
  require(`${bytes} bytes`, bytes > 0 && bytes < 2 ** 26);
});
