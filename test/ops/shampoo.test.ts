/** Shampoo of one side: its operations against their float64 twins, and the optimiser as a trainer has it. */

import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel } from '../../src/model/model.js';
import type { Parameter } from '../../src/model/parameters.js';
import {
  gramMean as gramMeanOnDevice,
  inverseRoot as inverseRootOnDevice,
  toUnit,
} from '../../src/ops/optimiser/shampoo.js';
import { minimaxPolynomials } from '../../src/optimiser/polynomials.js';
import { shampoo } from '../../src/optimiser/shampoo.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import { requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { gramMean } from '../reference/optimiser/gramMean.js';
import { inverseRoot } from '../reference/optimiser/inverseRoot.js';
import { unitNorm } from '../reference/optimiser/unitNorm.js';

const test = suite('shampoo');
const join = (parts: readonly Float64Array[]) => Float64Array.from(parts.flatMap(part => [...part]));

/** Of symmetric matrices one after the other: what stands on and above their diagonals. */
function upper(values: ArrayLike<number>, sides: readonly number[]): number[] {
  let start = 0;
  return sides.flatMap(n => {
    const kept = Array.from({ length: n * n }, (_, at) => ({ at, value: values[start + at] }));
    start += n * n;
    return kept.filter(({ at }) => at % n >= Math.floor(at / n)).map(({ value }) => value);
  });
}

test('gramMean: the mean of G G^T, or G^T G of what is tall, matches the float64 twin without the biases', async () => {
  const all = [
    [1, 1],
    [1, 7],
    [5, 3],
    [33, 17],
    [17, 70],
  ] as const;
  for (const sizes of [all, all.slice(2, 3), all.slice(4)]) {
    const sides = sizes.map(([r, c]) => Math.min(r, c));
    const g = sizes.map(([r, c]) => randoms(r * c));
    const a = sides.map(n => randoms(n * n));
    // A first part that is none of the matrices, and behind every row a bias.
    const stored = [randoms(6), ...g.map((one, i) => withBias(one, sizes[i]))];
    const gradient = engine.stack([[2, 3], ...sizes.map(([r, c]) => [r, c + 1])], join(stored));
    const gram = engine.stack(
      sides.map(n => [n, n]),
      join(a),
    );
    const matrices = sizes.map((_, i) => i + 1);
    const plan = await engine.compile(graph => {
      graph.assign(gram, gramMeanOnDevice(graph.read(gram), graph.read(gradient), matrices, 0.8));
    });
    await plan.run();
    const expected = join(sizes.map((size, i) => gramMean(a[i], g[i], size, 0.8)));
    requireClose('upper halves', upper(await gram.read(), sides), upper(expected, sides), { absolute: 5e-6 });
    for (const one of [plan, gradient, gram]) one.dispose();
  }
});

function withBias(w: Float64Array, [rows, columns]: readonly [number, number]): Float64Array {
  return Float64Array.from({ length: rows * (columns + 1) }, (_, at) => {
    const [row, column] = [Math.floor(at / (columns + 1)), at % (columns + 1)];
    return column === columns ? 1e3 : w[row * columns + column];
  });
}

test('inverseRoot: of matrices of any scale, given above their diagonals, it matches the float64 twin', async () => {
  const sides = [1, 3, 17, 40];
  for (const [scale, polynomials] of [
    [1, minimaxPolynomials(1)],
    [1e-9, minimaxPolynomials()],
    [1e6, minimaxPolynomials(2, 0.03)],
  ] as const) {
    const made = sides.map(n => {
      const values = Float64Array.from({ length: n }, (_, i) => scale * 0.9 * 1e-3 ** (i / n));
      return inverseRoot(values, unitNorm(randoms(n), 0), polynomials);
    });
    const below = made.map(({ a }, i) =>
      a.map((x, at) => (at % sides[i] < Math.floor(at / sides[i]) ? Number.NaN : x)),
    );
    const held = engine.stack(
      sides.map(n => [n, n]),
      join(below),
    );
    const plan = await engine.compile(graph => ({ root: inverseRootOnDevice(graph.read(held), polynomials) }));
    await plan.run();
    const found = await plan.outputs.root.read();
    let start = 0;
    made.forEach(({ root }, i) => {
      const own = found.subarray(start, start + root.length);
      start += root.length;
      requireNorm(`${sides[i]}, scale ${scale}`, own, root, 1e-4);
    });
    plan.dispose();
    held.dispose();
  }
});

test('toUnit: matrices over their norm match the float64 twin, zeros stay', async () => {
  const shapes = [
    [1, 1],
    [5, 5000],
    [170, 33],
    [2, 2],
  ] as const; // past what one workgroup adds up, and past its rows
  const values = shapes.map(([r, c], i) => (i === 3 ? new Float64Array(r * c) : randoms(r * c)));
  const held = engine.stack(shapes, join(values));
  const plan = await engine.compile(graph => ({ unit: toUnit(graph.read(held)) }));
  await plan.run();
  requireClose('matrices', await plan.outputs.unit.read(), join(values.map(one => unitNorm(one, 1e-30))), {
    absolute: 1e-6,
  });
  plan.dispose();
  held.dispose();
});

