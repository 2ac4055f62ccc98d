/** Differential equations: expressions, residuals against their twin, problems, and training on them. */

import { InputError } from '../../src/errors.js';
import type { SlotText } from '../../src/kernel/kernel.js';
import { sine } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { residuals as residualsOperation } from '../../src/ops/objective/residuals.js';
import { vjp } from '../../src/ops/vjp.js';
import { adam } from '../../src/optimiser/adam.js';
import { discretise } from '../../src/pde/discretisation.js';
import { type AxisPoints, tabulated } from '../../src/pde/grid.js';
import { observed } from '../../src/pde/observed.js';
import { diffusionReference } from '../../src/pde/problems/diffusionReference.js';
import { poissonReference } from '../../src/pde/problems/poissonL.js';
import { compileResiduals } from '../../src/pde/residualText.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import {
  cos,
  defineProblem,
  type Expression,
  exp,
  given,
  type JetArchitecture,
  jetArchitecture,
  type Point,
  ProblemTrainer,
  type ProblemTrainerOptions,
  parseExpression,
  problems,
  sin,
  sqrt,
  tanh,
} from '../../src/public/pde.js';
import * as texts from '../../src/wgsl/residual.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { random, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { residuals } from '../reference/objective/residuals.js';

const test = suite('differential equations');

/** Fields and coordinates as a problem gives them. */
function symbols(): {
  readonly u: Expression;
  readonly v: Expression;
  readonly uxx: Expression;
  readonly x: Expression;
} {
  let found: ReturnType<typeof symbols> | undefined;
  defineProblem({
    name: 'symbols',
    axes: { t: [0, 1], x: [0, 1] },
    fields: ['u', 'v'],
    equations: ({ u, v, x }) => {
      found = { u, v, uxx: u.dxx, x };
      return [u];
    },
    conditions: () => [],
  });
  return found as NonNullable<typeof found>;
}

test('residuals: both texts of kernels/objective/residual match the float64 twin', async () => {
  const twins: readonly [SlotText, (u: readonly number[], g: readonly number[]) => number][] = [
    [texts.condition, ([u], [g]) => u - g],
    [texts.elementary, ([u], [g]) => Math.sin(u) + Math.cos(u) + Math.tanh(u) - g],
  ];
  const shape = [3, 7];
  for (const [text, residual] of twins) {
    const { name } = text;
    const [u, g] = [randoms(21, 2), randoms(21)];
    const twin = residuals([u], [g], [{ weight: 1, residual }], 0.3);
    const [field, table] = [engine.tensor(shape, u), engine.tensor(shape, g)];
    const plan = await engine.compile(graph => {
      const at = graph.read(field);
      const { loss, residuals: found } = residualsOperation(at, graph.read(table), { text, residuals: 1, scale: 0.3 });
      return { loss, found, cotangent: vjp(loss, 1, [at])[0] };
    });
    await plan.run();
    const { found, loss, cotangent } = plan.outputs;
    requireNorm(`${name}: residuals`, await found.read(), twin.residuals[0], 1e-6);
    requireClose(`${name}: loss`, await loss.read(), [twin.loss], { relative: 1e-6 });
    requireNorm(`${name}: cotangent`, await cotangent.read(), twin.cotangents[0], 2e-6);
    plan.dispose();
    for (const one of [field, table]) one.dispose();
  }
});

