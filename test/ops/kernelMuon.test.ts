/** Muon: its kernels against their float64 twins, and the optimiser as a trainer has it. */

import { layoutOf, packedStackOf, type Shape, sizeOfAll, stackOf } from '../../src/buffer/layout.js';
import { bitsOf } from '../../src/host/arrays.js';
import { Scope } from '../../src/host/scope.js';
import { dispatch } from '../../src/kernel/dispatch.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel } from '../../src/model/model.js';
import { parametersOf } from '../../src/model/parameters.js';
import { mirrorDispatch } from '../../src/ops/linear/mirror.js';
import { productOfParts, quadsOf } from '../../src/ops/linear/product.js';
import { clip as clipOnDevice } from '../../src/ops/optimiser/clip.js';
import { orthogonalise as orthogonaliseOnDevice } from '../../src/ops/optimiser/muon.js';
import { adam } from '../../src/optimiser/adam.js';
import { isHiddenMatrix } from '../../src/optimiser/besideRest.js';
import { clipped } from '../../src/optimiser/clipped.js';
import { muon } from '../../src/optimiser/muon.js';
import { jordanPolynomials, minimaxPolynomials } from '../../src/optimiser/polynomials.js';
import { cosineDecay, linearDecay, stepDecay, warmUp } from '../../src/optimiser/schedules.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { shampoo } from '../../src/optimiser/shampoo.js';
import { productDispatch } from '../../src/schedule/product.js';
import { Trainer } from '../../src/train/trainer.js';
import * as kernels from '../../src/wgsl/optimiser.js';
import { requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { clip } from '../reference/optimiser/clip.js';
import { muonDirection } from '../reference/optimiser/muonDirection.js';
import { muonStep } from '../reference/optimiser/muonStep.js';
import { newtonSchulz, orthogonalise, transpose } from '../reference/optimiser/newtonSchulz.js';
import { sgd as sgdTwin } from '../reference/optimiser/sgd.js';
import { squares } from '../reference/optimiser/squares.js';
import { unitNorm } from '../reference/optimiser/unitNorm.js';

const test = suite('muon');
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 7],
  [5, 3],
  [8, 8],
  [33, 17],
  [17, 70],
];

/** Part i of a stack's numbers, one after the other. */
function partsOf(values: ArrayLike<number>, shapes: readonly Shape[]): Float64Array[] {
  let at = 0;
  return shapes.map(([rows, columns]) => Float64Array.from({ length: rows * columns }, () => values[at++]));
}

const joinParts = (parts: readonly Float64Array[]) => Float64Array.from(parts.flatMap(part => [...part]));
/** [W | b] from W and b. */
const withBias = (w: Float64Array, b: Float64Array, [rows, columns]: readonly number[]) =>
  Float64Array.from({ length: rows * (columns + 1) }, (_, at) => {
    const [row, column] = [Math.floor(at / (columns + 1)), at % (columns + 1)];
    return column === columns ? b[row] : w[row * columns + column];
  });