const model = defineModel({
  domain: grid([9, 7]),
  contraction: cp({ rank: 20 }), // so that the last matrices are tall
  network: architecture({ width: 12 }),
  members: 2,
});
const target = Float32Array.from({ length: 126 }, (_, i) => Math.sin(i / 5) / 2);
const optimiser = shampoo({ learningRate: step => 0.02 / (1 + step / 10), refresh: 3, weightDecay: 0.1 });
const options = { model, target, optimiser };

test('training with shampoo: the loss falls, and 12 steps equal 5, saved, and 7 more on another trainer, bit for bit', async () => {
  const whole = await Trainer.create(engine, options);
  requireEqual('steps from refresh to refresh', whole.refresh, 3);
  requireEqual('milliseconds of a refresh of no preconditioner', await whole.timeRefresh(), 0);
  const losses = [...(await whole.advance(5))];
  const saved = await whole.state();
  losses.push(...(await whole.advance(7)));
  requireEqual('the loss falls', losses[11] < losses[0] / 2, true);
  const second = await Trainer.create(engine, { ...options, seed: 5 });
  await second.advance(4);
  await second.restore(saved);
  requireClose('losses', await second.advance(7), losses.slice(5), {});
  const [one, other] = [await whole.state(), await second.state()];
  requireClose('parameters', one.parameters, other.parameters, {});
  for (const name of ['moment', 'gram', 'root', 'firstMoment', 'secondMoment']) {
    requireClose(name, one.optimiser.state[name], other.optimiser.state[name], {});
  }
  const { root: _, ...without } = saved.optimiser.state;
  const short = { ...saved, optimiser: { ...saved.optimiser, state: without } };
  await requireThrows('no root', async () => second.restore(short), 'InputError', /it needs moment, gram, root$/);
  for (const trainer of [whole, second]) trainer.dispose();
});

test("the root serves until the next refresh, which is the preconditioner's where that has one, in slabs as in the whole", async () => {
  const rootsOf = async (given: object): Promise<{ refresh: number | undefined; changes: string; loss: number }> => {
    const trainer = await Trainer.create(engine, { ...options, ...given });
    const changes: number[] = [];
    let before = new Float32Array();
    let loss = 0;
    for (let step = 0; step < 5; step++) {
      [loss] = await trainer.advance(1);
      const { root } = (await trainer.state()).optimiser.state;
      if (root.some((x, i) => x !== before[i])) changes.push(step);
      before = root as Float32Array<ArrayBuffer>;
    }
    const { refresh } = trainer;
    trainer.dispose();
    return { refresh, changes: changes.join(), loss };
  };
  const whole = await rootsOf({});
  requireEqual('whole', whole.changes, '0,3');
  const slabs = await rootsOf({ slabBytes: 224 });
  requireEqual('slabs', slabs.changes, '0,3');
  requireClose('loss', [slabs.loss], [whole.loss], { relative: 1e-4 });
  const preconditioned = await rootsOf({ preconditioner: sepPgd({ topK: 2, refresh: 4 }) });
  requireEqual('with SepPGD', [preconditioned.changes, preconditioned.refresh].join(' '), '0,4 4');
});

test('shampoo keeps moments and roots of the matrices that it is given, and of no other', async () => {
  const keptOf = async (given: object) => {
    const own = shampoo({ learningRate: 0.02, ...given });
    const trainer = await Trainer.create(engine, { ...options, optimiser: own });
    await trainer.advance(2);
    const { moment, root } = (await trainer.state()).optimiser.state;
    trainer.dispose();
    return [moment.length, root.length];
  };
  const hidden = 2 * 2 * 12 * 12; // of two axes and two members
  const second = ({ place }: Parameter) => place?.layer === 1;
  requireEqual('the second layers', await keptOf({ matrices: second }), [hidden, hidden]);
  requireEqual('by default the last too', (await keptOf({}))[0] > hidden, true);
});

test('shampoo: options out of range are refused', async () => {
  const refused = (given: object, message: RegExp) =>
    requireThrows(`${message}`, async () => shampoo({ learningRate: 0.01, ...given }), 'InputError', message);
  await refused({ learningRate: 0 }, /^learningRate/);
  await refused({ decay: 1 }, /^decay/);
  await refused({ momentum: -1 }, /^momentum/);
  await refused({ refresh: 0 }, /^refresh/);
  await refused({ polynomials: [] }, /^polynomials/);
  await refused({ iterations: 3 }, /^shampoo: option "?iterations"? is unknown/);
});
