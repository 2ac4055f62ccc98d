/** Tangent kernels of infinite width: closed forms against plain sums, the recursion against wide random networks. */

import { Random } from '../../src/host/random.js';
import { cosine, leakyRelu, relu, sine, tanh } from '../../src/model/activation.js';
import { type Architecture, architecture, initialise, inputsOf, shapesOf } from '../../src/model/architecture.js';
import { grid } from '../../src/model/domain/grid.js';
import { dualActivation } from '../../src/ntk/dualActivation.js';
import { limitNtk, randomLimitNtk } from '../../src/ntk/limitNtk.js';
import { layerVariances, networkLimit, ntkScaling, standardScaling } from '../../src/ntk/networkLimit.js';
import { ntkCp } from '../../src/ntk/ntkParameterisation.js';
import { activationOf, twinArchitecture } from '../helpers/activations.js';
import { require, requireClose, requireEqual, requireNorm, requireThrows } from '../helpers/compare.js';
import { random, randomInteger } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { jacobi } from '../reference/eigen/jacobi.js';
import { type NetworkShape, networkGradient } from '../reference/network/network.js';
import { dual } from '../reference/tangent/dual.js';

const test = suite('infinite width');

/** Of a pair of normal numbers, mean 0. */
function randomCovariance(most: number) {
  const [a, b, c, d] = Array.from({ length: 4 }, () => most * (2 * random() - 1));
  return { uu: a * a + b * b, vv: c * c + d * d, uv: a * c + b * d };
}

test('the dual of sine, cosine and tanh is the sum over a fine grid of normal numbers to 1e-9', () => {
  for (const name of ['sine', 'cosine', 'tanh'] as const) {
    for (const most of [0.3, 1, 2]) {
      const covariance = randomCovariance(most);
      const { values, slopes } = dualActivation(activationOf[name], covariance);
      const expected = dual(name, covariance, 600);
      requireClose(`${name}, ${JSON.stringify(covariance)}`, [values, slopes], [expected.values, expected.slopes], {
        absolute: 1e-9,
      });
    }
  }
});

test('the dual of ReLU and leaky ReLU is that sum, to what the kink leaves of it', () => {
  for (const name of ['relu', 'leaky-relu'] as const) {
    for (const most of [0.5, 3]) {
      const covariance = randomCovariance(most);
      const { values, slopes } = dualActivation(activationOf[name], covariance);
      const expected = dual(name, covariance, 1500);
      const norm = Math.sqrt(covariance.uu * covariance.vv);
      requireClose(`${name}, values`, [values], [expected.values], { absolute: 2e-4 * norm });
      requireClose(`${name}, slopes`, [slopes], [expected.slopes], { absolute: 2e-2 });
    }
  }
});

test('the dual at u = v, u = -v and independent u, v is what can be said by hand', () => {
  const at = (uv: number) => dualActivation(relu, { uu: 4, vv: 4, uv });
  requireClose('relu', [at(4).values, at(4).slopes], [2, 0.5], { absolute: 1e-12 });
  requireClose('relu, opposite', [at(-4).values, at(-4).slopes], [0, 0], { absolute: 1e-12 });
  requireClose('relu, independent', [at(0).values, at(0).slopes], [4 / (2 * Math.PI), 0.25], { absolute: 1e-12 });
  const independent = dualActivation(tanh, { uu: 2, vv: 3, uv: 0 });
  requireClose('tanh, independent', [independent.values], [0], { absolute: 1e-12 });
  for (const activation of Object.values(activationOf)) {
    const { uu, vv, uv } = randomCovariance(1);
    const [one, other] = [
      dualActivation(activation, { uu, vv, uv }),
      dualActivation(activation, { uu: vv, vv: uu, uv }),
    ];
    requireClose(`${activation.name}, exchanged`, [one.values, one.slopes], [other.values, other.slopes], {
      absolute: 1e-9,
    });
  }
  requireEqual('nothing in', dualActivation(relu, { uu: 0, vv: 1, uv: 0 }), { values: 0, slopes: 0 });
});

function normal(): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function inputOf(x: number, { frequencies }: Architecture): number[] {
  if (frequencies.length === 0) return [x];
  const phases = frequencies.map(b => 2 * Math.PI * b * x);
  return [...phases.map(Math.cos), ...phases.map(Math.sin)];
}

