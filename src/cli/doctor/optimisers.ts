/** Steps of every optimiser on the parameters of a model, against the same steps in float64. */

import { bitsOf } from '../../host/arrays.js';
import { architecture } from '../../model/architecture.js';
import { cp } from '../../model/contraction/cp.js';
import { grid } from '../../model/domain/grid.js';
import { defineModel, initialParameters } from '../../model/model.js';
import { type Parameter, parametersOf } from '../../model/parameters.js';
import { clip } from '../../ops/optimiser/clip.js';
import { record } from '../../ops/optimiser/record.js';
import { adam } from '../../optimiser/adam.js';
import { isHiddenMatrix } from '../../optimiser/besideRest.js';
import { muon } from '../../optimiser/muon.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import { minimaxPolynomials } from '../../optimiser/polynomials.js';
import { sgd } from '../../optimiser/sgd.js';
import { shampoo } from '../../optimiser/shampoo.js';
import { type Bench, type Check, compared, type Family } from './bench.js';
import { combined, type Matrix, matrixOf, norm, times, turned } from './twins/dense.js';

const steps = 2;
const learningRate = 0.01;
/** What is left of float32 in the way of parameters, which are larger than their steps. */
const tolerance = 3e-5;
const usual = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** One tensor of the parameters with what an optimiser keeps of it. */
interface Kept {
  readonly parameter: Parameter;
  p: Float64Array;
  m: Float64Array;
  v: Float64Array;
  moment: Matrix;
  gram: Matrix;
}

/** A step of one tensor, t from 1. */
type Rule = (kept: Kept, gradient: Float64Array, t: number) => void;

const adamRule =
  (decay: number, decoupled: boolean, rate = learningRate): Rule =>
  (kept, gradient, t) => {
    const { beta1, beta2, epsilon } = usual;
    const g = gradient.map((x, i) => x + (decoupled ? 0 : decay * kept.p[i]));
    kept.m = kept.m.map((x, i) => beta1 * x + (1 - beta1) * g[i]);
    kept.v = kept.v.map((x, i) => beta2 * x + (1 - beta2) * g[i] ** 2);
    kept.p = kept.p.map((x, i) => {
      const along = kept.m[i] / (1 - beta1 ** t) / (Math.sqrt(kept.v[i] / (1 - beta2 ** t)) + epsilon);
      return x - rate * (along + (decoupled ? decay * x : 0));
    });
  };

const sgdRule: Rule = (kept, gradient) => {
  kept.m = kept.m.map((x, i) => 0.8 * x + gradient[i] + 0.1 * kept.p[i]);
  kept.p = kept.p.map((x, i) => x - learningRate * kept.m[i]);
};

const polynomials = minimaxPolynomials();

/** X <- a X + (b A + c A^2) X, A = X X^T. */
function orthogonal(x: Matrix): Matrix {
  return polynomials.reduce(
    (from, [a, b, c]) => {
      const gram = times(from, turned(from));
      return combined(1, times(combined(b, gram, c, times(gram, gram)), from), a, from);
    },
    combined(1 / norm(x), x),
  );
}

/** A^(-1/2) |A|^(1/2), as the polynomials have it. */
function inverseRoot(gram: Matrix): Matrix {
  let matrix = combined(1 / norm(gram), gram);
  let root = matrixOf(gram.rows, gram.rows, (i, j) => Number(i === j));
  for (const [a, b, c] of polynomials) {
    const polynomial = combined(b, matrix, c, times(matrix, matrix));
    const brought = (one: Matrix) => combined(1, times(polynomial, one), a, one);
    [root, matrix] = [brought(root), brought(brought(matrix))];
  }
  return root;
}

/** W of [W | b] by what is made of its momentum, of which the shorter side comes first; all else by Adam. */
const matrixRule =
  (
    momentum: number,
    step: (x: Matrix, kept: Kept, g: Matrix) => { readonly along: Matrix; readonly length: number },
  ): Rule =>
  (kept, gradient, t) => {
    const { parameter } = kept;
    const rest = gradient.slice();
    if (isHiddenMatrix(parameter)) {
      const [rows, columns] = [parameter.shape[0], parameter.shape[1] - 1];
      const tall = rows > columns;
      const whole = matrixOf(rows, columns, (i, j) => gradient[i * (columns + 1) + j]);
      const g = tall ? turned(whole) : whole;
      kept.moment = combined(momentum, kept.moment, 1, g);
      const { along, length } = step(combined(momentum, kept.moment, 1, g), kept, g);
      const { values } = tall ? turned(along) : along;
      values.forEach((x, at) => {
        const place = Math.floor(at / columns) * (columns + 1) + (at % columns);
        kept.p[place] -= learningRate * length * x;
        rest[place] = 0;
      });
    }
    adamRule(0, false, learningRate / 3)(kept, rest, t);
  };

const muonRule = matrixRule(0.95, (x, { parameter: { shape } }) => ({
  along: orthogonal(x),
  length: Math.sqrt(Math.max(1, shape[0] / (shape[1] - 1))),
}));