test('muonDirection: moment, direction, its squares and what is left of the gradient match the float64 twin, tall and wide, at once', async () => {
  const [g, b, bias] = [0, 1, 2].map(kind => sizes.map(([r, c]) => randoms(kind === 2 ? r : r * c)));
  for (const lanes of [2, 8]) {
    const tile = 4 * lanes;
    const [gradient, moment] = [
      filled(stackOf(sizes.map(([r, c]) => [r, c + 1])), joinParts(g.map((w, i) => withBias(w, bias[i], sizes[i])))),
      filled(stackOf(sizes), joinParts(b)),
    ];
    const result = poisoned(stackOf(sizes.map(([r, c]) => (r > c ? [c, r] : [r, c]))));
    const tiles = sizes.map(([r, c]) => Math.ceil(r / tile) * Math.ceil(c / tile));
    const firstOf = (i: number) => tiles.slice(0, i).reduce((sum, count) => sum + count, 0);
    const squaresOfTiles = poisoned(layoutOf([firstOf(sizes.length)]));
    await run([
      dispatch(kernels.muonDirection, {
        constants: { LANES: lanes },
        problems: sizes.map(([rows, columns], i) => {
          const [from, kept, made] = [gradient, moment, result].map(({ layout }) => quadsOf(layout.parts[i]));
          return {
            rows,
            columns,
            momentum: 0.9,
            tall: Number(rows > columns),
            gradient: from.first,
            gradientStride: from.stride,
            moment: kept.first,
            momentStride: kept.stride,
            result: made.first,
            resultStride: made.stride,
            squares: firstOf(i),
          };
        }),
        buffers: {
          gradient: gradient.storage,
          moment: moment.storage,
          result: result.storage,
          squares: squaresOfTiles.storage,
        },
        workgroups: [Math.ceil(70 / tile), Math.ceil(33 / tile), sizes.length],
      }),
    ]);
    const expected = sizes.map((_, i) => muonDirection(g[i], b[i], 0.9));
    const x = expected.map((one, i) => (sizes[i][0] > sizes[i][1] ? transpose(one.x, ...sizes[i]) : one.x));
    requireClose('moments', await contentOf(moment), joinParts(expected.map(one => one.b)), { absolute: 1e-6 });
    requireClose('directions', await contentOf(result), joinParts(x), { absolute: 1e-6 });
    const left = sizes.map((size, i) => withBias(new Float64Array(size[0] * size[1]), bias[i], size));
    requireClose('gradient', await contentOf(gradient), joinParts(left), { absolute: 1e-7 });
    const sums = await contentOf(squaresOfTiles);
    const found = sizes.map((_, i) => sums.slice(firstOf(i), firstOf(i + 1)).reduce((sum, one) => sum + one, 0));
    requireClose('squares', found, x.map(squares), { absolute: 1e-6, relative: 2e-6 });
  }
});

test('unitNorm: matrices scaled by the root of a sum of parts match the float64 twin, one of zeros stays', async () => {
  const shapes = [...sizes, [3, 300], [9, 2]] as const; // past a workgroup's columns and rows
  for (const workgroup of [8, 64]) {
    const values = shapes.map(([r, c], i) => (i === 2 ? new Float64Array(r * c) : randoms(r * c)));
    const matrix = filled(stackOf(shapes), joinParts(values));
    const parts = shapes.map((_, i) => [1, 7, 8, 63, 64, 65, 100, 2][i]);
    const split = values.map((one, i) => {
      const shares = randoms(parts[i]).map(Math.abs);
      const whole = shares.reduce((sum, share) => sum + share, 0);
      return shares.map(share => (share / whole) * squares(one));
    });
    const firstOf = (i: number) => parts.slice(0, i).reduce((sum, count) => sum + count, 0);
    await run([
      dispatch(kernels.unitNorm, {
        constants: { WORKGROUP: workgroup },
        problems: shapes.map(([rows, columns], i) => {
          const { first, stride } = quadsOf(matrix.layout.parts[i]);
          return { rows, columns, matrix: first, stride, squares: firstOf(i), parts: parts[i] };
        }),
        buffers: {
          squares: filled(layoutOf([firstOf(shapes.length)]), joinParts(split)).storage,
          matrix: matrix.storage,
        },
        workgroups: [Math.ceil(300 / 4 / workgroup), Math.ceil(33 / 4), shapes.length],
      }),
    ]);
    requireClose('matrices', await contentOf(matrix), joinParts(values.map(one => unitNorm(one))), { absolute: 1e-6 });
  }
});

test('newtonSchulz: alpha A B + beta D matches the float64 twin, whole and on the upper half', async () => {
  for (const upper of [false, true]) {
    for (const [m, k, n] of [
      [1, 1, 1],
      [5, 3, 7],
      [33, 70, 33],
      [70, 70, 70],
    ].filter(([rows, , columns]) => !upper || rows === columns)) {
      const a = randoms(m * k);
      const b = upper ? transpose(a, m, k) : randoms(k * n);
      const d = randoms(m * n);
      const symmetric = upper ? d.map((_, at) => d[at] + d[(at % n) * n + Math.floor(at / n)]) : d;
      const [left, right, added] = [
        filled(layoutOf([m, k]), a),
        filled(layoutOf([k, n]), b),
        filled(layoutOf([m, n]), symmetric),
      ];
      const result = poisoned(layoutOf([m, n]));
      const { first, stride } = quadsOf(added.layout.parts[0]);
      const product = productOfParts(left.layout.parts[0], right.layout.parts[0], result.layout.parts[0], {
        alpha: 0.7,
        beta: -1.3,
      });
      await run([
        productDispatch(device, kernels.newtonSchulz, {
          problems: [{ ...product, added: first, addedStride: stride }],
          buffers: { left: left.storage, right: right.storage, added: added.storage, result: result.storage },
          upper,
        }),
        ...(upper ? [mirrorDispatch(result)] : []),
      ]);
      const expected = newtonSchulz(a, b, symmetric, [m, k, n], { alpha: 0.7, beta: -1.3 });
      requireClose(`${m} x ${k} x ${n}`, await contentOf(result), expected, { absolute: 2e-5 });
    }
  }
});

