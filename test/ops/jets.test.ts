/** Networks that carry derivatives, fields of them and the residuals of equations, against their float64 twins. */

import { stackOf } from '../../src/buffer/layout.js';
import { type Dispatch, dispatch, oneThreadEachOf } from '../../src/kernel/dispatch.js';
import type { SlotText } from '../../src/kernel/kernel.js';
import { contractFields, type FieldAttributes } from '../../src/ops/contraction/contractFields.js';
import {
  inputJets,
  type JetAttributes,
  jetNetwork,
  jetParameterShapes,
  jetPass,
} from '../../src/ops/network/jetNetwork.js';
import { jetTangentKernel } from '../../src/ops/tangent/jetTangentKernel.js';
import { vjp } from '../../src/ops/vjp.js';
import * as contraction from '../../src/wgsl/contraction.js';
import * as texts from '../../src/wgsl/derivatives.js';
import * as network from '../../src/wgsl/network.js';
import * as tangent from '../../src/wgsl/tangent.js';
import { requireClose, requireNear, requireNorm, requireThrows } from '../helpers/compare.js';
import { differenceVjp } from '../helpers/difference.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { stackedSums } from '../reference/contraction/stackedSums.js';
import { gatedJet } from '../reference/network/gatedJet.js';
import { gatedJetCotangent } from '../reference/network/gatedJetCotangent.js';
import { jet } from '../reference/network/jet.js';
import { jetCotangent } from '../reference/network/jetCotangent.js';
import {
  type JetActivation,
  type JetShape,
  jetLayerShapes,
  jetNetwork as jetNetworkTwin,
} from '../reference/network/jetNetwork.js';
import { blockSums } from '../reference/tangent/blockSums.js';
import { gramOf } from '../reference/tangent/ntk.js';

const test = suite('jets');
const derivativesOf: Readonly<Record<JetActivation, SlotText>> = {
  sine: texts.sineDerivatives,
  cosine: texts.cosineDerivatives,
  tanh: texts.tanhDerivatives,
};
const names = Object.keys(derivativesOf) as JetActivation[];

/** Two networks of other orders and other numbers of points. */
const batch = [
  { order: 4, points: 3 },
  { order: 1, points: 7 },
] as const;
const [columns, omega] = [5, 1.3];
const shapes = (more: number) => stackOf(batch.map(({ order, points }) => [(order + 1) * points, columns + more]));
const sizes = (more: number) => batch.map(({ order, points }) => (order + 1) * points * (columns + more));
const cutOf = (values: Float64Array, which: number, more = 0) => {
  const [first, second] = sizes(more);
  return which === 0 ? values.slice(0, first) : values.slice(first, first + second);
};
const problems = batch.map((own, which) => {
  const [input, activated] = [0, 1].map(more => shapes(more).parts[which]);
  return {
    ...own,
    columns,
    omega,
    input: input.offset,
    inputStride: input.stride,
    activated: activated.offset,
    activatedStride: activated.stride,
  };
});
const place = <Name extends string>(name: Name, layout: ReturnType<typeof shapes>, which: number) =>
  ({ [name]: layout.parts[which].offset, [`${name}Stride`]: layout.parts[which].stride }) as Record<
    Name | `${Name}Stride`,
    number
  >;
/** With a column more, as gates lie on the device: it is not read. */
const widened = (values: Float64Array) =>
  Float64Array.from(
    batch.flatMap((_, which) => {
      const own = cutOf(values, which);
      return Array.from({ length: own.length / columns }, (_, row) => [
        ...own.slice(row * columns, (row + 1) * columns),
        9,
      ]).flat();
    }),
  );
const constants = (more: number) => {
  const grid = oneThreadEachOf(
    device,
    batch.map(({ points }) => points * (columns + more)),
  );
  return { ...grid, constants: { ...grid.constants, ORDER: 4 } };
};
const total = sizes(0)[0] + sizes(0)[1];

