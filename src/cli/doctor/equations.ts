/** A differential equation by networks that carry derivatives, held against differences of the same networks in float64. */

import { sizeOfAll } from '../../buffer/layout.js';
import { type Activation, cosine, sine, tanh } from '../../model/activation.js';
import { inputJets, jetParameterShapes, jetPass } from '../../ops/network/jetNetwork.js';
import { jetTangentKernel } from '../../ops/tangent/jetTangentKernel.js';
import { sgd } from '../../optimiser/sgd.js';
import { activationDerivatives } from '../../pde/activationDerivatives.js';
import { given, sin } from '../../pde/expression.js';
import { evenPoints } from '../../pde/grid.js';
import { initialProblemParameters, type JetArchitecture, jetArchitecture } from '../../pde/network.js';
import { defineProblem } from '../../pde/problem.js';
import { ProblemTrainer } from '../../pde/training/problemTrainer.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { type Entry, Tape } from './twins/tape.js';
import { activations } from './twins/twin.js';

const diffusion = 0.3;
const problem = defineProblem({
  name: 'diffusion',
  axes: { t: [0, 1], x: [-1, 1] },
  fields: ['u'],
  equations: ({ u }) => [u.dt.minus(u.dxx.times(diffusion)).plus(sin(u))],
  conditions: ({ u }) => [{ name: 'initial', at: { t: 0 }, residual: u.minus(given(({ x }) => x)), weight: 2 }],
});
const points = { t: 22, x: 23 };

const networks: Readonly<Record<string, readonly [Activation, gated: boolean]>> = {
  'gated tanh': [tanh, true],
  sine: [sine, false],
  cosine: [cosine, false],
};

export const equations: Family = {
  name: 'differential equations',
  async run(bench) {
    const checks: Check[] = [];
    for (const [name, [activation, gated]] of Object.entries(networks)) {
      const network = jetArchitecture({ activation, gated, depth: 3, width: 22, rank: 21, omega: 1.5 });
      checks.push(...(await checked(bench, name, network)));
    }
    return [...checks, await tangentKernelChecked(bench)];
  },
};

async function checked({ engine, scope }: Bench, name: string, network: JetArchitecture): Promise<Check[]> {
  const options = { problem, network, points, optimiser: sgd({ learningRate: 1 }) };
  const trainer = scope.keep(await ProblemTrainer.create(engine, options));
  const before = initialProblemParameters(problem, network, 0);
  const losses = await trainer.advance(1);
  const { parameters: after } = await trainer.state();
  const tape = new Tape();
  const parameters = Array.from(before, number => tape.leaf(number));
  const loss = lossOf(tape, parameters, network);
  tape.differentiate(loss);
  const way = after.map((x, i) => before[i] - x);
  return [
    compared(`loss by ${name}`, losses, [tape.value(loss)], 1e-5),
    compared(`gradient by ${name}`, way, tape.gradients(parameters), 1e-4),
  ];
}

/** Five points at this distance give derivatives to 1e-9 or so. */
const step = 0.01;
const offsets = [-2, -1, 0, 1, 2];
const first = [1, -8, 0, 8, -1].map(weight => weight / (12 * step));
const second = [-1, 16, -30, 16, -1].map(weight => weight / (12 * step ** 2));

/** Of one network, on values and first derivatives: <v_i, v_j>, v_i being the gradient of what the cotangent weighs at point i. */
async function tangentKernelChecked(bench: Bench): Promise<Check> {
  const network = jetArchitecture({ activation: sine, gated: false, depth: 3, width: 22, rank: 21, omega: 1.5 });
  const { depth, width, rank, omegas, gated } = network;
  const places = evenPoints([-1, 1], 11);
  const shapes = jetParameterShapes(1, rank, network);
  const parameters = bench.numbers(sizeOfAll(shapes));
  const cotangent = bench.numbers(2 * places.length * rank);
  const held = bench.stack(shapes, parameters);
  const input = bench.stack([[2 * places.length, 2]], Float32Array.from(inputJets(places, 1)));
  const weighed = bench.stack([[2 * places.length, rank]], cotangent);
  const attributes = { depth, width, omegas, gated, orders: [1], derivatives: activationDerivatives(sine) };
  const { kernel } = await bench.compute(graph => {
    const { pass } = jetPass(graph.read(held), graph.read(input), attributes);
    return { kernel: jetTangentKernel(pass, graph.read(weighed), [places.length]) };
  });
  const gradients = Array.from(places, (at, i) => {
    const tape = new Tape();
    const leaves = Array.from(parameters, number => tape.leaf(number));
    const rows = offsets.map(offset => networkAt(tape, leaves, network, at + offset * step));
    const terms = rows.flatMap((row, o) =>
      row.map((f, r) => {
        const [value, derivative] = [0, 1].map(k => cotangent[(k * places.length + i) * rank + r]);
        const weight = derivative * first[o] + (offsets[o] === 0 ? value : 0);
        return tape.apply(f, y => [weight * y, weight]);
      }),
    );
    tape.differentiate(tape.sum(terms));
    return tape.gradients(leaves);
  });
  const want = gradients.flatMap(a => gradients.map(b => a.reduce((sum, x, i) => sum + x * b[i], 0)));
  return compared('tangent kernel of jets', kernel, want, 1e-4);
}