test('muonStep: matrices follow the float64 twin, biases beside them stay to the bit', async () => {
  const [w, u, bias] = [0, 1, 2].map(kind => sizes.map(([r, c]) => randoms(kind === 2 ? r : r * c)));
  const parameter = filled(
    stackOf(sizes.map(([r, c]) => [r, c + 1])),
    joinParts(w.map((one, i) => withBias(one, bias[i], sizes[i]))),
  );
  const stored = sizes.map(([r, c]) => (r > c ? [c, r] : [r, c]));
  const direction = filled(
    stackOf(stored),
    joinParts(u.map((one, i) => (sizes[i][0] > sizes[i][1] ? transpose(one, ...sizes[i]) : one))),
  );
  const settings = { rate: 0.05, decay: 0.2 };
  await run([
    dispatch(kernels.muonStep, {
      constants: { WORKGROUP: 64 },
      problems: sizes.map(([rows, columns], i) => ({
        rows,
        columns,
        scale: Math.sqrt(Math.max(1, rows / columns)),
        weightDecay: settings.decay,
        tall: Number(rows > columns),
        place: 0,
        parameter: parameter.layout.parts[i].offset,
        parameterStride: parameter.layout.parts[i].stride,
        direction: direction.layout.parts[i].offset,
        directionStride: direction.layout.parts[i].stride,
      })),
      buffers: {
        learningRate: filled(layoutOf([1]), [settings.rate]).storage,
        direction: direction.storage,
        parameter: parameter.storage,
      },
      workgroups: [Math.ceil((17 * 70) / 64 / 2), 2, sizes.length], // folded
    }),
  ]);
  const expected = sizes.map((size, i) =>
    withBias(muonStep(w[i], u[i], size, settings), Float64Array.from(Float32Array.from(bias[i])), size),
  );
  requireClose('parameters', await contentOf(parameter), joinParts(expected), { absolute: 5e-7 });
});

test("orthogonalise: one, two and five steps of Jordan's and three of minimax polynomials match the float64 twin on several matrices at once", async () => {
  const shapes = [
    [1, 1],
    [3, 5],
    [17, 33],
    [40, 40],
  ] as const;
  for (const polynomials of [jordanPolynomials(1), jordanPolynomials(2), jordanPolynomials(), minimaxPolynomials()]) {
    // Under norm 1, where minimax polynomials rise steeply, and rounding with them.
    const raw = shapes.map(([r, c]) => unitNorm(randoms(r * c)).map(x => 0.9 * x));
    const held = engine.stack(shapes, joinParts(raw));
    const plan = await engine.compile(graph => ({ found: orthogonaliseOnDevice(graph.read(held), polynomials) }));
    await plan.run();
    const found = partsOf(await plan.outputs.found.read(), shapes);
    shapes.forEach(([r, c], i) => {
      const expected = orthogonalise(raw[i], r, c, polynomials);
      requireNorm(`${r} x ${c}, ${polynomials.length} steps`, found[i], expected, 2e-5);
    });
    plan.dispose();
    held.dispose();
  }
});

const model = defineModel({
  domain: grid([9, 7]),
  contraction: cp({ rank: 5 }),
  network: architecture({ width: 12 }),
  members: 2,
});
const target = Float32Array.from({ length: 126 }, (_, i) => Math.sin(i / 5) / 2);
const options = { model, target, optimiser: muon({ learningRate: step => 0.02 / (1 + step / 10), weightDecay: 0.1 }) };