test('jet, gatedJet and their cotangents: two networks of orders 4 and 1 match the float64 twins, every activation', async () => {
  for (const name of names) {
    const [z, u, v, g] = Array.from({ length: 4 }, () => randoms(total));
    const [input, cotangent] = [z, g].map(values => filled(shapes(0), values));
    const [closed, open] = [u, v].map(values => filled(shapes(1), widened(values)));
    const results = { jet: poisoned(shapes(1)), gated: poisoned(shapes(1)), at: poisoned(shapes(0)) };
    const gated = { at: poisoned(shapes(0)), closed: poisoned(shapes(0)), open: poisoned(shapes(0)) };
    const slots = { derivatives: derivativesOf[name] };
    const dispatches: Dispatch[] = [
      dispatch(network.jet, {
        ...constants(1),
        slots,
        problems,
        buffers: { input: input.storage, result: results.jet.storage },
      }),
      dispatch(network.gatedJet, {
        ...constants(1),
        slots,
        problems,
        buffers: {
          input: input.storage,
          closed: closed.storage,
          open: open.storage,
          result: results.gated.storage,
        },
      }),
      dispatch(network.jetCotangent, {
        ...constants(0),
        slots,
        problems,
        buffers: { input: input.storage, cotangent: cotangent.storage, result: results.at.storage },
      }),
      ...[false, true].map(adds =>
        dispatch(network.gatedJetCotangent, {
          ...constants(0),
          constants: { ...constants(0).constants, ADDS: adds },
          slots,
          problems,
          buffers: {
            input: input.storage,
            closed: closed.storage,
            open: open.storage,
            cotangent: cotangent.storage,
            result: gated.at.storage,
            closedCotangent: gated.closed.storage,
            openCotangent: gated.open.storage,
          },
        }),
      ),
    ];
    await run(dispatches);
    const found = {
      jet: await contentOf(results.jet),
      gated: await contentOf(results.gated),
      at: await contentOf(results.at),
      atZ: await contentOf(gated.at),
      atU: await contentOf(gated.closed),
      atV: await contentOf(gated.open),
    };
    batch.forEach(({ order, points }, which) => {
      const own = (values: ArrayLike<number>, more = 0) => cutOf(Float64Array.from(values), which, more);
      const [zi, ui, vi, gi] = [z, u, v, g].map(values => own(values));
      const what = `${name}, network ${which}`;
      requireNorm(`${what}: jet`, own(found.jet, 1), jet(zi, points, columns, order, omega, name), 1e-6);
      const twin = gatedJet(zi, ui, vi, points, columns, order, omega, name);
      requireNorm(`${what}: gated jet`, own(found.gated, 1), twin, 1e-6);
      const at = jetCotangent(zi, gi, points, columns, order, omega, name);
      requireNorm(`${what}: cotangent`, own(found.at), at, 1e-6);
      const [atZ, atU, atV] = gatedJetCotangent(zi, ui, vi, gi, points, columns, order, omega, name);
      requireNorm(`${what}: cotangent at Z`, own(found.atZ), atZ, 1e-6);
      const twice = (values: Float64Array) => values.map(x => 2 * x);
      requireNorm(`${what}: cotangent at U, added twice`, own(found.atU), twice(atU), 1e-6);
      requireNorm(`${what}: cotangent at V, added twice`, own(found.atV), twice(atV), 1e-6);
    });
  }
});

test('stackedSums: none, one and three matrices into rows of larger ones match the float64 twin', async () => {
  const [wide, rows, start] = [6, 7, 2];
  const matrices = Array.from({ length: 4 }, () => randoms(3 * wide));
  const input = filled(
    stackOf(matrices.map(() => [3, wide])),
    matrices.flatMap(values => [...values]),
  );
  const users = [[], [0], [1, 2, 3]];
  const result = poisoned(stackOf(users.map(() => [rows, wide])));
  const problems = users.map((own, i) => ({
    rows,
    quads: 2,
    start,
    end: start + 3,
    count: own.length,
    input: input.layout.parts[own[0] ?? 0].offset / 4,
    inputStride: 2,
    result: result.layout.parts[i].offset / 4,
    resultStride: 2,
  }));
  await run([
    dispatch(contraction.stackedSums, {
      ...oneThreadEachOf(
        device,
        problems.map(() => rows * 2),
      ),
      problems,
      buffers: { input: input.storage, result: result.storage },
    }),
  ]);
  const expected = users.flatMap(own => [
    ...stackedSums(
      own.map(i => matrices[i]),
      rows,
      wide,
      start,
    ),
  ]);
  requireClose('sums', await contentOf(result), expected, { absolute: 1e-6 });
});