/** The mean of r^2 over the grid of the equation, and twice that over the line on which the condition stands. */
function lossOf(tape: Tape, parameters: readonly Entry[], network: JetArchitecture): Entry {
  const own = parameters.length / 2;
  const factorAt = (axis: number, at: number) =>
    networkAt(tape, parameters.slice(axis * own, (axis + 1) * own), network, at);
  const jetAt = (axis: number, at: number) => {
    const rows = offsets.map(offset => factorAt(axis, at + offset * step));
    const by = (weights: readonly number[]) =>
      rows[0].map((_, r) =>
        tape.dot(
          rows.map(row => row[r]),
          weights.map(weight => tape.leaf(weight)),
        ),
      );
    return { value: rows[2], first: by(first), second: by(second) };
  };
  const [times, places] = [evenPoints([0, 1], points.t), evenPoints([-1, 1], points.x)];
  const [along, across] = [Array.from(times, t => jetAt(0, t)), Array.from(places, x => jetAt(1, x))];
  const square = (r: Entry, weight: number) => tape.apply(r, value => [weight * value ** 2, 2 * weight * value]);
  const scaled = (x: Entry, by: number) => tape.apply(x, value => [by * value, by]);
  const terms = along.flatMap(t =>
    across.map(x => {
      const u = tape.dot(t.value, x.value);
      const sineOf = tape.apply(u, value => [Math.sin(value), Math.cos(value)]);
      const r = tape.sum([tape.dot(t.first, x.value), scaled(tape.dot(t.value, x.second), -diffusion), sineOf]);
      return square(r, 1 / (points.t * points.x));
    }),
  );
  const start = across.map((x, i) => {
    const r = tape.sum([tape.dot(along[0].value, x.value), tape.leaf(-places[i])]);
    return square(r, 2 / points.x);
  });
  return tape.sum([...terms, ...start]);
}

/** f(x) of one network, gated where it is: H' = (1 - S) U + S V after every hidden layer but the first. */
function networkAt(tape: Tape, parameters: readonly Entry[], network: JetArchitecture, at: number): Entry[] {
  const { depth, width, rank, gated, omegas, activation } = network;
  const one = tape.leaf(1);
  const input = [tape.leaf(at)];
  let taken = 0;
  const next = (rows: number, columns: number) => {
    taken += rows * (columns + 1);
    return parameters.slice(taken - rows * (columns + 1), taken);
  };
  const layers = Array.from({ length: depth }, (_, i) => next(i === depth - 1 ? rank : width, i === 0 ? 1 : width));
  const gates = gated ? [next(width, 1), next(width, 1)] : [];
  const applied = (matrix: readonly Entry[], x: readonly Entry[]) => {
    const wide = x.length + 1;
    const rows = Array.from({ length: matrix.length / wide }, (_, row) => matrix.slice(row * wide, (row + 1) * wide));
    return rows.map(row => tape.dot(row, [...x, one]));
  };
  const activated = (z: readonly Entry[], omega: number) =>
    z.map(x => tape.apply(x, value => activations[activation.name](omega, value)));
  const [closed, open] = gates.map(matrix => activated(applied(matrix, input), omegas[0]));
  let row: Entry[] = input;
  layers.slice(0, -1).forEach((matrix, layer) => {
    const s = activated(applied(matrix, row), omegas[layer]);
    row = s;
    if (layer === 0 || !closed || !open) return;
    row = s.map((x, i) => {
      const rest = tape.apply(x, value => [1 - value, -1]);
      return tape.dot([rest, x], [closed[i], open[i]]);
    });
  });
  return applied(layers[depth - 1], row);
}