test('training with muon: the loss falls, and 12 steps equal 5, saved, and 7 more on another trainer, bit for bit', async () => {
  const whole = await Trainer.create(engine, options);
  const adamAlone = await Trainer.create(engine, { ...options, optimiser: adam({ learningRate: 0.02 }) });
  // Three steps of three products and two mirrorings; direction and its norm, step and Adam's rate: no copies.
  requireEqual('dispatches', whole.work.step.dispatches - adamAlone.work.step.dispatches, 3 * 5 + 4);
  adamAlone.dispose();
  const losses = [...(await whole.advance(5))];
  const saved = await whole.state();
  losses.push(...(await whole.advance(7)));
  requireEqual('the loss falls', losses[11] < losses[0] / 2, true);
  const second = await Trainer.create(engine, { ...options, seed: 5 });
  await second.advance(3);
  await second.restore(saved);
  requireClose('losses', await second.advance(7), losses.slice(5), {});
  const [one, other] = [await whole.state(), await second.state()];
  requireClose('parameters', one.parameters, other.parameters, {});
  for (const name of ['moment', 'firstMoment', 'secondMoment']) {
    requireClose(name, one.optimiser.state[name], other.optimiser.state[name], {});
  }
  const { moment: _, ...without } = saved.optimiser.state;
  const short = { ...saved, optimiser: { ...saved.optimiser, state: without } };
  await requireThrows('no moment', async () => second.restore(short), 'InputError', /it needs moment$/);
  for (const trainer of [whole, second]) trainer.dispose();
});

test('gradient descent beside muon and shampoo: what is no matrix goes by its moment, matrices as they do beside Adam', async () => {
  const parts = parametersOf(model);
  const shapes = parts.map(({ shape }) => shape);
  const [rate, share, momentum, steps] = [0.02, 0.25, 0.7, 3];
  const count = sizeOfAll(shapes);
  const start = Float32Array.from(randoms(count));
  const gradients = Array.from({ length: steps }, () => Float32Array.from(randoms(count)));
  for (const of of [muon, shampoo]) {
    const found = [];
    for (const rest of ['adam', 'sgd'] as const) {
      const scope = new Scope();
      const parameters = scope.keep(engine.stack(shapes, start));
      const gradient = scope.keep(engine.stack(shapes));
      const [counter, rates] = [scope.keep(engine.tensor([1])), scope.keep(engine.tensor([1], [rate]))];
      const state = of({ learningRate: rate, rest, restRate: share, momentum }).start(engine, scope, parts);
      const plan = scope.keep(
        await engine.compile(graph => {
          const step = { step: graph.read(counter), learningRate: graph.read(rates), refreshing: true };
          const now = { parameters: graph.read(parameters), gradient: graph.read(gradient) };
          graph.assign(parameters, state.update(graph, { ...step, ...now }));
        }),
      );
      for (let t = 1; t <= steps; t++) {
        counter.write(bitsOf(t));
        gradient.write(gradients[t - 1]);
        await plan.run();
      }
      found.push({ parameters: await parameters.read(), state: await state.state() });
      scope.dispose();
    }
    const [besideAdam, besideDescent] = found.map(one => partsOf(one.parameters, shapes));
    requireEqual('state', 'restMoment' in found[1].state && !('firstMoment' in found[1].state), true);
    const [given, slopes] = [partsOf(start, shapes), gradients.map(one => partsOf(one, shapes))];
    parts.forEach((part, at) => {
      const columns = part.shape[1];
      let p: Float64Array = given[at];
      let m: Float64Array = new Float64Array(p.length);
      for (let t = 0; t < steps; t++) {
        ({ p, m } = sgdTwin(p, slopes[t][at], m, { learningRate: rate * share, momentum, weightDecay: 0 }));
      }
      const isBeside = (_: number, i: number) => !isHiddenMatrix(part) || (i + 1) % columns === 0;
      const isMatrix = (x: number, i: number) => !isBeside(x, i);
      const what = `${of.name}, parameter ${at}`;
      requireClose(what, besideDescent[at].filter(isBeside), p.filter(isBeside), { absolute: 1e-6 });
      requireClose(`${what}: W`, besideDescent[at].filter(isMatrix), besideAdam[at].filter(isMatrix), {});
    });
  }
  await requireThrows(
    'unknown',
    async () => muon({ learningRate: 1, rest: 'lion' as 'sgd' }),
    'InputError',
    /^rest: "lion": use adam or sgd$/,
  );
});

