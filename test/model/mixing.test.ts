/** CP models of several outputs: stacks joined, the mixing matrix, training, files and evaluation. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sizeOf } from '../../src/buffer/layout.js';
import type { Graph } from '../../src/graph/operation.js';
import { decodeSafetensors } from '../../src/io/model/safetensors.js';
import { architecture } from '../../src/model/architecture.js';
import { describeModel } from '../../src/model/codec.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { grid } from '../../src/model/domain/grid.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { defineModel, initialParameters, modelParameterShapes } from '../../src/model/model.js';
import { identity } from '../../src/model/readout/identity.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { pieces } from '../../src/ops/elementwise/pieces.js';
import { vjp } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';

import { Trainer } from '../../src/train/trainer.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { atEnd, suite } from '../helpers/suite.js';
import { requireGoesOn, requireMembersApart, smooth } from '../helpers/training.js';

const test = suite('shared outputs');
const folder = mkdtempSync(join(tmpdir(), 'sepnn-shared-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
const network = architecture({ width: 9, omega: 3 });

/** A CP model of three outputs. */
const shared = (points: readonly number[], rank: number, members = 1) =>
  defineModel({ domain: grid(points), contraction: cp({ rank }), readout: mixing({ outputs: 3 }), members, network });

test('pieces of two stacks stand in one in any order, come out of it again, and the VJP sends every cotangent home', async () => {
  const shapes = [
    [
      [5, 3],
      [1, 3],
      [7, 66],
    ],
    [[2, 3], [9]],
  ];
  const places = [
    { stack: 0, part: 2 },
    { stack: 1, part: 1 },
    { stack: 0, part: 0 },
    { stack: 1, part: 0 },
    { stack: 0, part: 1 },
  ];
  const values = shapes.map(parts => parts.map(shape => randoms(sizeOf(shape))));
  const [a, b] = shapes.map((parts, i) =>
    engine.stack(
      parts,
      values[i].flatMap(part => [...part]),
    ),
  );
  const whole = places.map(({ stack, part }) => values[stack][part]);
  const seeds = whole.map(part => randoms(part.length));
  const seed = engine.stack(
    places.map(({ stack, part }) => shapes[stack][part]),
    seeds.flatMap(part => [...part]),
  );
  const plan = await engine.compile((graph: Graph) => {
    const inputs = [graph.read(a), graph.read(b)];
    const joined = pieces(inputs, places);
    const [ofA, ofB] = vjp(joined, graph.read(seed), inputs);
    return { joined, taken: pieces([joined], [{ part: 3 }, { part: 0 }]), ofA, ofB };
  });
  await plan.run();
  const expected = (parts: readonly Float64Array[]) => Float32Array.from(parts.flatMap(part => [...part]));
  requireClose('joined', await plan.outputs.joined.read(), expected(whole), {});
  requireClose('taken', await plan.outputs.taken.read(), expected([whole[3], whole[0]]), {});
  requireClose('VJP of the first', await plan.outputs.ofA.read(), expected([seeds[2], seeds[4], seeds[0]]), {});
  requireClose('VJP of the second', await plan.outputs.ofB.read(), expected([seeds[3], seeds[1]]), {});
  plan.dispose();
  for (const tensor of [a, b, seed]) tensor.dispose();
});

test('the mixing matrix stands behind the networks, one a member, and starts with variance 1', () => {
  const model = shared([4, 5], 700, 2);
  requireEqual('shapes', modelParameterShapes(model).slice(-2), [
    [3, 700],
    [3, 700],
  ]);
  const matrices = initialParameters(model, 3).slice(-2 * 2100);
  const variance = matrices.reduce((sum, x) => sum + x * x, 0) / matrices.length;
  // The square of U(-b, b) has mean b^2 / 3 and deviation b^2 sqrt(4 / 45): five deviations of the mean are allowed.
  requireClose('variance', [variance], [1], { absolute: (5 * 3 * Math.sqrt(4 / 45)) / Math.sqrt(matrices.length) });
  require('bounded', matrices.every(x => Math.abs(x) <= Math.sqrt(3)));
  const plain = { domain: grid([4, 5]), contraction: cp({ rank: 7 }), network };
  requireEqual(
    'the readout that is none is no other model',
    describeModel(defineModel({ ...plain, readout: identity() })),
    describeModel(defineModel(plain)),
  );
});

test('counts of outputs that are none are refused, and so is a matrix on scattered points or without products', async () => {
  for (const outputs of [0, 1, 1.5, 5000]) {
    await requireThrows(
      `${outputs}`,
      async () => mixing({ outputs }),
      'InputError',
      new RegExp(`^outputs: ${outputs}: use a whole number from 2 to 4096$`),
    );
  }
  const readout = mixing({ outputs: 3 });
  const scattered = scatteredPoints({ axes: 2, points: 5 });
  await requireThrows(
    'scattered points',
    () => defineModel({ domain: scattered, contraction: cp({ rank: 3 }), readout, network }),
    'InputError',
    /^a model of 3 outputs has no form on scattered points: use members, or a grid$/,
  );
  await requireThrows(
    'no products',
    () => defineModel({ domain: grid([4, 4]), contraction: jointNetwork(), readout, network }),
    'InputError',
    /^mixing: takes a contraction that sums products at each point: use cp, or members$/,
  );
  const { onGrid, ...others } = cp({ rank: 3 });
  const { mix: _, ...unmixed } = onGrid;
  await requireThrows(
    'products that are not mixed',
    () => defineModel({ domain: grid([4, 4]), contraction: { ...others, onGrid: unmixed }, readout, network }),
    'InputError',
    /^mixing: takes a contraction that sums products at each point: use cp, or members$/,
  );
});

test('models of 2 to 6 axes and 3 outputs learn, plain and by SepPGD in both forms; the matrix moves', async () => {
  const runs = [
    { points: [13, 9], combine: undefined },
    { points: [13, 9], combine: 'product' },
    { points: [1, 8], combine: 'sum' },
    { points: [6, 5, 7], combine: 'sum' },
    { points: [2, 3, 2, 2, 2, 3], combine: 'product' },
  ] as const;
  for (const { points, combine } of runs) {
    const trainer = await Trainer.create(engine, {
      model: { ...shared(points, 8), network: architecture({ width: 16, omega: 3 }) },
      target: smooth(points, 3),
      optimiser: adam({ learningRate: 3e-3 }),
      ...(combine && { preconditioner: sepPgd({ topK: points.map(n => Math.min(n, 3)), combine }) }),
    });
    const before = (await trainer.state()).parameters.slice(-24);
    const losses = await trainer.advance(60);
    require(`${points}, ${combine}: ${losses[0]} to ${losses[59]}`, losses[59] < 0.5 * losses[0]);
    const after = (await trainer.state()).parameters.slice(-24);
    require('every entry moves', after.every((x, i) => x !== before[i]));
    trainer.dispose();
  }
}, 240);

test('two members of three outputs are two models apart: the first is what it is alone', async () => {
  const points = [7, 10];
  await requireMembersApart(members => shared(points, 5, members), smooth(points, 3), 15);
});

test('8 steps, saved to a file, and 7 more are 15; the file holds the matrix, and evaluates to what is rendered, tiled or whole', async () => {
  const points = [9, 11];
  const model = shared(points, 6);
  const path = join(folder, 'model.safetensors');
  await requireGoesOn(path, model, smooth(points, 3));
  requireEqual('matrix', decodeSafetensors('x', readFileSync(path)).tensors.get('member0.mixing')?.shape, [3, 6]);
});
