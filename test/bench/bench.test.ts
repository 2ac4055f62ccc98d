/** The benchmark's own machinery at tiny sizes, the peers on the same device included. */

import { eigenCase } from '../../bench/cases/eigen.js';
import { eighCase } from '../../bench/cases/eigh.js';
import { encodeMicroseconds } from '../../bench/cases/encode.js';
import { equationCase, equationTask } from '../../bench/cases/equationStep.js';
import { kernelsCase } from '../../bench/cases/kernels.js';
import { productCase } from '../../bench/cases/products.js';
import { stepCase } from '../../bench/cases/steps.js';
import { contest } from '../../bench/contest.js';
import { openPeer } from '../../bench/peers/open.js';
import type { Peer } from '../../bench/peers/peer.js';
import { charts, tables } from '../../bench/report.js';
import { peerNames } from '../../src/cli/bench.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { device, engine } from '../helpers/gpu.js';
import { atEnd, suite } from '../helpers/suite.js';
import { jetNetwork } from '../reference/network/jetNetwork.js';

const test = suite('benchmark');
const numbers = { multiplied: 2 ** 16, copied: 2 ** 24 };
const roofline = { gflops: 1, chains: 2, gigabytes: 1, numbers, clock: 'host' } as const;
const brief = { rounds: 3, milliseconds: 1 };
/** Waiting as their own users do, and as we do. */
const peersTwice = peerNames.flatMap(name => [name, `${name}, our wait`]);
const peers: Peer[] = [];
for (const name of peerNames) peers.push(await openPeer(name, device));
atEnd(async () => {
  for (const peer of peers) peer.dispose();
});

test('contenders take turns in a moving order, and ratios are taken within a round', async () => {
  const order: string[] = [];
  let clock = 0;
  const contender = (name: string, each: number, unit = 1) => ({
    name,
    unit,
    run: async (times: number) => {
      requireEqual(`${name}: ${times} runs`, times % unit, 0);
      order.push(name);
      clock += each * times;
    },
  });
  const contenders = [contender('a', 2), contender('b', 5, 3), contender('slow', 5000)];
  const standings = await contest(contenders, { rounds: 4, milliseconds: 20, now: () => clock });
  requireEqual('order', order.join(' '), 'a a b b slow slow a b slow b slow a a b a b');
  requireEqual(
    'medians',
    standings.map(({ milliseconds }) => milliseconds.median),
    [2, 5, 5000],
  );
  requireEqual(
    'ratios',
    standings.map(({ ratio }) => ratio.median),
    [1, 2.5, 2500],
  );
  requireEqual(
    'rounds',
    standings.map(({ rounds }) => rounds),
    [4, 4, 2],
  );
});

test('products of ours and of every peer match the float64 twin at an odd size', async () => {
  const { standings, absent } = await productCase(engine, peers, 17, roofline, brief);
  requireEqual('absent', absent, {});
  requireEqual(
    'contenders',
    standings.map(({ name }) => name),
    ['sepnn', ...peersTwice, 'FMA peak'],
  );
});

for (const grid of [
  [13, 9],
  [5, 4, 6],
]) {
  test(`steps on ${grid.join(' x ')}: ours has the losses of the float64 twin, and every peer ours after five steps`, async () => {
    const shape = { grid, rank: 5, width: 7, topK: 3 };
    const { standings, absent, work } = await stepCase(engine, peers, shape, brief);
    requireEqual('absent', absent, {});
    const checked = standings.filter(({ error }) => error !== undefined).map(({ name }) => name);
    requireEqual('checked', checked, ['SepPGD, S fixed', ...peersTwice]);
    require(`a step of ${work.step.dispatches} dispatches`, work.step.dispatches <= 20);
  });
}

/** With peers whose shaders for it take a minute to compile. */
const equationPeers = process.env.SEPNN_TEST_EQUATION_PEERS === '1' ? peers : [];