interface Networks extends Omit<JetAttributes, 'derivatives'> {
  readonly name: JetActivation;
  readonly points: readonly Float64Array[];
  readonly outputs: number;
  /** All networks' parameters. */
  readonly parameters: Float64Array;
}

const shapeOf = ({ depth, width, omegas, name, outputs, gated }: Networks): JetShape => ({
  inputs: 1,
  width,
  outputs,
  depth,
  name,
  omegas,
  gated,
});

function countOf(networks: Networks): number {
  return jetLayerShapes(shapeOf(networks)).reduce((sum, [rows, wide]) => sum + rows * wide, 0);
}

/** Weights as sine networks start with them: the first layer's in [-1, 1], the others' in sqrt(6 / width) / omega. */
function initial(networks: Omit<Networks, 'parameters'>): Float64Array {
  const shape = shapeOf({ ...networks, parameters: new Float64Array() });
  return Float64Array.from(
    networks.points.flatMap(() =>
      jetLayerShapes(shape).flatMap(([rows, wide]) => [
        ...randoms(rows * wide, wide === 2 ? 1 : Math.sqrt(6 / (wide - 1)) / Math.abs(networks.omegas[0])),
      ]),
    ),
  );
}

/** Jets of every network as the engine stores them. */
function twin(networks: Networks, parameters: ArrayLike<number> = networks.parameters): Float64Array {
  const { points, orders, outputs } = networks;
  const count = countOf(networks);
  return Float64Array.from(
    points.flatMap((own, i) => {
      const values = Array.from(parameters).slice(i * count, (i + 1) * count);
      const jets = [...own].map(x => {
        const input = Array.from({ length: orders[i] + 1 }, (_, k) => (k === 0 ? x : k === 1 ? 1 : 0));
        return jetNetworkTwin(values, [input], shapeOf(networks));
      });
      return Array.from({ length: orders[i] + 1 }, (_, k) => jets.map(jetsOf => jetsOf.map(one => one[k]))).flat(2);
    }),
  ).slice(
    0,
    points.reduce((sum, own, i) => sum + own.length * (orders[i] + 1) * outputs, 0),
  );
}

/** The engine's jets, and the gradient of <cotangent, jets>. */
async function onDevice(networks: Networks, cotangent: Float64Array) {
  const { points, orders, outputs, parameters, name } = networks;
  const matrices = points.flatMap(() => jetParameterShapes(1, outputs, networks));
  const held = engine.stack(matrices, parameters);
  const input = engine.stack(
    points.map((own, i) => [(orders[i] + 1) * own.length, 2]),
    points.flatMap((own, i) => [...inputJets(own, orders[i])]),
  );
  const seed = engine.stack(
    points.map((own, i) => [(orders[i] + 1) * own.length, outputs]),
    cotangent,
  );
  const plan = await engine.compile(graph => {
    const at = graph.read(held);
    const jets = jetNetwork(at, graph.read(input), { ...networks, derivatives: derivativesOf[name] });
    return { jets, gradient: vjp(jets, graph.read(seed), [at])[0] };
  });
  await plan.run();
  const found = { jets: await plan.outputs.jets.read(), gradient: await plan.outputs.gradient.read() };
  plan.dispose();
  for (const tensor of [held, input, seed]) tensor.dispose();
  return found;
}

function networksOf(given: Omit<Networks, 'parameters' | 'points'>, counts: readonly number[]): Networks {
  const points = counts.map(n => randoms(n));
  return { ...given, points, parameters: initial({ ...given, points }) };
}