test('muon in slabs: its gradient is that of the whole to the rounding of sums, and a step no farther off than that times its slope', async () => {
  const rate = 0.01;
  const runs = [];
  for (const slabBytes of [1e6, 224]) {
    const trainer = await Trainer.create(engine, { ...options, optimiser: muon({ learningRate: rate }), slabBytes });
    await trainer.advance(1);
    runs.push({ ...(await trainer.state()), dispatches: trainer.work.step.dispatches });
    trainer.dispose();
  }
  const [whole, slabs] = runs;
  requireEqual('it goes in slabs', slabs.dispatches > whole.dispatches, true);
  // The first step's moment is the gradient itself.
  const [g, other] = [whole, slabs].map(({ optimiser }) => optimiser.state.moment);
  const ulps = 4 * 2 ** -24;
  requireClose('gradient', other, g, { absolute: ulps * g.reduce((most, x) => Math.max(most, Math.abs(x)), 0) });
  const slope = minimaxPolynomials().reduce((product, [a]) => product * a, 1);
  requireClose('parameters', slabs.parameters, whole.parameters, { absolute: rate * slope * ulps });
});

test('clip: a gradient of several tensors past the norm is scaled to the float64 twin, one within it stays to the bit', async () => {
  for (const shapes of [[[1, 1]], sizes, [[70, 1001]]] as const) {
    const values = shapes.map(([r, c]) => randoms(r * c));
    const all = joinParts(values);
    const held = engine.stack(shapes, all);
    const norm = Math.sqrt(values.reduce((sum, one) => sum + squares(one), 0));
    for (const most of [norm / 3, norm * 1.01]) {
      const plan = await engine.compile(graph => ({ clipped: clipOnDevice(graph.read(held), most) }));
      await plan.run();
      requireClose(
        `${shapes.length} tensors, at most ${most}`,
        await plan.outputs.clipped.read(),
        clip(Float64Array.from(Float32Array.from(all)), most),
        {
          absolute: most < norm ? 1e-6 : 0,
        },
      );
      plan.dispose();
    }
    held.dispose();
  }
});

test('squares and clip: each kernel matches its float64 twin, on workgroups of any power of two', async () => {
  for (const workgroup of [8, 64]) {
    const values = sizes.map(([r, c]) => randoms(r * c));
    const input = filled(stackOf(sizes), joinParts(values));
    const result = poisoned(packedStackOf([[sizes.length]]));
    await run([
      dispatch(kernels.squares, {
        constants: { WORKGROUP: workgroup },
        problems: sizes.map(([rows, columns], i) => ({
          rows,
          columns,
          input: input.layout.parts[i].offset,
          inputStride: input.layout.parts[i].stride,
          result: i,
        })),
        buffers: { input: input.storage, result: result.storage },
        workgroups: [1, 1, sizes.length],
      }),
    ]);
    requireClose('squares', await contentOf(result), values.map(squares), { absolute: 1e-6, relative: 2e-6 });
    for (const count of [1, 63, 64, 65, 7001]) {
      const g = randoms(count);
      const gradient = filled(packedStackOf([[count]]), g);
      const most = Math.hypot(...g) / 2;
      await run([
        dispatch(kernels.clip, {
          constants: { WORKGROUP: workgroup },
          workgroups: [Math.ceil(count / workgroup / 2), 2, 1], // folded
          settings: { count, most },
          buffers: { squares: filled(packedStackOf([[1]]), [squares(g)]).storage, gradient: gradient.storage },
        }),
      ]);
      requireClose(`clip of ${count}`, await contentOf(gradient), clip(g, most), { absolute: 1e-6 });
    }
  }
});

test('clipped: training goes on as of gradients that are scaled, and its state is that of the optimiser itself', async () => {
  const losses: number[][] = [];
  for (const optimiser of [
    sgd({ learningRate: 1e-3 }),
    clipped(sgd({ learningRate: 1e-3 }), 1e9),
    clipped(sgd({ learningRate: 1e-3 }), 1e-3),
  ]) {
    const trainer = await Trainer.create(engine, { ...options, optimiser });
    losses.push([...(await trainer.advance(5))]);
    requireEqual('the state of', (await trainer.state()).optimiser.name, 'sgd');
    trainer.dispose();
  }
  requireClose('a norm that is never reached', losses[1], losses[0], {});
  const [falls, creeps] = [losses[0], losses[2]].map(all => all[0] - all[4]);
  requireEqual(`${creeps} is far below ${falls}`, creeps > 0 && creeps < falls / 10, true);
  await requireThrows('no norm', async () => clipped(adam({ learningRate: 1 }), 0), 'InputError', /^clipped: most/);
});