test('residuals: two equations with every function, quotients and tables match the float64 twin, and so do their cotangents', async () => {
  const { u, v, uxx, x } = symbols();
  const equations = [
    {
      residual: u
        .times(v)
        .plus(sin(u), exp(v.times(0.5)), uxx.power(3).times(x, 2))
        .minus(given(({ t }) => 3 * t)),
      weight: 0.7,
    },
    {
      residual: cos(v)
        .over(sqrt(u.power(2).plus(1)))
        .minus(tanh(uxx.times(x)), x.power(-2).times(u)),
      weight: 2,
    },
  ];
  const twinEquations = [
    {
      weight: 0.7,
      residual: ([a, b, c]: readonly number[], [t, at]: readonly number[]) =>
        a * b + Math.sin(a) + Math.exp(b / 2) + 2 * at * c ** 3 - 3 * t,
    },
    {
      weight: 2,
      residual: ([a, b, c]: readonly number[], [, at]: readonly number[]) =>
        Math.cos(b) / Math.sqrt(a * a + 1) - Math.tanh(c * at) - a / at ** 2,
    },
  ];
  const compiled = compileResiduals(equations);
  requireEqual('fields', compiled.fields, [
    { field: 'u', orders: {} },
    { field: 'v', orders: {} },
    { field: 'u', orders: { x: 2 } },
  ]);
  for (const shape of [
    [5, 7],
    [1, 3],
  ]) {
    const size = shape[0] * shape[1];
    const axes = { t: randoms(shape[0]), x: randoms(shape[1]).map(one => Math.fround(Math.abs(one) + 0.5)) };
    const fields = Array.from({ length: 3 }, () => randoms(size));
    const points = [...axes.t].flatMap(t => [...axes.x].map(at => [t, at]));
    const twin = residuals(
      fields,
      [0, 1].map(axis => Float64Array.from(points, point => point[axis])),
      twinEquations,
      0.3,
    );
    const held = engine.stack(
      fields.map(() => shape),
      fields.flatMap(values => [...values]),
    );
    const table = engine.stack(
      compiled.tables.map(() => shape),
      tabulated(compiled.tables, axes),
    );
    const plan = await engine.compile(graph => {
      const at = graph.read(held);
      const { loss, residuals: found } = residualsOperation(at, graph.read(table), {
        text: compiled.text,
        residuals: 2,
        scale: 0.3,
      });
      return { loss, found, cotangents: vjp(loss, 1, [at])[0] };
    });
    await plan.run();
    const what = shape.join(' x ');
    requireNorm(
      `${what}: residuals`,
      await plan.outputs.found.read(),
      twin.residuals.flatMap(r => [...r]),
      1e-6,
    );
    requireClose(`${what}: loss`, await plan.outputs.loss.read(), [twin.loss], { relative: 1e-6 });
    const cotangents = twin.cotangents.flatMap(values => [...values]);
    requireNorm(`${what}: cotangents`, await plan.outputs.cotangents.read(), cotangents, 2e-6);
    const [point, values] = [
      { t: axes.t[0], x: axes.x[1] },
      { u: fields[0][1], v: fields[1][1], u_xx: fields[2][1] },
    ];
    const inFloat64 = compiled.evaluate(values, point, 1);
    requireClose(
      'in float64',
      inFloat64.residuals,
      twin.residuals.map(r => r[1]),
      { absolute: 1e-12 },
    );
    requireClose(
      'slopes in float64',
      inFloat64.slopes.map(slope => 0.3 * slope),
      twin.cotangents.map(values => values[1]),
      { absolute: 1e-8 },
    );
    plan.dispose();
    held.dispose();
    table.dispose();
  }
});