const points = [-1, -0.4, 0.1, 0.9];
const draws = 64;

/**
 * The means over random networks of the tangent kernel of one output, from the parameters that count, and of its share
 * from the output layer's weights, <h, h'>.
 */
function meansOver(network: Architecture, draw: () => Float64Array, counts: (at: number) => boolean = () => true) {
  const { width, depth, activation: name, omegas } = twinArchitecture(network);
  const shape: NetworkShape = { inputs: inputsOf(network), width, outputs: 1, depth, name, omegas };
  const n = points.length;
  const [hidden, tangent] = [new Float64Array(n * n), new Float64Array(n * n)];
  const inner = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  for (let s = 0; s < draws; s++) {
    const parameters = draw();
    const gradients = points.map(x => {
      const gradient = networkGradient(parameters, inputOf(x, network), [1], shape);
      return gradient.map((value, at) => (counts(at) ? value : 0));
    });
    const last = gradients.map(gradient => gradient.slice(-width - 1, -1));
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        const [share, kernel] = [inner(last[i], last[j]), inner(gradients[i], gradients[j])];
        for (const at of new Set([i * n + j, j * n + i])) {
          hidden[at] += share / draws;
          tangent[at] += kernel / draws;
        }
      }
    }
  }
  return { hidden, tangent };
}

const networks = [
  ...Object.values(activationOf).map(activation =>
    architecture({ width: 128, activation, omega: activation === sine ? 2 : 1 }),
  ),
  architecture({ width: 128, depth: 4, activation: tanh }),
  architecture({ width: 128, depth: 2, activation: cosine, omega: 2 }),
  architecture({ width: 128, activation: relu, frequencies: [0.5, 1.25] }),
];

test('c and k are the means over wide networks in the NTK parameterisation as ntkCp realises it', () => {
  for (const network of networks) {
    const { network: scaled, contraction } = ntkCp({ domain: grid([2, 2]), rank: 1, network });
    const count = countOf(network);
    const found = meansOver(scaled, () => Float64Array.from({ length: count }, normal));
    const expected = networkLimit(network, ntkScaling(network), points);
    const what = `${network.activation.name}, depth ${network.depth}`;
    const output = Math.sqrt(layerVariances(network)[network.depth - 1] / network.width);
    requireClose('scale', [Number(contraction.settings.scale)], [output ** 2], { relative: 1e-12 }); // an output layer an axis
    requireNorm(
      `${what}: c`,
      found.hidden.map(x => x * output ** 2),
      expected.covariance,
      0.1,
    );
    requireNorm(
      `${what}: k`,
      found.tangent.map(x => x * output ** 2),
      expected.ntk,
      0.12,
    );
  }
});

test('in the standard parameterisation c, and k / W, are those of the initial weights behind a normal first layer', () => {
  for (const network of networks.filter(({ activation }) => activation !== leakyRelu)) {
    const first = inputsOf(network);
    const isPeriodic = [sine, cosine].includes(network.activation);
    const layerOf = layerOfEach(network);
    const drawn = () => {
      const parameters = Float64Array.from(initialise(network, 1, new Random(randomInteger(0, 2 ** 31))));
      return parameters.map((value, at) => {
        if (layerOf[at].layer > 0) return layerOf[at].isBias ? 0 : value;
        const bound = isPeriodic && !layerOf[at].isBias ? 1 / first : 1 / Math.sqrt(first);
        return (normal() * bound) / Math.sqrt(3);
      });
    };
    const found = meansOver(network, drawn, at => layerOf[at].layer > 0 && !layerOf[at].isBias);
    const expected = networkLimit(network, standardScaling(network), points);
    const what = `${network.activation.name}, depth ${network.depth}`;
    const last = isPeriodic ? Math.sqrt(6 / network.width) / network.omegas[0] : 1 / Math.sqrt(network.width);
    requireNorm(
      `${what}: c`,
      found.hidden.map(x => (x * last ** 2) / 3),
      expected.covariance,
      0.1,
    );
    requireNorm(
      `${what}: k`,
      found.tangent.map(x => x / network.width),
      expected.ntk,
      0.12,
    );
  }
});