test('jetNetwork: to second order at omega 30 and to fourth at omega 5, each derivative within 1e-4 of the float64 twin', async () => {
  for (const [name, gated, order, omega] of [
    ['sine', false, 2, 30],
    ['sine', true, 2, 30],
    ['sine', false, 4, 5],
    ['sine', true, 4, 5],
    ['tanh', true, 2, 6],
    ['tanh', false, 4, 1],
    ['cosine', false, 4, 5],
  ] as const) {
    const networks = networksOf(
      { name, depth: 4, width: 19, outputs: 6, omegas: [omega, omega, omega], orders: [order, 1], gated },
      [9, 6],
    );
    const expected = twin(networks);
    const { jets } = await onDevice(networks, expected);
    const size = 9 * 6;
    for (let k = 0; k <= order; k++) {
      const [from, to] = [k * size, (k + 1) * size];
      const what = `${name}${gated ? ', gated' : ''}, omega ${omega}: derivative ${k}`;
      requireNorm(what, jets.slice(from, to), expected.slice(from, to), 1e-4);
    }
    requireNorm('the other network', jets.slice((order + 1) * size), expected.slice((order + 1) * size), 1e-4);
  }
});

test('jetNetwork: the gradient through jets of order 4 and 2 equals finite differences of the twin, depths 1 to 4, gated from 3 on', async () => {
  for (const [i, depth] of [1, 2, 3, 4].entries()) {
    const gated = depth > 2;
    const name = names[i % 3];
    const networks = networksOf(
      { name, depth, width: 5, outputs: 3, omegas: Array<number>(depth - 1).fill(1.5), orders: [4, 2], gated },
      [3, 5],
    );
    const cotangent = randoms(twin(networks).length);
    const { gradient } = await onDevice(networks, cotangent);
    const [expected] = differenceVjp(([p]) => twin(networks, p), [networks.parameters], cotangent, 1e-5);
    requireNorm(`${name}, depth ${depth}${gated ? ', gated' : ''}`, gradient, expected, 1e-5);
  }
});

test('jetNetwork: a gradient that sums over 131,072 points is off by no more than is promised of a long sum', async () => {
  const count = 2 ** 17;
  // Each term is rounded the same way as long as the sum has the same exponent: one after the other they lose 2e-3.
  const x = Math.fround(0.1);
  const shape = { name: 'sine', depth: 1, width: 1, outputs: 1, omegas: [], orders: [0], gated: false } as const;
  const networks = { ...shape, points: [new Float64Array(count).fill(x)], parameters: randoms(2) };
  const { gradient } = await onDevice(networks, new Float64Array(count).fill(1));
  const expected = [count * x, count];
  requireNear('gradient', gradient, expected, expected, (4096 + count / 4096 + 256) * 2 ** -24);
});

test('blockSums: the blocks of 1, 9 and 25 in a matrix, whole and in part, match the float64 twin, symmetric to the bit', async () => {
  const sums = [
    { points: 7, blocks: 1, rows: 7 },
    { points: 5, blocks: 3, rows: 3 },
    { points: 9, blocks: 5, rows: 9 },
  ];
  const matrices = sums.map(({ points, blocks }) => {
    const n = points * blocks;
    const values = randoms(n * n);
    return values.map((_, at) => values[Math.max(at, (at % n) * n + Math.floor(at / n))]);
  });
  const input = filled(
    stackOf(sums.map(({ points, blocks }) => [points * blocks, points * blocks])),
    matrices.flatMap(values => [...values]),
  );
  const result = poisoned(stackOf(sums.map(({ rows }) => [rows, rows])));
  const problems = sums.map((own, i) =>
    Object.assign({ ...own }, place('input', input.layout, i), place('result', result.layout, i)),
  );
  await run([
    dispatch(tangent.blockSums, {
      ...oneThreadEachOf(
        device,
        sums.map(({ rows }) => rows * rows),
      ),
      problems,
      buffers: { input: input.storage, result: result.storage },
    }),
  ]);
  const found = await contentOf(result);
  const expected = sums.flatMap(({ points, blocks, rows }, i) => [...blockSums(matrices[i], points, blocks, rows)]);
  requireClose('sums', found, expected, { absolute: 3e-6 });
  let first = 0;
  for (const { rows } of sums) {
    const own = Array.from({ length: rows * rows }, (_, at) => found[first + at]);
    const turned = own.map((_, at) => own[(at % rows) * rows + Math.floor(at / rows)]);
    requireClose('symmetry', own, turned, {});
    first += rows * rows;
  }
});