test('parseExpression: reads what an equation is written as, and says where it cannot', async () => {
  const names: Readonly<Record<string, number>> = { u: 0.7, u_x: -1.2, x: 0.3 };
  const value = (text: string) => {
    const read = parseExpression(text, name => (name in names ? given(() => names[name]) : undefined));
    return compileResiduals([{ residual: read, weight: 1 }]).evaluate({}, {}, 0).residuals[0];
  };
  const { u, u_x, x } = names;
  const cases: Readonly<Record<string, number>> = {
    'u - u_x + u^2': u - u_x + u ** 2,
    '-u^2 - 3': -(u ** 2) - 3,
    '0.05 * (u_x**2 + 2 u u_x) / x': (0.05 * (u_x ** 2 + 2 * u * u_x)) / x,
    'sin(3 x) exp(-u) - 1e-1': Math.sin(3 * x) * Math.exp(-u) - 0.1,
    'u / x / 2 - -u_x': u / x / 2 + u_x,
    'x^-2': x ** -2,
  };
  for (const [text, expected] of Object.entries(cases))
    requireClose(text, [value(text)], [expected], { relative: 1e-14 });
  await requireThrows('a name', () => value('u + w_x'), 'InputError', /u \+ w_x: there is no w_x/);
  await requireThrows('an end', () => value('u * (x'), 'InputError', /cannot be read at its end/);
  await requireThrows('a sign', () => value('u # x'), 'InputError', /cannot be read at # x/);
});

/** A derivative of a function of the coordinates by differences of fourth order. */
function derivative(f: (point: Point) => number, orders: Readonly<Record<string, number>>, point: Point): number {
  const axis = Object.keys(orders).find(name => orders[name] > 0);
  if (axis === undefined) return f(point);
  const h = 2e-3;
  const rest = { ...orders, [axis]: orders[axis] - 1 };
  const at = (steps: number) => derivative(f, rest, { ...point, [axis]: point[axis] + steps * h });
  return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
}

test('every problem with an exact solution has it: equations and conditions are zero there, by finite differences', () => {
  for (const { name, axes, exact, equations, conditions } of Object.values(problems).map(make => make())) {
    if (Object.keys(exact).length === 0) continue;
    for (const { residual, name: own, ...rest } of [...equations, ...conditions]) {
      const compiled = compileResiduals([{ residual, weight: 1 }]);
      for (let sample = 0; sample < 2; sample++) {
        const point: Record<string, number> = {};
        for (const [axis, [from, to]] of Object.entries(axes)) {
          const at = 'at' in rest ? (rest.at as Readonly<Record<string, number | readonly number[]>>)[axis] : undefined;
          point[axis] = at === undefined ? from + (to - from) * random() : [at].flat()[sample % [at].flat().length];
        }
        const values = compiled.fields.map(({ field, orders }) => derivative(exact[field], orders, point));
        const named = Object.fromEntries(
          compiled.fields.map(({ field, orders }, i) => [
            Object.entries(orders)
              .reduce((text, [axis, order]) => text + axis.repeat(order), `${field}_`)
              .replace(/_$/, ''),
            values[i],
          ]),
        );
        const [found] = compiled.evaluate(named, point, 0).residuals;
        const size = 1 + Math.max(...values.map(Math.abs));
        require(`${name}, ${own}: ${found} at ${JSON.stringify(point)}`, Math.abs(found) <= 1e-5 * size);
      }
    }
  }
});

test('the reference of diffusion is of second order: halving the cells takes the error to a quarter', () => {
  const at = (cells: number) => {
    const bump = (x: number, y: number) => Math.cos((Math.PI * x) / 2) ** 2 * Math.cos((Math.PI * y) / 2) ** 2;
    const { values } = diffusionReference({ start: bump, cells, times: 3 });
    const n = cells + 1;
    const stride = cells / 10;
    return Float64Array.from(
      { length: 121 },
      (_, i) => values.u[2 * n * n + Math.floor(i / 11) * stride * n + (i % 11) * stride],
    );
  };
  const [coarse, middle, fine] = [10, 20, 40].map(at);
  const distance = (a: Float64Array, b: Float64Array) => Math.hypot(...a.map((x, i) => x - b[i]));
  const ratio = distance(coarse, middle) / distance(middle, fine);
  require(`the ratio of differences is ${ratio}`, ratio > 3.3 && ratio < 5);
});

/** As a host writes one: u_t = u_xx / 4 with a source, on unequal axes. */
const hosts = defineProblem({
  name: 'of a host',
  axes: { t: [0, 1], x: [0, 2] },
  fields: ['u'],
  equations: ({ u, t, x }) => [u.dt.minus(u.dxx.over(4)).minus(x.times(x), t.times(-0.5))],
  conditions: ({ u, t }) => [
    { name: 'start', at: { t: 0 }, residual: u },
    { name: 'left', at: { x: 0 }, residual: u },
    { name: 'right', at: { x: 2 }, residual: u.minus(t.times(4)) },
  ],
  exact: { u: ({ t, x }) => t * x * x },
});

test('a problem of a host: its loss falls, the same seed gives the same bits in submits of any length, and a state goes on', async () => {
  const network = jetArchitecture({ width: 12, rank: 5 });
  const create = () =>
    ProblemTrainer.create(engine, {
      problem: hosts,
      network,
      points: { t: 6, x: 9 },
      optimiser: adam({ learningRate: 5e-3 }),
      redraw: 7,
      seed: 3,
    });
  const [one, other] = [await create(), await create()];
  const before = await one.evaluate();
  requireEqual('grids', Object.keys(before), ['equations', 'start', 'left', 'right']);
  const losses = await one.advance(16);
  const parts = [await other.advance(9)];
  const state = await other.state();
  parts.push(await other.advance(7));
  requireClose('losses in two submits', [...parts[0], ...parts[1]], losses, {});
  requireClose('the loss is the sum', [losses[0]], [Object.values(before).reduce((a, b) => a + b)], { relative: 1e-6 });
  require(`the loss fell from ${losses[0]} to ${losses[15]}`, losses[15] < 0.8 * losses[0]);
  await other.restore(state);
  requireClose('losses from the state', await other.advance(7), parts[1], {});
  const found = await one.solution({ t: [0, 0.5, 1], x: [1, 2] });
  requireEqual('numbers', found.u.length, 6);
  const none = () => one.solution({ t: [0], x: [1] }, []);
  await requireThrows('no fields', none, 'InputError', /^solution: no fields: give one or more$/);
  const wrong: readonly (readonly [axes: unknown, fields: unknown, message: RegExp])[] = [
    [undefined, ['u'], /^solution: axis t has no points: give their coordinates, such as linspace\(101\)$/],
    [{ t: 3, x: [1] }, ['u'], /^solution: axis t has no points/],
    [{ t: [0] }, ['u'], /^solution: axis x has no points/],
    [{ t: [0, Number.NaN], x: [1] }, ['u'], /^solution: axis t at 1: NaN: use a number that float32 holds$/],
    [{ t: [0], x: ['1'] }, ['u'], /^solution: axis x at 0: "1": use a number/],
    [{ t: [0], x: BigInt64Array.of(1n) }, ['u'], /^solution: axis x at 0: 1: use a number/],
    [{ t: [0], x: [1] }, 'u', /^solution: fields: "u": give a list such as \['u'\]$/],
  ];
  for (const [axes, fields, message] of wrong) {
    const solution = () => one.solution(axes as AxisPoints, fields as readonly string[]);
    await requireThrows(String(message), solution, 'InputError', message);
  }
  for (const trainer of [one, other]) trainer.dispose();
  const plain = architecture({ width: 12 }) as JetArchitecture;
  const options = { problem: hosts, network: plain, points: 6, optimiser: adam({ learningRate: 5e-3 }) };
  const message = /^network: an object is none: give jetArchitecture\(\{ width: 64 \}\)$/;
  await requireThrows('network', () => ProblemTrainer.create(engine, options), 'InputError', message);
});

test('in blocks, of numbers and of tables by their index, the losses are those of whole grids', async () => {
  const values = randoms(6 * 9);
  const problem = {
    ...hosts,
    equations: [
      {
        ...hosts.equations[0],
        residual: (hosts.equations[0].residual as Expression).minus(given((_, index) => values[index])),
      },
    ],
  };
  const create = (slabBytes?: number) =>
    ProblemTrainer.create(engine, {
      problem,
      network: jetArchitecture({ width: 8, rank: 4 }),
      points: { t: 6, x: 9 },
      optimiser: adam({ learningRate: 5e-3 }),
      ...(slabBytes && { slabBytes }),
    });
  const [whole, slabs] = [await create(), await create(4 * 2 * 12 * 4)];
  require('there are blocks', slabs.work.dispatches > whole.work.dispatches);
  requireClose('losses', await slabs.advance(10), await whole.advance(10), { relative: 1e-5 });
  const [one, other] = [await slabs.evaluate(), await whole.evaluate()];
  requireClose('of grids', Object.values(one), Object.values(other), { relative: 1e-4 });
  requireEqual('names', Object.keys(one), Object.keys(other));
  for (const trainer of [whole, slabs]) trainer.dispose();
  await requireThrows(
    'a point',
    () => create(16),
    'InputError',
    /a point of equations takes 32 bytes, above 16: raise/,
  );
});

test('data weigh nothing where the reference has no solution, and all where it has one, at its edges too', async () => {
  const trainer = await ProblemTrainer.create(engine, {
    problem: observed(problems['poisson-l'](), 1),
    network: jetArchitecture({ width: 8, rank: 4 }),
    points: 5,
    optimiser: adam({ learningRate: 1e-3 }),
  });
  const places = [-1, -0.5, 0, 0.5, 1];
  const { u } = await trainer.solution({ x: places, y: places });
  const { values, axes } = poissonReference(64);
  let sum = 0;
  u.forEach((value, at) => {
    const [i, j] = [Math.floor(at / 5), at % 5];
    if (i <= 2 || j <= 2) sum += (value - values.u[16 * (i * axes.x.length + j)]) ** 2;
  });
  requireClose('data', [(await trainer.evaluate()).data], [sum / 25], { relative: 1e-5 });
  trainer.dispose();
});

test('SepPGD on conditions and data: made once of the initial networks, it trains to other parameters, and goes on to the same bits', async () => {
  const problem = observed(hosts, 1);
  const network = jetArchitecture({ width: 8, rank: 4, activation: sine, omega: 2 });
  const create = (more: Partial<ProblemTrainerOptions>) =>
    ProblemTrainer.create(engine, {
      problem,
      network,
      points: 5,
      optimiser: adam({ learningRate: 1e-2 }),
      preconditioners: (grid, shape) =>
        grid === 'equations' ? undefined : sepPgd({ topK: shape.map(n => Math.min(n, 3)) }),
      ...more,
    });
  const [one, plain] = [await create({}), await create({ preconditioners: () => undefined })];
  const losses = [...(await one.advance(5))];
  const state = await one.state();
  losses.push(...(await one.advance(7)));
  require(`the loss fell from ${losses[0]} to ${losses[11]}`, losses[11] < 0.8 * losses[0]);
  const others = await plain.advance(3);
  requireClose('the first loss', [others[0]], [losses[0]], {});
  require('other steps', others[2] !== losses[2]);
  const again = await create({});
  await again.restore(state);
  requireClose('losses from a state', await again.advance(7), losses.slice(5), {});
  for (const trainer of [one, plain, again]) trainer.dispose();
  const gated = () => create({ network: jetArchitecture({ width: 4, rank: 2, gated: true }) });
  await requireThrows('gated networks', gated, 'InputError', /seppgd: takes conditions on the values of one field/);
  await requireThrows('drawn points', () => create({ redraw: 5 }), 'InputError', /leave redraw out/);
});

test('conditions that are not linear may meet, and u_xt and u_tx are one field', () => {
  const problem = defineProblem({
    name: 'squares',
    axes: { t: [0, 1], x: [0, 1] },
    fields: ['u'],
    equations: ({ u }) => [u.dxt.minus(u.dtx.times(2))],
    conditions: ({ u }) => [
      { name: 'start', at: { t: 0 }, residual: u.power(2).minus(4) },
      { name: 'left', at: { x: 0 }, residual: u.minus(2) },
    ],
  });
  requireEqual('fields', discretise(problem, 3).grids[0].fields, [{ model: 0, orders: [1, 1] }]);
});

test('what no problem can be is refused by name, before anything is allocated', async () => {
  const define = (more: object) => () =>
    defineProblem({
      name: 'bad',
      axes: { t: [0, 1], x: [0, 1] },
      fields: ['u'],
      equations: ({ u }) => [u.dt],
      conditions: () => [],
      ...more,
    } as Parameters<typeof defineProblem>[0]);
  type Any = Readonly<Record<string, Expression & Record<string, Expression>>>;
  const start = (more: object) => ({
    conditions: ({ u }: Any) => [
      { name: 'start', at: { t: 0 }, residual: u },
      { residual: u, ...more },
    ],
  });
  const cases: readonly (readonly [string, object, RegExp])[] = [
    ['a range of no length', { axes: { t: [0, 1], x: [2, 2] } }, /axis x goes from 2 to 2/],
    ['a field', { equations: ({ w }: Any) => [w] }, /there is no w: use t, x, u/],
    ['an axis', { equations: ({ u }: Any) => [u.dy] }, /u.dy: there is no axis y: use t, x/],
    ['an order', { equations: ({ u }: Any) => [u.dxxxxx] }, /u.dxxxxx: .* up to order 4/],
    ['weights', { equations: ({ u }: Any) => [{ residual: u.dt, weight: 0 }] }, /every weight is 0/],
    [
      'conditions',
      {
        conditions: ({ u, x }: Any) => [
          { name: 'start', at: { t: 0 }, residual: u.minus(x) },
          { name: 'right', at: { x: 1 }, residual: u },
        ],
      },
      /conditions start and right contradict each other where they meet, by 1.00 in u/,
    ],
    [
      'conditions on one face',
      {
        conditions: ({ u }: Any) => [
          { name: 'ends', at: { t: [0, 1] }, residual: u },
          { name: 'end', at: { t: 1 }, residual: u.times(2).minus(3) },
        ],
      },
      /conditions ends and end contradict each other where they meet, by 1.50 in u:/,
    ],
    [
      'conditions on a derivative',
      {
        conditions: ({ u, t }: Any) => [
          { name: 'start', at: { t: 0 }, residual: u.dx },
          { name: 'sides', at: { x: [0, 1] }, residual: u.dx.minus(t, 2) },
        ],
      },
      /conditions start and sides contradict each other where they meet, by 2.00 in u_x:/,
    ],
    [
      'conditions on half a face',
      {
        conditions: ({ u }: Any) => [
          { name: 'start', at: { t: 0 }, residual: u.minus(1).times(given(({ x }) => (x > 0.5 ? 1 : 0))) },
          { name: 'sides', at: { x: [0, 1] }, residual: u },
        ],
      },
      /conditions start and sides contradict each other where they meet, by 1.00 in u:/,
    ],
    ['a place outside', start({ name: 'b', at: { x: [0, 2] } }), /condition b: x = 2: use coordinates from 0 to 1/],
    [
      'a place',
      { conditions: ({ u }: Any) => [{ name: 'b', at: { y: 0 }, residual: u }] },
      /condition b is at y: use t, x/,
    ],
  ];
  const kinds: readonly (readonly [string, object, RegExp])[] = [
    ['axes', { axes: undefined }, /axes: undefined/],
    ['a range', { axes: { t: null, x: [0, 1] } }, /axis t: null/],
    ['a text of fields', { fields: 'u' }, /fields: "u"/],
    ['an axis for a field', { fields: ['u', 'x'] }, /x stands for two things/],
    ['a field twice', { fields: ['u', 'u'] }, /u stands for two things/],
    ['a derivative for a field', { fields: ['u', 'u_t'] }, /field "u_t": use letters and digits/],
    ['equations', { equations: 'u' }, /equations: "u": give a function/],
    ['nothing', { conditions: () => undefined }, /conditions: undefined: give a function/],
    ['an equation', { equations: () => [null] }, /null is none/],
    ['a derivative', { equations: ({ u }: Any) => [u.dx_t] }, /bad: u.dx_t: is no derivative: write u.dt, u.dtt/],
    ['a coordinate for one', { equations: ({ u }: Any) => [u.x] }, /bad: u.x: is no derivative: write u.dt, u.dtt/],
    ['a word for one', { equations: ({ u }: Any) => [u.slope] }, /undefined is none/],
    ['no name', start({ at: { x: 0 } }), /condition undefined: give each a name/],
    ['a name twice', start({ name: 'start', at: { x: 0 } }), /condition "start": give each a name/],
    ['the name of equations', start({ name: 'equations', at: { x: 0 } }), /condition "equations": give each a name/],
    ['nowhere', start({ name: 'b' }), /condition b is at no axis/],
    ['no coordinate', start({ name: 'b', at: { x: [] } }), /condition b is at no coordinate of x/],
    ['exact', { exact: { w: () => 1 } }, /exact: w/],
    ['reference', { reference: 3 }, /reference: 3/],
  ];
  for (const [what, more, message] of [...cases, ...kinds]) {
    await requireThrows(what, define(more), InputError.name, message);
  }
  const referred = (t: readonly unknown[], numbers: readonly unknown[]) => () =>
    observed(define({ reference: () => ({ axes: { t, x: [0, 1] }, values: { u: numbers } }) })(), 1);
  const references: readonly (readonly [string, readonly unknown[], readonly unknown[], RegExp])[] = [
    ['too few numbers', [0, 1], [0, 0, 0], /reference: 3 for u: give 4 numbers/],
    ['a word', [0, 1], [0, 0, '1', 0], /reference: u: number 3 is "1": give a number, or NaN/],
    ['an axis that is longer', [0, 2], [0, 0, 0, 0], /reference: t = 2: use coordinates from 0 to 1/],
    ['no number on an axis', [0, '1'], [0, 0, 0, 0], /reference: t = "1": use coordinates from 0 to 1/],
    ['half an axis', [0, 0.5], [0, 0, 0, 0], /axis t is not whole, or uneven: .* from 0 to 1/],
    ['an uneven axis', [0, 0.2, 1], [0, 0, 0, 0, 0, 0], /axis t is not whole, or uneven: .* from 0 to 1/],
  ];
  for (const [what, t, numbers, message] of references) {
    await requireThrows(what, referred(t, numbers), 'InputError', message);
  }
  const huge = define({ equations: ({ u }: Any) => [u.times(1e39)] });
  await requireThrows('a number', () => discretise(huge(), 4), 'InputError', /a number in an equation: 1e\+39/);
  const create = (points: number) => () =>
    ProblemTrainer.create(engine, {
      problem: hosts,
      network: jetArchitecture({ width: 4, rank: 2 }),
      points,
      optimiser: adam({ learningRate: 1e-3 }),
    });
  await requireThrows('points', create(2), 'InputError', /points: axis t: 2/);
  const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ problem: null }, /^problem: null is none: give what defineProblem gives$/],
    [{ problem: { ...hosts, equations: [] } }, /has no equations: give one or more$/],
    [{ optimiser: {} }, /^optimiser: an object is none: give adam/],
    [{ preconditioners: 7 }, /^preconditioners: 7: give a function of a grid/],
    [{ residualPreconditioner: 5 }, /^residualPreconditioner: 5 is none: give residualSepPgd/],
    [{ lastLayers: 'x' }, /^lastLayers: "x" is no object: give options \{ iterations/],
    [{ lastLayers: 0 }, /^lastLayers: 0 is no object/],
    [{ residualPreconditioner: {} }, /^residualPreconditioner: an object is none: give residualSepPgd/],
  ];
  for (const [change, message] of wrong) {
    const options = { problem: hosts, network: jetArchitecture({ width: 4, rank: 2 }), points: 4 };
    const all = { ...options, optimiser: adam({ learningRate: 1e-3 }), ...change } as ProblemTrainerOptions;
    await requireThrows(`${Object.keys(change)}`, () => ProblemTrainer.create(engine, all), 'InputError', message);
  }
  await requireThrows('a gate', () => jetArchitecture({ width: 4, depth: 2, gated: true }), 'InputError', /depth: 2/);
});