test('schedules: a cosine to 0, a tenth after so many steps, a linear beginning before either', async () => {
  const near = (what: string, found: readonly number[], expected: readonly number[]) =>
    requireClose(what, found, expected, { absolute: 1e-15 });
  near('cosine', [0, 25, 50, 100, 120].map(cosineDecay(0.2, 100)), [0.2, 0.1 * (1 + Math.SQRT1_2), 0.1, 0, 0]);
  near('linear', [0, 5, 10, 25].map(linearDecay(2, 10)), [2, 1, 0, 0]);
  near('step', [0, 9, 10, 25].map(stepDecay(1, 10)), [1, 1, 0.1, 0.01]);
  near('warm-up', [0, 1, 3, 4, 9].map(warmUp(2, 4)), [0.5, 1, 2, 2, 2]);
  near('before a cosine', [0, 50].map(warmUp(cosineDecay(0.2, 100), 10)), [0.02, 0.1]);
  for (const [bad, message] of [
    [() => cosineDecay(0, 10), /^cosineDecay: rate/],
    [() => cosineDecay(1, 0.5), /^cosineDecay: steps/],
    [() => linearDecay(0, 10), /^linearDecay: rate/],
    [() => stepDecay(1, 10, 1), /^stepDecay: factor/],
    [() => warmUp(1, 0), /^warmUp: steps/],
  ] as const) {
    await requireThrows(`${message}`, async () => bad(), 'InputError', message);
  }
});

test('minimaxPolynomials: their values on the interval go to and fro between two ends as far from 1, and no others come nearer', async () => {
  const valuesOf = (polynomials: readonly (readonly [number, number, number])[], from: number) =>
    Array.from({ length: 4001 }, (_, i) =>
      polynomials.reduce((x, [a, b, c]) => a * x + b * x ** 3 + c * x ** 5, from + ((1 - from) * i) / 4000),
    );
  for (const [count, smallest, distance] of [
    [1, 0.01, 0.9191],
    [2, 0.03, 0.3803],
    [3, 0.01, 0.2694],
    [4, 0.003, 0.1982],
    [5, 0.1, 0],
    [3, 0.9995, 0],
  ]) {
    const polynomials = minimaxPolynomials(count, smallest);
    requireEqual('polynomials', polynomials.length, count);
    const values = valuesOf(polynomials, smallest);
    const [least, greatest] = [Math.min(...values), Math.max(...values)];
    requireClose(`${count} from ${smallest}`, [1 - least, greatest - 1], [distance, distance], { absolute: 1e-4 });
    if (count > 1) continue;
    // Chebyshev's criterion: the distance comes at four places in turns, which no other of three coefficients can better.
    const turns = values.filter(x => Math.abs(Math.abs(x - 1) - distance) < 1e-4).map(x => Math.sign(x - 1));
    requireEqual('signs', turns.filter((sign, i) => sign !== turns[i - 1]).join(), '-1,1,-1,1');
  }
  await requireThrows('none', async () => minimaxPolynomials(0), 'InputError', /^minimaxPolynomials: count/);
  await requireThrows('all', async () => minimaxPolynomials(3, 1), 'InputError', /^minimaxPolynomials: smallest/);
  await requireThrows('no count', async () => jordanPolynomials(1.5), 'InputError', /^jordanPolynomials: count/);
});

test('muon: options out of range are refused', async () => {
  const refused = (given: object, message: RegExp) =>
    requireThrows(`${message}`, async () => muon({ learningRate: 0.01, ...given }), 'InputError', message);
  await refused({ learningRate: 0 }, /^learningRate/);
  await refused({ momentum: 1 }, /^momentum/);
  for (const polynomials of [[], 5, [[1, 2]], [[1, 2, '3']], [[1, 2, Number.NaN]]]) {
    await refused({ polynomials }, /^polynomials/);
  }
  await refused({ iterations: 3 }, /^muon: option iterations is unknown: use .*polynomials/);
  await refused({ restRate: 0 }, /^restRate/);
  const network = architecture({ width: 5, depth: 1 });
  const model = defineModel({ domain: grid([4, 3]), contraction: cp({ rank: 2 }), network });
  const options = { model, target: new Float32Array(12), optimiser: muon({ learningRate: 0.01 }) };
  await requireThrows(
    'no matrix',
    () => Trainer.create(engine, options),
    'InputError',
    /^muon: nothing in this model is a matrix of more than one input: use adam$/,
  );
  await refused({ nesterov: true }, /^muon: option nesterov is unknown/);
});