test('jetTangentKernel: of any cotangent, orders 4, 2 and 0, depths 1 to 4, gated from 3 on, on some of the points, equals explicit gradients', async () => {
  for (const [i, depth] of [1, 2, 3, 4].entries()) {
    const gated = depth > 2;
    const name = names[i % 3];
    const orders = [4, 2, 0];
    const networks = networksOf(
      { name, depth, width: 5, outputs: 3, omegas: Array<number>(depth - 1).fill(1.5), orders, gated },
      [3, 5, 4],
    );
    const rows = [3, 4, 2];
    const { outputs } = networks;
    const cotangent = randoms(twin(networks).length);
    const held = engine.stack(
      orders.flatMap(() => jetParameterShapes(1, outputs, networks)),
      networks.parameters,
    );
    const input = engine.stack(
      networks.points.map((own, at) => [(orders[at] + 1) * own.length, 2]),
      networks.points.flatMap((own, at) => [...inputJets(own, orders[at])]),
    );
    const seed = engine.stack(
      networks.points.map((own, at) => [(orders[at] + 1) * own.length, outputs]),
      cotangent,
    );
    const plan = await engine.compile(graph => {
      const attributes = { ...networks, derivatives: derivativesOf[name] };
      const { pass } = jetPass(graph.read(held), graph.read(input), attributes);
      return { kernel: jetTangentKernel(pass, graph.read(seed), rows) };
    });
    await plan.run();
    let first = 0;
    const expected = networks.points.flatMap((own, at) => {
      const [count, whole] = [countOf(networks), first];
      first += (orders[at] + 1) * own.length * outputs;
      const values = networks.parameters.slice(at * count, (at + 1) * count);
      const gradientAt = (point: number) => {
        const jets = ([p]: readonly Float64Array[]) => {
          const input = Array.from({ length: orders[at] + 1 }, (_, k) => (k === 0 ? own[point] : k === 1 ? 1 : 0));
          return Float64Array.from(jetNetworkTwin(p, [input], shapeOf(networks)).flat());
        };
        const g = Float64Array.from({ length: outputs * (orders[at] + 1) }, (_, j) => {
          const [r, k] = [Math.floor(j / (orders[at] + 1)), j % (orders[at] + 1)];
          return cotangent[whole + (k * own.length + point) * outputs + r];
        });
        return differenceVjp(jets, [values], g, 1e-5)[0];
      };
      return [...gramOf(Array.from({ length: rows[at] }, (_, point) => gradientAt(point)))];
    });
    const what = `${name}, depth ${depth}${gated ? ', gated' : ''}`;
    requireNorm(what, await plan.outputs.kernel.read(), expected, 1e-5);
    plan.dispose();
    for (const tensor of [held, input, seed]) tensor.dispose();
  }
});