test('a function of the coordinates that gives no number is named with its place before anything is compiled', async () => {
  const create = (x: number, value: unknown, more = '1') => {
    const bad = given(at => (at.x === x ? value : 1) as number);
    return ProblemTrainer.create(engine, {
      problem: defineProblem({
        name: 'gaps',
        axes: { t: [0, 1], x: [0, 2] },
        fields: ['u'],
        equations: ({ u, t }) => [u.dt, { name: 'mass', residual: u.times(more === '1' ? bad : t.over(t)) }],
        conditions: ({ u }) => [
          {
            name: 'left',
            at: { x: [0, 0.5] },
            residual: u.minus(
              given(() => 2),
              bad,
            ),
          },
        ],
      }),
      network: jetArchitecture({ width: 4, rank: 2 }),
      points: 3,
      optimiser: adam({ learningRate: 1e-3 }),
      slabBytes: 64,
    });
  };
  const cases: readonly (readonly [number, unknown, string, RegExp])[] = [
    [2, Number.NaN, '1', /^gaps: equation mass: a function of the coordinates is NaN at t = 0, x = 2: let it give/],
    [1, null, '1', /^gaps: equation mass: .* is null at t = 0, x = 1:/],
    [0.5, 1e39, '1', /^gaps: condition left: .* is 1e\+39 at t = 0, x = 0.5:/],
    [9, 0, '0', /^gaps: equation equations: .* is NaN at t = 0, x = 0:/],
  ];
  for (const [x, value, more, message] of cases) {
    await requireThrows(`${value} at ${x}`, () => create(x, value, more), 'InputError', message);
  }
});