test('a step on Klein-Gordon: the task that peers are set has our loss in float64, and each of them after five steps', async () => {
  const shape = { points: 4, rank: 3, width: 5 };
  const { standings, absent, bytes } = await equationCase(engine, equationPeers, shape, brief);
  requireEqual('absent', absent, {});
  requireEqual('contenders', standings.length, 1 + 2 * equationPeers.length);
  require(`${bytes} bytes`, bytes > 0);
  const before = engine.memory.bytes;
  const now = () => {
    throw new Error('no clock');
  };
  await requireThrows('no clock', () => equationCase(engine, [], shape, { ...brief, now }), 'Error', /no clock/);
  requireEqual('bytes left', engine.memory.bytes, before);
  const { setup, trainer } = await equationTask(engine, shape);
  const losses = await trainer.evaluate();
  trainer.dispose();
  const jets = setup.coordinates.map((axis, d) =>
    [...axis].map(x => {
      const parameters = setup.parameters[d].flatMap(layer => [...layer]);
      const network = {
        inputs: 1,
        width: 5,
        outputs: 3,
        depth: 4,
        name: 'tanh',
        omegas: [1, 1, 1],
        gated: false,
      } as const;
      return jetNetwork(parameters, [[x, 1, 0]], network);
    }),
  );
  const field = (index: readonly number[], orders: readonly number[]) =>
    [0, 1, 2].reduce((sum, r) => sum + index.reduce((product, i, d) => product * jets[d][i][r][orders[d]], 1), 0);
  const meanSquare = (ranges: readonly (readonly [number, number])[], at: (index: number[], i: number) => number) => {
    const [t, x, y] = ranges.map(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
    const all = t.flatMap(i => x.flatMap(j => y.map(k => [i, j, k])));
    return all.reduce((sum, index, i) => sum + at(index, i) ** 2, 0) / all.length;
  };
  const expected = [
    meanSquare(
      setup.grid.map(n => [0, n]),
      (at, i) =>
        field(at, [2, 0, 0]) -
        field(at, [0, 2, 0]) -
        field(at, [0, 0, 2]) +
        field(at, [0, 0, 0]) ** 2 -
        setup.source[i],
    ),
    ...setup.conditions.map(
      ({ ranges, target, weight }) => weight * meanSquare(ranges, (at, i) => field(at, [0, 0, 0]) - target[i]),
    ),
  ];
  requireClose('losses', Object.values(losses), expected, { relative: 1e-5 });
});

test('encoding is timed on the null backend, whatever that leaves in memory', async () => {
  const microseconds = await encodeMicroseconds();
  require(`${microseconds} us a step`, microseconds > 1 && microseconds < 10_000);
});

test('every kernel of a step is timed, and the report names them', async () => {
  const kernels = await kernelsCase(engine, 16, roofline);
  require('a kernel without a time', kernels.dispatches.every(({ milliseconds }) => milliseconds > 0));
  require(`encoding a step: ${kernels.encodeMicroseconds} us`, kernels.encodeMicroseconds > 0);
  const eigen = await eigenCase(engine, 40, brief);
  const eigh = await eighCase(engine, { size: 9, count: 3 }, brief);
  requireEqual(
    'full decompositions by',
    eigh.standings.map(({ name }) => name),
    ['eigh', 'ml-matrix (float64)'],
  );
  require('ml-matrix is not right', eigh.standings[1].residual < 1e-7 && eigh.standings[1].valueError < 1e-6);
  const result = {
    adapter: engine.adapter,
    versions: {},
    roofline,
    kernels: [kernels],
    eigen: [eigen],
    eigh: [eigh],
    products: [],
    steps: [],
    equations: [],
    growth: [],
  };
  const text = tables(result).join('\n');
  for (const { kernel } of kernels.dispatches) require(`${kernel} is missing`, text.includes(kernel));
  requireEqual('charts of nothing', charts(result), {});
});
