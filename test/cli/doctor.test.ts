/** What the self-test says of a family that is wrong. */

import { Bench, compared, type Family, mostOfNarrow } from '../../src/cli/doctor/bench.js';
import { eigenpairs } from '../../src/cli/doctor/eigenpairs.js';
import { schedulesOn } from '../../src/cli/doctor/products.js';
import { testOf } from '../../src/cli/doctor/selfTest.js';
import { Tape } from '../../src/cli/doctor/twins/tape.js';
import type { Device } from '../../src/device/device.js';
import type { Engine } from '../../src/graph/engine.js';
import type { Plan } from '../../src/graph/plan.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel } from '../../src/model/model.js';
import { multiply } from '../../src/ops/elementwise/multiply.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { chooseCut } from '../../src/schedule/cut.js';
import { candidates } from '../../src/schedule/table.js';
import { Trainer } from '../../src/train/trainer.js';
import { requireClose, requireEqual } from '../helpers/compare.js';
import * as gpu from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('self-test');
const engine = {} as Engine;

/** @param wrong what one quantity is instead of 4. */
function familyOf(wrong: number): Family {
  return {
    name: 'numbers',
    run: async () => [
      compared('the first', [1, 2.000001], [1, 2], 1e-5),
      compared('the second', [1, wrong], [1, 4], 1e-3),
      compared('the third', [3], [3], 0),
    ],
  };
}

test('a family says which quantity is wrong, and by how much; one that is right what is nearest to wrong', async () => {
  const { passed, quantity, error, checks } = await testOf(familyOf(5), engine);
  requireEqual('wrong', [passed, quantity, error, checks], [false, 'the second', 0.25, 3]);
  const right = await testOf(familyOf(4.001), engine);
  requireEqual('right', [right.passed, right.quantity], [true, 'the second']);
  requireEqual('NaN', (await testOf(familyOf(Number.NaN), engine)).passed, false);
});

test('a number that is exact may not be off by the least, and lists of other lengths are wrong', () => {
  requireEqual('off', compared('one', [1 + 2 ** -23], [1], 0).error > 0, true);
  requireEqual('length', compared('one', [1], [1, 2], 1).error, Number.POSITIVE_INFINITY);
});

test('a family that cannot be run is wrong, with the reason', async () => {
  const refused: Family = { name: 'refused', run: () => Promise.reject(new Error('kernel adam: no such function')) };
  const { passed, reason } = await testOf(refused, engine);
  requireEqual('reason', [passed, reason], [false, 'kernel adam: no such function']);
});

test("the tape's gradients are those of the formula", () => {
  const tape = new Tape();
  const [x, y] = [tape.leaf(0.7), tape.leaf(-1.3)];
  // f = sin(x y) + 3 x y^2
  const product = tape.multiply(x, y);
  const sine = tape.apply(product, z => [Math.sin(z), Math.cos(z)]);
  const f = tape.sum([sine, tape.dot([product, tape.leaf(9)], [y], 3)]);
  tape.differentiate(f);
  const [a, b] = tape.values([x, y]);
  const expected = [b * Math.cos(a * b) + 3 * b * b, a * Math.cos(a * b) + 6 * a * b];
  requireClose('gradient', tape.gradients([x, y]), expected, { relative: 1e-14 });
  tape.differentiate(product);
  requireClose('of another', tape.gradients([x, y]), [b, a], { relative: 1e-15 });
});

test('a tape of more numbers than it has room for at first keeps them and their gradients', () => {
  const tape = new Tape();
  const numbers = Array.from({ length: 5000 }, (_, i) => tape.leaf(i % 7));
  tape.differentiate(tape.dot(numbers, numbers, 0.5));
  requireEqual(
    'values',
    [...tape.values(numbers)],
    [...numbers.keys()].map(i => i % 7),
  );
  requireEqual('gradients', [...tape.gradients(numbers)], [...tape.values(numbers)]);
});

test('what is computed as on a device of few workgroups an axis goes in two dimensions of them', async () => {
  const plans: Plan[] = [];
  const compile = gpu.engine.compile.bind(gpu.engine) as unknown as (...given: unknown[]) => Promise<Plan>;
  const noted = async (...given: unknown[]) => {
    const plan = await compile(...given);
    plans.push(plan);
    return plan;
  };
  Object.defineProperty(gpu.engine, 'compile', { value: noted, configurable: true });
  const bench = new Bench(gpu.engine);
  const [n, inner] = [4099, 3];
  const tall = bench.tensor([n, inner], bench.numbers(n * inner));
  const row = bench.tensor([1, inner], bench.numbers(inner));
  await bench.computeNarrow(graph => ({
    product: matmul(graph.read(row), graph.read(tall), { transposeRight: true }),
    square: multiply(graph.read(tall), graph.read(tall)),
  }));
  Reflect.deleteProperty(gpu.engine, 'compile');
  const workgroups = plans.flatMap(({ dispatches }) => dispatches.map(one => one.workgroups));
  requireEqual('dispatches', workgroups.length, 2);
  for (const [wide, high] of workgroups) requireEqual('folded', [wide <= mostOfNarrow, high > 1], [true, true]);
  bench.scope.dispose();
});

test('whatever the shape, a device takes a schedule of which the self-test runs the text, and no other', () => {
  const sizes = [1, 4, 5, 17, 64, 300, 1024, 5000];
  for (const cpu of [true, false]) {
    for (const subgroupSize of [undefined, 4, 8, 16, 32]) {
      const own = { cpu: { value: cpu }, subgroupSize: { value: subgroupSize }, tileOf: { value: undefined } };
      const device = Object.create(gpu.device, own) as Device;
      const taken = new Set<string>();
      for (const rows of sizes) {
        for (const columns of sizes) {
          for (const inner of sizes) {
            const { schedule } = chooseCut(device, '', { problems: [{ rows, columns, inner }] });
            taken.add(schedule.text.name);
          }
        }
      }
      // A tuner's too.
      for (const { text } of candidates(device)) taken.add(text.name);
      const run = new Set(schedulesOn(device).map(({ text }) => text.name));
      requireEqual(`${cpu ? 'a processor' : 'a GPU'}, ${subgroupSize} lanes`, [...run].sort(), [...taken].sort());
    }
  }
});

test('training makes rows orthonormal by the kernel that the self-test runs, and by no other', async () => {
  const network = architecture({ width: 5 });
  const model = defineModel({ domain: grid([12, 11]), contraction: cp({ rank: 4 }), network });
  const bench = new Bench(gpu.engine);
  const options = {
    model,
    target: new Float32Array(12 * 11),
    optimiser: sgd({ learningRate: 1 }),
    preconditioner: sepPgd({ topK: 3 }),
  };
  const trainer = bench.scope.keep(await Trainer.create(bench.engine, options));
  await trainer.advance(1);
  await eigenpairs.run(bench);
  const found = [...bench.kernels].filter(name => name.startsWith('orthonormalise'));
  bench.scope.dispose();
  requireEqual('kernels', found, [gpu.device.cpu ? 'orthonormalise' : 'orthonormalisePanels']);
});
