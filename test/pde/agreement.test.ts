/** Conditions that say different things of a derivative where they meet, and those that no test of it may refuse. */

import { defineProblem, type Field, given, problems } from '../../src/public/pde.js';
import { require, requireThrows } from '../helpers/compare.js';
import { random } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('agreement of conditions');

const axes = { t: [0, 2], x: [-1, 3], y: [0.5, 0.75] } as const;
type Axis = keyof typeof axes;
type Point = Readonly<Record<Axis, number>>;
type Function = (point: Point) => number;
/** u, or its derivative by an axis, on one end of another or on both. */
interface Stated {
  readonly of?: Axis;
  readonly at: Partial<Record<Axis, number | readonly number[]>>;
  readonly is: Function;
}

const define = (...all: readonly Stated[]) =>
  defineProblem<Axis, 'u'>({
    name: 'meeting',
    axes,
    fields: ['u'],
    equations: ({ u }) => [u.dt],
    conditions: ({ u }: { readonly u: Field }) =>
      all.map(({ of, at, is }, i) => {
        const left = of === undefined ? u : u[`d${of}`];
        return { name: `c${i}`, at, residual: left.minus(given(is as (point: object) => number)).times(-3) };
      }),
  });

/** A smooth function of some waves, and its derivatives. */
function smooth(): { readonly u: Function; by(axis: Axis): Function } {
  const waves = Array.from({ length: 3 }, () => ({
    amplitude: random() - 0.5,
    phase: 6 * random(),
    t: 6 * random() - 3,
    x: 6 * random() - 3,
    y: 6 * random() - 3,
  }));
  const sum =
    (of: (wave: (typeof waves)[number], angle: number) => number): Function =>
    ({ t, x, y }) =>
      waves.reduce((all, wave) => all + of(wave, wave.t * t + wave.x * x + wave.y * y + wave.phase), 1);
  return {
    u: sum(({ amplitude }, angle) => amplitude * Math.sin(angle)),
    by: axis => point => sum((wave, angle) => wave.amplitude * wave[axis] * Math.cos(angle))(point) - 1,
  };
}

const names = Object.keys(axes) as Axis[];

test('whatever is said of one smooth function agrees, values and slopes on all faces, read off a table too', () => {
  const rough: readonly ((f: Function) => Function)[] = [
    f => f,
    f => point => Math.fround(f(point)),
    // The nearest of a table's points, and between two of them on a line.
    f =>
      ({ t, x, y }) =>
        f({ t: Math.round(40 * t) / 40, x: Math.round(40 * x) / 40, y: Math.round(400 * y) / 400 }),
    f => point => {
      const [low, high] = [Math.floor, Math.ceil].map(to => f({ ...point, t: to(40 * point.t) / 40 }));
      return low + (high - low) * (40 * point.t - Math.floor(40 * point.t));
    },
  ];
  for (let i = 0; i < 20; i++) {
    const { u, by } = smooth();
    const faces = names.flatMap(axis => [undefined, ...names].map(of => [axis, of] as const));
    const of = rough[i % rough.length];
    define(...faces.map(([axis, slope], j) => ({
      ...(slope && { of: slope }),
      at: { [axis]: j % 2 === 0 ? axes[axis][j % 4 === 0 ? 0 : 1] : axes[axis] },
      is: slope ? by(slope) : of(u),
    })));
  }
});

test('a slope at the start that is not that of the sides, or one of a side that is not that of the start, has a remark; on one face it is refused', async () => {
  for (let i = 0; i < 10; i++) {
    const { u, by } = smooth();
    const start = { at: { t: 0 }, is: u };
    const off: (f: Function) => Function = f => point => f(point) + 4;
    const edges: readonly (readonly [Stated, Stated, string])[] = [
      [{ at: { t: 0 }, of: 't', is: off(by('t')) }, { at: { x: axes.x }, is: u }, 't'],
      [{ at: { x: 3 }, of: 'x', is: off(by('x')) }, start, 'x'],
      [{ at: { y: axes.y }, of: 'y', is: off(by('y')) }, start, 'y'],
    ];
    const said = (words: string, axis: string) =>
      new RegExp(`^meeting: conditions c0 and c1 ${words} where they meet, by (4\\.00|3\\.99|4\\.01) in u_${axis}: `);
    for (const [one, other, axis] of edges) {
      for (const { remarks } of [define(one, other), define(other, one)]) {
        require(`${remarks}`, remarks.length === 1 && said('differ', axis).test(remarks[0]));
      }
    }
    const faces: readonly (readonly [Stated, string])[] = [
      [{ at: { t: 0 }, of: 'x', is: off(by('x')) }, 'x'],
      [{ at: { t: 0, x: -1 }, of: 'y', is: off(by('y')) }, 'y'],
      [{ at: { t: [0, 2] }, of: 'y', is: off(by('y')) }, 'y'],
    ];
    for (const [one, axis] of faces) {
      const message = said('contradict each other', axis);
      for (const both of [[one, start] as const, [start, one] as const]) {
        await requireThrows(`${axis}`, async () => define(...both), 'InputError', message);
      }
    }
    const [x, t] = [by('x'), by('t')];
    const bent = (point: Point) => x(point) + 4 * point.t;
    await requireThrows(
      'slopes of slopes on one face',
      async () => define({ at: { y: 0.5 }, of: 'x', is: bent }, { at: { y: 0.5 }, of: 't', is: t }),
      'InputError',
      /by (4\.00|3\.99|4\.01) in u_tx: let/,
    );
  }
});

test('where a slope is too rough to be told, nothing is said: a root, a front, an edge, what rounding leaves of zero', () => {
  const zero: Function = () => 0;
  const restingStart: Stated = { at: { t: 0 }, of: 't', is: zero };
  const sides: readonly Function[] = [
    ({ t }) => Math.sqrt(t),
    ({ t }) => 1 - Math.exp(-t / 1e-5),
    ({ t }) => Math.round(3 * t),
    ({ t }) => (t > 1e-3 ? 1 : 0),
    ({ t }) => t ** 2,
    ({ t }) => Math.cos(Math.PI / 2) * Math.sin(t),
    ({ t }) => (t < 0.5 ? Number.NaN : t),
  ];
  for (const is of sides)
    define(restingStart, { at: { x: axes.x }, is }, { at: { t: 0 }, is: ({ x }) => (x + 1) * (3 - x) });
  // Axes that both stand still on, and places that do not meet.
  define({ at: { t: 0 }, of: 't', is: () => 5 }, { at: { t: 0 }, is: zero });
  define({ at: { t: 0 }, of: 'x', is: () => 5 }, { at: { t: 2 }, is: zero });
  for (const make of Object.values(problems)) require('remarks', make().remarks.length === 0);
});