const shampooRule = matrixRule(0.9, (x, kept, g) => {
  kept.gram = combined(0.9, kept.gram, 0.1, times(g, turned(g)));
  const along = times(inverseRoot(kept.gram), x);
  return { along: combined(1 / norm(along), along), length: Math.sqrt(kept.parameter.shape[0]) };
});

const optimisersTried: Readonly<Record<string, readonly [Optimiser, Rule]>> = {
  Adam: [adam({ learningRate, weightDecay: 0.1 }), adamRule(0.1, false)],
  'Adam, decoupled decay': [adam({ learningRate, weightDecay: 0.1, decoupled: true }), adamRule(0.1, true)],
  'gradient descent with momentum': [sgd({ learningRate, momentum: 0.8, weightDecay: 0.1 }), sgdRule],
  Muon: [muon({ learningRate }), muonRule],
  Shampoo: [shampoo({ learningRate }), shampooRule],
};

export const optimisers: Family = {
  name: 'optimisers',
  async run(bench) {
    const checks: Check[] = [];
    for (const [name, [optimiser, rule]] of Object.entries(optimisersTried)) {
      checks.push(await stepped(bench, name, optimiser, rule));
    }
    return [...checks, ...(await besides(bench))];
  },
};

/** The way that parameters went in some steps. */
async function stepped(bench: Bench, name: string, optimiser: Optimiser, rule: Rule): Promise<Check> {
  const { engine, scope } = bench;
  // Matrices that are wide, tall and square, past a tile.
  const model = defineModel({
    domain: grid([4, 4]),
    contraction: cp({ rank: 70 }),
    network: architecture({ width: 43, depth: 3 }),
  });
  const all = parametersOf(model);
  const shapes = all.map(({ shape }) => shape);
  const numbers = initialParameters(model, 5);
  const parameters = bench.stack(shapes, numbers);
  const state = optimiser.start(engine, scope, all);
  const [counter, rate, slope] = [
    bench.tensor([1], [0]),
    bench.tensor([1], [learningRate]),
    bench.stack(shapes, numbers),
  ];
  const plan = scope.keep(
    await engine.compile(graph => {
      const [before, gradient] = [graph.read(parameters), graph.read(slope)];
      const at = { parameters: before, gradient, step: graph.read(counter), learningRate: graph.read(rate) };
      graph.assign(parameters, state.update(graph, { ...at, refreshing: true }));
    }),
  );
  let at = 0;
  const kept = all.map((parameter): Kept => {
    const size = parameter.shape.reduce((product, n) => product * n, 1);
    at += size;
    const [short, long] = [parameter.shape[0], parameter.shape[1] - 1].sort((a, b) => a - b);
    const zero = (rows: number, columns: number) => matrixOf(rows, columns, () => 0);
    return {
      parameter,
      p: Float64Array.from(numbers.subarray(at - size, at)),
      m: new Float64Array(size),
      v: new Float64Array(size),
      moment: zero(short, long),
      gram: zero(short, short),
    };
  });
  for (let t = 1; t <= steps; t++) {
    const gradient = bench.numbers(numbers.length);
    counter.write(bitsOf(t));
    slope.write(gradient);
    await plan.run();
    let first = 0;
    for (const one of kept) {
      rule(one, Float64Array.from(gradient.subarray(first, first + one.p.length)), t);
      first += one.p.length;
    }
  }
  const wanted = kept.flatMap(({ p }) => [...p]);
  const way = (after: ArrayLike<number>) => Array.from(after, (x, i) => x - numbers[i]);
  return compared(`steps of ${name}`, way(await parameters.read()), way(wanted), tolerance);
}

/** A gradient that is made shorter; what is counted and kept of a step. */
async function besides(bench: Bench): Promise<Check[]> {
  const shapes = [[17, 23], [300, 5], [7]];
  const gradient = bench.numbers(17 * 23 + 1500 + 7);
  const given = bench.stack(shapes, gradient);
  const length = Math.hypot(...gradient);
  const { clipped } = await bench.compute(graph => ({ clipped: clip(graph.read(given), 0.5) }));
  const [history, schedule] = [bench.numbers(8), bench.numbers(8)];
  const [loss, step] = [bench.tensor([], [1.25]), bench.tensor([1], bitsOf(13))];
  const [kept, rates, rate] = [bench.tensor([8], history), bench.tensor([8], schedule), bench.tensor([1], [0])];
  const recorded = await bench.compute(graph => {
    const before = { step: graph.read(step), history: graph.read(kept), learningRate: graph.read(rate) };
    const { history: after, learningRate: next } = record(graph.read(loss), before, graph.read(rates));
    return { history: after, learningRate: next };
  });
  return [
    compared(
      'a gradient cut to a length',
      clipped,
      gradient.map(x => (0.5 * x) / length),
      1e-5,
    ),
    compared(
      'losses kept',
      recorded.history,
      history.map((x, i) => (i === 13 % 8 ? 1.25 : x)),
      0,
    ),
    compared('the rate picked', recorded.learningRate, [schedule[13 % 8]], 0),
  ];
}