/** Which layer each parameter stands in, and whether it is a bias. */
function layerOfEach(network: Architecture) {
  return shapesOf(network, 1).flatMap(([rows, columns], layer) =>
    Array.from({ length: rows * columns }, (_, at) => ({ layer, isBias: at % columns === columns - 1 })),
  );
}

function countOf(network: Architecture): number {
  return shapesOf(network, 1).reduce((sum, [rows, columns]) => sum + rows * columns, 0);
}

const axes = 2;
const twelve = twelvePoints();

/** 3 x 4 points with repeated coordinates. */
function twelvePoints(): number[] {
  return [-1, 0.2, 0.7].flatMap(x => [-0.8, -0.1, 0.3, 1].flatMap(y => [x, y]));
}

test('Theorem 2: the kernel is the sum over the axes of k there and c elsewhere, symmetric and not negative', () => {
  const network = architecture({ width: 8, activation: tanh });
  const found = limitNtk({ network, axes: 3, points: [0.1, -0.4, 0.9, 0.5, -0.4, -1] });
  const at = (x: number, y: number) => {
    const { covariance, ntk } = networkLimit(network, ntkScaling(network), [x, y]);
    return { c: covariance[1], k: ntk[1] };
  };
  const [a, b, c] = [at(0.1, 0.5), at(-0.4, -0.4), at(0.9, -1)];
  requireClose('K', [found[1], found[2]], Array(2).fill(a.k * b.c * c.c + a.c * b.k * c.c + a.c * b.c * c.k), {
    relative: 1e-9,
  });
  const all = limitNtk({ network, axes, points: twelve });
  const { values } = jacobi(all, 12);
  require('not negative', values[11] > -1e-12 * values[0]);
});

test('Corollary 1: the kernel of rank R scatters about that of Theorem 2 by 1 / sqrt(R), the same for a seed', () => {
  const options = { network: architecture({ width: 8, activation: sine, omega: 2 }), axes, points: twelve };
  const [mean, kernel] = [limitNtk(options), randomLimitNtk(options)];
  const seeds = 40;
  const distance = (rank: number) => {
    const squares = Array.from({ length: seeds }, (_, seed) => {
      const found = kernel(rank, seed + randomInteger(0, 1000) * seeds);
      return found.reduce((sum, x, at) => sum + (x - mean[at]) ** 2, 0);
    });
    return Math.sqrt(squares.reduce((sum, x) => sum + x, 0) / seeds / mean.reduce((sum, x) => sum + x * x, 0));
  };
  const [few, many] = [distance(4), distance(64)];
  require(`rank 4: ${few}, rank 64: ${many}`, few / many > 2.6 && few / many < 6);
  requireClose('the same seed', kernel(5, 7), kernel(5, 7), {});
  require('another seed', kernel(5, 8)[0] !== kernel(5, 7)[0]);
});

test('limit kernels: points that are none and a rank that is none are refused', async () => {
  const network = architecture({ width: 8 });
  await requireThrows(
    'points',
    () => limitNtk({ network, axes: 2, points: [1, 2, 3] }),
    'InputError',
    /^points: 3 numbers are no points of 2 coordinates/,
  );
  await requireThrows('rank', () => randomLimitNtk({ network, axes, points: twelve })(0, 1), 'InputError', /^rank: 0:/);
});

test("an activation of a host's own has the limit that it gives, and without is refused by its name", async () => {
  const mine = { ...tanh, name: 'mine' };
  // a(u) = u, of which everything is known.
  const linear = { ...mine, wide: { dual: ({ uv }: { uv: number }) => ({ values: uv, slopes: 1 }), layerVariance: 1 } };
  const network = architecture({ width: 8, depth: 2, activation: linear, omega: 1 });
  // c = C + 1 of the input's C = x x', and k is that of both layers.
  const limit = (x: number, y: number) => 2 * (x * y + 1);
  const at = [-0.5, 0.25, 1];
  const { ntk } = networkLimit(network, ntkScaling(network), at);
  requireClose(
    'kernel',
    ntk,
    at.flatMap(x => at.map(y => limit(x, y))),
    { relative: 1e-12 },
  );
  await requireThrows(
    'activation',
    () => dualActivation(mine, { uu: 1, vv: 1, uv: 0 }),
    'InputError',
    /^activation mine: its limit of infinite width is not known: give it `wide`, or use sine, cosine, relu, leaky-relu, tanh$/,
  );
});
