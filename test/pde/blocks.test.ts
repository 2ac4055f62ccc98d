/** Blocks of grids by time: at 50 GFLOP/s no dispatch that grows with a block is above 50 ms, and training in them is as on whole grids. */

import { sizeOf, stackOf } from '../../src/buffer/layout.js';
import type { Graph } from '../../src/graph/operation.js';
import type { Plan } from '../../src/graph/plan.js';
import type { Dispatch } from '../../src/kernel/dispatch.js';
import { mostInDispatch } from '../../src/kernel/pace.js';
import { contractFields } from '../../src/ops/contraction/contractFields.js';
import { fill } from '../../src/ops/elementwise/fill.js';
import { vjp } from '../../src/ops/vjp.js';
import {
  type Discretisation,
  discretise,
  equationsGrid,
  jetRows,
  type ProblemGrid,
  shapeOfRanges,
} from '../../src/pde/discretisation.js';
import { type GridUses, inBlocks } from '../../src/pde/training/blocks.js';
import { adam, sepPgd, sgd } from '../../src/public/node.js';
import {
  jetArchitecture,
  type Problem,
  ProblemTrainer,
  type ProblemTrainerOptions,
  problems,
  residualSepPgd,
} from '../../src/public/pde.js';
import { require, requireClose, requireEqual, requireNorm } from '../helpers/compare.js';
import { atRate, device, engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('blocks');
/** Of what compiles many texts, as a GPU has them. */
const seconds = 600;

const mostOperations = (dispatches: readonly Dispatch[]) => Math.max(...dispatches.map(({ work }) => work.operations));

/** What a block's fields and their cotangents dispatch, of no memory: by all jets, or by those of one network. */
function dispatchesOn(of: Discretisation, rank: number, { points, fields: terms }: ProblemGrid, by?: number) {
  return engine.dispatchesOf((graph: Graph) => {
    const jets = fill(graph, stackOf(of.orders.map((_, p) => [jetRows(of, p), rank])), 0);
    const fields = contractFields(jets, {
      axes: of.counts.length,
      scale: 1,
      orders: of.orders,
      points,
      fields: terms,
      ...(by !== undefined && { by }),
    });
    return { gradient: vjp(fields, fields, [jets])[0] };
  });
}

/** The points of a grid whose blocks these are, each as often as it stands in one. */
function pointsIn(blocks: readonly ProblemGrid[]): number {
  return blocks.reduce((sum, { points }) => sum + sizeOf(shapeOfRanges(points)), 0);
}

const phone = 5e10;
const large: readonly (readonly [name: string, points: number | Readonly<Record<string, number>>, rank: number])[] = [
  ['klein-gordon-4d', 128, 64],
  ['navier-stokes-3d', { t: 20, x: 41, y: 33, z: 36 }, 64],
  ['flow-mixing', { t: 100, x: 301, y: 203 }, 256],
  ['heat-6d', { t: 17, x: 16, y: 13, z: 16, v: 15, w: 14 }, 64],
  ['poisson', 4096, 256],
];

for (const [name, points, rank] of large) {
  test(`${name} at 50 GFLOP/s: blocks as large as 50 ms allow, and no dispatch of one above them`, async () => {
    const whole = discretise(problems[name as keyof typeof problems]() as Problem, points);
    const bytes = 2 ** 27;
    const blocksAt = (rate: number) => atRate(rate, () => inBlocks(engine, whole, rank, bytes));
    const { grids } = await blocksAt(phone);
    const { grids: fast } = await blocksAt(1e15);
    for (const grid of whole.grids) {
      const own = grids.filter(one => one.name === grid.name);
      requireEqual(`points of ${grid.name}`, pointsIn(own), sizeOf(shapeOfRanges(grid.points)));
      requireEqual(`starts of ${grid.name}`, new Set(own.map(one => one.points.join())).size, own.length);
    }
    const blocks = grids.filter(one => one.name === equationsGrid);
    const most = mostInDispatch(1, phone);
    const found: number[] = [];
    for (const by of [undefined, ...whole.orders.keys()]) {
      for (const block of [blocks[0], blocks[blocks.length - 1]]) {
        found.push(mostOperations(await dispatchesOn(whole, rank, block, by)));
      }
    }
    const took = Math.max(...found);
    require(`${blocks.length} blocks: ${took} of ${most} operations`, took <= most && took > most / 5);
    const bound = fast.filter(one => one.name === equationsGrid).length;
    require(`${blocks.length} blocks, ${bound} by memory alone`, blocks.length > bound);
  });
}

const network = jetArchitecture({ width: 8, rank: 5 });
const plansIn = (trainer: ProblemTrainer) => (trainer as unknown as { plans: { step: Plan; evaluate: Plan } }).plans;
const solvedIn = (trainer: ProblemTrainer) =>
  (trainer as unknown as { lastLayers: { plans: { networks: Record<'linearise' | 'apply', Plan>[] } } }).lastLayers
    .plans.networks;
/** 200,000 operations in 50 ms: more than a layer of the networks has. */
const slow = 4e6;

for (const [name, points, lastLayers] of [
  ['klein-gordon-4d', { t: 12, x: 9, y: 11, z: 7 }, undefined],
  ['navier-stokes-3d', { t: 5, x: 7, y: 4, z: 6 }, undefined],
  ['poisson', { x: 120, y: 110 }, { iterations: 5, damping: 1e-3 }],
] as const) {
  test(
    `${name}: every dispatch of the plans made for a slow device is within its time, and they train as whole grids`,
    async () => {
      const create = () =>
        ProblemTrainer.create(engine, {
          problem: problems[name as keyof typeof problems]() as Problem,
          network,
          points,
          optimiser: sgd({ learningRate: 1e-4 }),
          ...(lastLayers && { lastLayers }),
        });
      const [whole, blocks] = [await create(), await atRate(slow, () => create())];
      const most = mostInDispatch(1, slow);
      const longest = (of: ProblemTrainer) => {
        const { step, evaluate } = plansIn(of);
        const solved = lastLayers ? solvedIn(of) : [];
        const all = [step, evaluate, ...solved.flatMap(({ linearise, apply }) => [linearise, apply])];
        return Math.max(...all.map(({ dispatches }) => mostOperations(dispatches)));
      };
      require(`${longest(blocks)} and ${longest(whole)} operations`, longest(blocks) <= most && longest(whole) > most);
      requireClose('losses', await blocks.advance(3), await whole.advance(3), { relative: 1e-5 });
      requireNorm('parameters', (await blocks.state()).parameters, (await whole.state()).parameters, 1e-6);
      const [one, other] = [await blocks.evaluate(), await whole.evaluate()];
      requireEqual('names', Object.keys(one), Object.keys(other));
      requireClose('of grids', Object.values(one), Object.values(other), { relative: 1e-4 });
      if (lastLayers) {
        for (const trainer of [whole, blocks]) await trainer.solveLastLayers();
        const solved = async (of: ProblemTrainer) => Object.values(await of.evaluate());
        requireClose('solved', await solved(blocks), await solved(whole), { relative: 1e-2 });
      }
      for (const trainer of [whole, blocks]) trainer.dispose();
    },
    seconds,
  );
}

test('a fast device, and a processor whose rate nobody set, have the blocks that memory asks for', async () => {
  const whole = discretise(problems['klein-gordon-4d'](), 64);
  const blocks = (uses?: GridUses) => inBlocks(engine, whole, 64, 2 ** 27, uses);
  const count = async (found: Promise<Discretisation>) => (await found).grids.length;
  const fitting = await count(atRate(1e15, blocks));
  require('by time', (await count(atRate(phone, blocks))) > fitting);
  if (device.cpu) requireEqual('nothing is measured', [await count(blocks()), device.rate], [fitting, undefined]);
});

test(
  'what is preconditioned whole is not cut for time',
  async () => {
    const options = { problem: problems.poisson(), network, points: 9, optimiser: adam({ learningRate: 1e-3 }) };
    const gridsOf = async (more: Partial<ProblemTrainerOptions>) => {
      const trainer = await atRate(slow / 200, () => ProblemTrainer.create(engine, { ...options, ...more }));
      await trainer.advance(2);
      const { dispatches } = trainer.work;
      trainer.dispose();
      return dispatches;
    };
    const plain = await gridsOf({});
    const residual = await gridsOf({ residualPreconditioner: residualSepPgd({ topK: 2, draws: 1 }) });
    require(`${plain} dispatches, ${residual} of whole equations`, residual < plain);
    await gridsOf({ preconditioners: grid => (grid === 'x-faces' ? sepPgd({ topK: 1 }) : undefined) });
  },
  seconds,
);

test(
  'on a GPU of which nothing is known the rate is measured where it matters, and once',
  async () => {
    const { cpu } = device;
    Object.defineProperty(device, 'cpu', { value: false, configurable: true, writable: true });
    try {
      const small = discretise(problems['klein-gordon-4d'](), 8);
      const few = await inBlocks(engine, small, 4, 2 ** 27);
      requireEqual('a small problem', [few.grids.length, device.rate], [small.grids.length, undefined]);
      // Above what a phone makes in its time, by little: a block as it would have is measured.
      const wide = discretise(problems.poisson(), 640);
      const found = await inBlocks(engine, wide, 2048, 2 ** 27);
      const { rate } = device;
      require(`${rate} FLOP/s`, rate !== undefined && rate > 1e6 && rate < 1e15);
      const first = found.grids[0];
      const most = mostInDispatch(1, rate);
      require('in time', mostOperations(await dispatchesOn(wide, 2048, first)) <= most);
      requireEqual('the same again', (await inBlocks(engine, wide, 2048, 2 ** 27)).grids.length, found.grids.length);
      requireEqual('not again', device.rate, rate);
    } finally {
      device.rate = undefined;
      Object.defineProperty(device, 'cpu', { value: cpu, configurable: true, writable: true });
    }
  },
  seconds,
);