test('contractFields: values, first, second and mixed derivatives on part of the points, and their VJP, match sums in float64', async () => {
  for (const [axes, counts, points] of [
    [
      2,
      [5, 9],
      [
        [0, 4],
        [2, 9],
      ],
    ],
    [
      3,
      [4, 3, 6],
      [
        [1, 4],
        [0, 1],
        [0, 5],
      ],
    ],
  ] as const) {
    const [rank, orders] = [6, Array.from({ length: 2 * axes }, (_, at) => (at % axes === 0 ? 2 : 1))];
    const fields = [
      { model: 0, orders: Array<number>(axes).fill(0) },
      { model: 0, orders: Array.from({ length: axes }, (_, d) => (d === 0 ? 2 : 0)) },
      { model: 1, orders: Array<number>(axes).fill(1) },
      { model: 0, orders: Array.from({ length: axes }, (_, d) => (d === axes - 1 ? 1 : 0)) },
    ];
    const attributes: FieldAttributes = { axes, scale: 0.7, orders, points, fields };
    const all = orders.map((order, at) => randoms((order + 1) * counts[at % axes] * rank));
    const twinFields = (jets: readonly Float64Array[]) =>
      Float64Array.from(
        fields.flatMap(({ model, orders: own }) => {
          const rows = points.map(([from, to], d) =>
            Array.from({ length: to - from }, (_, i) => {
              const row = own[d] * counts[d] + from + i;
              return jets[model * axes + d].slice(row * rank, (row + 1) * rank);
            }),
          );
          const products = rows.reduce<Float64Array[]>(
            (before, axis) => before.flatMap(one => axis.map(row => one.map((x, r) => x * row[r]))),
            [new Float64Array(rank).fill(attributes.scale)],
          );
          return products.map(product => product.reduce((sum, x) => sum + x, 0));
        }),
      );
    const expected = twinFields(all);
    const cotangent = randoms(expected.length);
    const grid = points.map(([from, to]) => to - from);
    const jets = engine.stack(
      orders.map((order, at) => [(order + 1) * counts[at % axes], rank]),
      all.flatMap(values => [...values]),
    );
    const seed = engine.stack(
      fields.map(() => grid),
      cotangent,
    );
    const plan = await engine.compile(graph => {
      const at = graph.read(jets);
      const found = contractFields(at, attributes);
      const byOne = contractFields(at, { ...attributes, by: axes });
      return { found, gradient: vjp(found, graph.read(seed), [at])[0], one: vjp(byOne, graph.read(seed), [at])[0] };
    });
    await plan.run();
    requireNorm(`${axes} axes: fields`, await plan.outputs.found.read(), expected, 1e-6);
    const gradient = differenceVjp(twinFields, all, cotangent, 1).flatMap(values => [...values]);
    requireNorm(`${axes} axes: VJP`, await plan.outputs.gradient.read(), gradient, 1e-6);
    // The matrix of the first axis of the second model.
    const start = all.slice(0, axes).reduce((sum, { length }) => sum + length, 0);
    const own = gradient.map((value, at) => (at >= start && at < start + all[axes].length ? value : 0));
    requireNorm(`${axes} axes: VJP by one matrix`, await plan.outputs.one.read(), own, 1e-6);
    plan.dispose();
    jets.dispose();
    seed.dispose();
  }
});

test('what networks and fields cannot carry is refused by name', async () => {
  const graph = engine.trialGraph();
  const attributes = {
    depth: 2,
    width: 3,
    derivatives: texts.sineDerivatives,
    omegas: [1],
    orders: [2],
    gated: false,
  };
  const parameters = engine.stack(jetParameterShapes(1, 4, attributes));
  const input = (rows: number) => engine.tensor([rows, 2]);
  const build = (rows: number, more: Partial<JetAttributes>) => () =>
    jetNetwork(graph.read(parameters), graph.read(input(rows)), { ...attributes, ...more });
  await requireThrows('rows', build(7, {}), 'InputError', /\(7, 2\) has no rows for 3 orders/);
  await requireThrows('order', build(6, { orders: [5] }), 'InputError', /order of network 0: 5/);
  await requireThrows('a shallow gate', build(6, { gated: true }), 'InputError', /depth: 2/);
  const jets = graph.read(
    engine.stack([
      [6, 4],
      [6, 4],
    ]),
  );
  const fields =
    (order: number, to = 2) =>
    () =>
      contractFields(jets, {
        axes: 2,
        scale: 1,
        orders: [2, 2],
        points: [
          [0, to],
          [0, 2],
        ],
        fields: [{ model: 0, orders: [order, 0] }],
      });
  await requireThrows(
    'derivative',
    fields(3),
    'InputError',
    /no derivative of orders \(3, 0\): its jets reach \(2, 2\)/,
  );
  await requireThrows('points', fields(0, 3), 'InputError', /matrix 0 of .* has no points 0 to 3/);
});
