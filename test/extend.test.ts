/**
 * What a user of the package can bring: an objective, a learning rate, an optimiser, a preconditioner, a readout, a
 * contraction, an activation and a domain of their own, each from the package's public face alone, in few lines, trained
 * on a photograph with SepPGD and checked against float64.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Activation,
  type Applied,
  adam,
  architecture,
  axisPoints,
  type Codec,
  type Contraction,
  coordinatesOf,
  cp,
  type Domain,
  defineModel,
  type Engine,
  evaluate,
  grid,
  initialParameters,
  type LearningRate,
  type Model,
  ModulatedEigenpairs,
  momentState,
  type OpenEngineOptions,
  type Optimiser,
  onePerAxis,
  openEngine,
  type Preconditioner,
  pointwise,
  type Readout,
  readModel,
  scatteredPoints,
  sepPgd,
  sgd,
  Trainer,
  type TrainerOptions,
  type Value,
  writeModel,
} from 'sepnn/node';
import {
  add,
  apply,
  applyOne,
  asValue,
  contractTt,
  dispatch,
  kernelOf,
  type ModulatedBasis,
  modeProduct,
  type Operation,
  oneThreadEach,
  pieces,
  precondition,
  pseudoNtk,
  slotText,
} from 'sepnn/ops';
import sharp from 'sharp';
import { require, requireClose, requireEqual, requireNorm } from './helpers/compare.js';
import { atEnd, suite } from './helpers/suite.js';
import { type TwinLoss, twinGradient } from './helpers/twinGradient.js';

const test = suite('extending the package');

// >>> objective 30
/** Huber's loss (1964): squares near the target, absolute values beyond delta. */
const huber = pointwise(
  slotText(
    'huber',
    `const DELTA = 0.1f;
fn lossAt(z: f32, y: f32) -> vec2f {
  let d = z - y;
  if (abs(d) <= DELTA) { return vec2f(0.5 * d * d, d); }
  return DELTA * vec2f(abs(d) - 0.5 * DELTA, sign(d));
}`,
  ),
);
// <<<

const steps = 60;

// >>> learning rate 1
const cosine = (step: number) => 5e-4 * (1 + Math.cos((Math.PI * step) / steps));
// <<<

// >>> optimiser 45
/** Lion (Chen et al. 2023): u = sign(beta1 m + (1 - beta1) g), p <- p - rate u, m <- beta2 m + (1 - beta2) g. */
const lionKernel = kernelOf(
  'lion',
  `struct Settings { count: u32, beta1: f32, beta2: f32 }
@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> learningRate: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(4) var<storage, read_write> moment: array<f32>;
const WORKGROUP = 64u;
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= settings.count) { return; }
  parameter[i] -= learningRate[0] * sign(mix(gradient[i], moment[i], settings.beta1));
  moment[i] = mix(gradient[i], moment[i], settings.beta2);
}`,
);
const lionStep: Operation<{ beta1: number; beta2: number }> = {
  name: 'lion',
  updates: [0, 2],
  shapes: ([parameters, , moment]) => [parameters, moment],
  lower: ({ device, attributes, inputs: [, gradient, , rate], outputs: [{ layout, storage }, moment] }) => [
    dispatch(lionKernel, {
      ...oneThreadEach(device, layout.length),
      settings: { count: layout.length, ...attributes },
      buffers: { learningRate: rate.storage, gradient: gradient.storage, parameter: storage, moment: moment.storage },
    }),
  ],
  notDifferentiable: 'it updates state',
};
const lion = (learningRate: LearningRate): Optimiser => ({
  name: 'lion',
  learningRate,
  start: (engine, scope, all) =>
    momentState(engine, scope, all, ['moment'], (step, { moment }) => {
      const inputs = [step.parameters, step.gradient, moment, step.learningRate];
      const [parameters, next] = apply(lionStep, inputs, { beta1: 0.9, beta2: 0.99 });
      return { parameters, moment: next };
    }),
});
// <<<

// >>> preconditioner 45
/** Another preconditioner of a cotangent that is smoothed first along every axis, by (1/4, 1/2, 1/4). */
const smoothed = (inner: Preconditioner): Preconditioner => ({
  ...inner,
  name: `smoothed ${inner.name}`,
  async start(engine, scope, model) {
    const own = await inner.start(engine, scope, model);
    const smoothers = axisPoints(model.domain).map(n => scope.keep(engine.tensor([n, n], smoother(n))));
    const around = ({ transform }: Applied): Applied => ({
      transform: cotangent => transform(smoothers.reduce((g, s, d) => modeProduct(g, g.graph.read(s), d), cotangent)),
    });
    const { refreshed } = own;
    return {
      ...own,
      name: `smoothed ${own.name}`,
      current: graph => around(own.current(graph)),
      ...(refreshed && { refreshed: (graph, pass, start) => around(refreshed(graph, pass, start)) }),
    };
  },
});
const smoother = (n: number) =>
  Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    const folded = (k: number) => Math.min(n - 1, Math.max(0, k)); // an end is its own neighbour
    return [-1, 0, 1].reduce((sum, k) => sum + (folded(i + k) === j ? (k === 0 ? 0.5 : 0.25) : 0), 0);
  });
// <<<

// >>> spectral preconditioner 30
/** SepPGD in its product form, from its parts. */
const byParts = (k: number): Preconditioner => ({
  name: 'by-parts',
  refresh: 10,
  start(engine, scope, { domain }) {
    const topK = axisPoints(domain).map(() => k);
    const kernels = axisPoints(domain).map(points => ({ points, topK: k }));
    const eigenpairs = new ModulatedEigenpairs(engine, scope, kernels);
    const applied = ({ vectors, scaled }: ModulatedBasis): Applied => ({
      transform: cotangent => precondition(cotangent, vectors, scaled, { combine: 'product', topK }),
    });
    return {
      name: 'by-parts',
      topK,
      current: graph => applied(eigenpairs.current(graph)),
      refreshed: (graph, { residuals }, start) => applied(eigenpairs.refreshed(graph, pseudoNtk(residuals), start)),
      spectra: () => eigenpairs.spectra(),
      state: () => eigenpairs.state(),
      restore: saved => eigenpairs.restore(saved),
    };
  },
});
// <<<

// >>> readout 50
/** The logistic function of what the contraction gives: an output between 0 and 1. */
const logisticKernel = kernelOf(
  'logistic',
  `struct Settings { count: u32 }
@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> input: array<f32>;
@group(0) @binding(2) var<storage, read> cotangent: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
const WORKGROUP = 64u;
const BACK = false;
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WORKGROUP;
  if (i >= settings.count) { return; }
  if (BACK) {
    result[i] = cotangent[i] * input[i] * (1.0 - input[i]);   // the input is the output there
  } else {
    result[i] = 1.0 / (1.0 + exp(-input[i]));
  }
}`,
);
const logisticOperation = (back: boolean): Operation<undefined> => ({
  name: back ? 'logisticVjp' : 'logistic',
  shapes: ([input]) => [input],
  lower: ({ device, inputs: [input, cotangent = input], outputs: [{ layout, storage }] }) => {
    const { constants, workgroups } = oneThreadEach(device, layout.length);
    const buffers = { input: input.storage, cotangent: cotangent.storage, result: storage };
    const settings = { count: layout.length };
    return [dispatch(logisticKernel, { constants: { ...constants, BACK: back }, settings, buffers, workgroups })];
  },
  ...(back
    ? { notDifferentiable: 'second derivatives are not offered' }
    : {
        vjp: ({ outputs: [z], cotangents: [g] }) =>
          g === undefined ? [] : [applyOne(backward, [z, asValue(g, z)], undefined)],
      }),
});
const backward = logisticOperation(true);
const forward = logisticOperation(false);
const logistic: Readout = {
  name: 'logistic',
  settings: {},
  outputs: 1,
  linear: false,
  output: contracted => applyOne(forward, [contracted.output()], undefined),
};
// <<<

// >>> contraction 90
/**
 * The tensor ring (Zhao et al. 2016): Z[i_1 .. i_D] = trace F_1[i_1] .. F_D[i_D], F_d[i] an R_{d-1} x R_d matrix, R_0 = R_D.
 * It is the sum over r_0 of tensor trains; r_0 is slow in the first factor and in the last.
 */
const tensorRing = (ranks: readonly number[]): Contraction => ({
  name: 'tensor-ring',
  settings: { ranks },
  networks: axes => onePerAxis(Array.from({ length: axes }, (_, d) => ranks[d] * ranks[(d + 1) % axes])),
  onGrid: {
    output: (factors, _, { axes }) => {
      const trains = Array.from({ length: ranks[0] }, (__, r) => trainOf(factors, ranks[0], r, axes));
      return trains.map(train => contractTt(train, { ranks: ranks.slice(1), scale: 1 })).reduce(add);
    },
    slabs: true,
    between: () => 0,
  },
});
/** The columns of one r_0, of so many, in the first factor and the last of every member. */
function trainOf(factors: Value, count: number, r: number, axes: number): Value {
  const taken = factors.layout.parts.map(({ shape: [, width] }, part) => {
    const isEnd = part % axes === 0 || part % axes === axes - 1;
    return isEnd ? { part, columns: [(r * width) / count, ((r + 1) * width) / count] as const } : { part };
  });
  return pieces([factors], taken);
}
// <<<

// >>> activation 15
/** The Gaussian exp(-(omega z)^2 / 2) (Ramasinghe and Lucey 2022). */
const gaussian: Activation = {
  name: 'gaussian',
  periodic: false,
  text: slotText(
    'gaussian',
    `fn activate(omega: f32, z: f32) -> vec2f {
  let x = omega * z;
  return exp(-0.5 * x * x) * vec2f(1.0, -omega * x);
}`,
  ),
};
// <<<

// >>> domain 25
const golden = Math.PI * (3 - Math.sqrt(5));
/** Points of a disc, spread evenly on Fermat's spiral (Vogel 1979): those from `start` on, `count` of `points`. */
const disc = (points: number, start = 0, count = points): Domain => ({
  name: 'disc',
  axes: 2,
  shape: [count],
  settings: { points, start, count },
  isGrid: false,
  coordinates: axes =>
    Float64Array.from({ length: count * axes.length }, (_, at) => {
      const i = start + Math.floor(at / axes.length) + 0.5;
      const direction = axes[at % axes.length] === 0 ? Math.cos : Math.sin;
      return Math.sqrt(i / points) * direction(i * golden);
    }),
  part: ([from], [n]) => disc(points, start + from, n),
});
// <<<

const ringRanks = [2, 3];

const engine: Engine = await openEngine({
  adapter: (process.env.SEPNN_TEST_ADAPTER ?? 'embedded') as NonNullable<OpenEngineOptions['adapter']>,
});
atEnd(() => engine.dispose());

const [rows, columns] = [20, 24];
const [rank, width, omega, topK] = [9, 14, 12, 4];
const image = createRequire(import.meta.url)
  .resolve('baboon-image')
  .replace(/baboon\.js$/, 'baboon.png');
const target = Float32Array.from(
  await sharp(image).grayscale().resize(columns, rows).raw().toBuffer(),
  byte => byte / 255,
);

function modelWith({
  contraction = cp({ rank }),
  readout,
  network = architecture({ width, omega }),
}: {
  contraction?: Contraction;
  readout?: Readout;
  network?: Model['network'];
} = {}): Model {
  return defineModel({ domain: grid([rows, columns]), contraction, network, ...(readout && { readout }) });
}

/** The gradient of the first step as the engine has it, and as float64 has it. */
async function requireGradient(
  model: Model,
  twin: TwinLoss,
  options: Partial<TrainerOptions> & { readonly widths?: readonly number[]; readonly activation?: 'gaussian' } = {},
): Promise<Float32Array> {
  const { widths = [rank, rank], activation = 'sine', ...rest } = options;
  const trainer = await Trainer.create(engine, {
    model,
    target,
    optimiser: sgd({ learningRate: 1e-6 }), // without momentum its moment is the gradient
    preconditioner: sepPgd({ topK }),
    ...rest,
  });
  await trainer.advance(1);
  const { moment } = (await trainer.state()).optimiser.state;
  trainer.dispose();
  const parameters = initialParameters(model, 0);
  const { gradient } = twinGradient(
    { grid: [rows, columns], widths, width, omega: model.network.omegas[0], activation, parameters },
    twin,
    topK,
  );
  requireNorm('gradient', moment, gradient, 1e-4);
  return moment;
}

async function requireLearning(options: Partial<TrainerOptions> & Pick<TrainerOptions, 'model'>, share: number) {
  const trainer = await Trainer.create(engine, {
    target,
    optimiser: adam({ learningRate: 1e-3 }),
    preconditioner: sepPgd({ topK }),
    ...options,
  });
  const losses = await trainer.advance(steps);
  const parameters = (await trainer.state()).parameters;
  const output = await trainer.render();
  trainer.dispose();
  require(`the loss fell from ${losses[0]} to ${losses[steps - 1]}`, losses[steps - 1] < share * losses[0]);
  return { losses, parameters, output };
}

const cpOutput = ([a, b]: readonly Float64Array[]) =>
  Float64Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += a[i * rank + r] * b[j * rank + r];
    return sum;
  });
const squares = (z: Float64Array) => z.map((value, i) => value - target[i]);

test('an objective of a host: Huber, fused into the contraction, has the float64 gradient and learns', async () => {
  const delta = Math.fround(0.1);
  await requireGradient(
    modelWith(),
    { output: cpOutput, cotangent: z => squares(z).map(d => Math.max(-delta, Math.min(delta, d))) },
    { objective: huber },
  );
  const { output, losses } = await requireLearning({ model: modelWith(), objective: huber }, 0.5);
  require('some points are beyond delta', output.some((z, i) => Math.abs(z - target[i]) > delta));
  requireEqual('losses', losses.length, steps);
});

test('a learning rate of a host: the cosine ends where it stands still', async () => {
  const model = modelWith();
  const trainer = await Trainer.create(engine, {
    model,
    target,
    optimiser: adam({ learningRate: cosine }),
    preconditioner: sepPgd({ topK }),
  });
  const losses = [...(await trainer.advance(1))];
  const { buffers } = engine.memory;
  losses.push(...(await trainer.advance(steps - 1)));
  requireEqual('buffers: a rate of every step needs no new plan', engine.memory.buffers, buffers);
  require(`the loss fell from ${losses[0]} to ${losses[steps - 1]}`, losses[steps - 1] < 0.5 * losses[0]);
  const before = (await trainer.state()).parameters;
  await trainer.advance(1); // at this step the rate is 0
  requireEqual('rate', cosine(steps), 0);
  requireClose('parameters', (await trainer.state()).parameters, before, {});
  trainer.dispose();
});

test('an optimiser of a host: Lion makes the float64 step of the gradient, and learns', async () => {
  const model = modelWith();
  const gradient = await requireGradient(model, { output: cpOutput, cotangent: squares });
  const rate = 1e-3;
  const trainer = await Trainer.create(engine, {
    model,
    target,
    optimiser: lion(rate),
    preconditioner: sepPgd({ topK }),
  });
  await trainer.advance(1);
  const { parameters, optimiser } = await trainer.state();
  const expected = initialParameters(model, 0).map((p, i) => p - Math.fround(rate) * Math.sign(gradient[i]));
  requireClose('parameters', parameters, expected, { absolute: 1e-7 });
  requireClose(
    'moment',
    optimiser.state.moment,
    gradient.map(g => 0.01 * g),
    { relative: 1e-5, absolute: 1e-9 },
  );
  const other = await Trainer.create(engine, { model, target, optimiser: lion(rate), seed: 3 });
  other.restore(await trainer.state());
  requireClose('restored', (await other.state()).optimiser.state.moment, optimiser.state.moment, {});
  for (const one of [trainer, other]) one.dispose();
  await requireLearning({ model, optimiser: lion(cosine) }, 0.5);
});

test('a preconditioner of a host: SepPGD of a smoothed cotangent has the float64 gradient, and learns', async () => {
  const model = modelWith();
  const [down, along] = [smoother(rows), smoother(columns)];
  const before = (g: Float64Array) => {
    const half = Float64Array.from(g, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let u = 0; u < rows; u++) sum += down[i * rows + u] * g[u * columns + j];
      return sum;
    });
    return Float64Array.from(g, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      let sum = 0;
      for (let u = 0; u < columns; u++) sum += along[j * columns + u] * half[i * columns + u];
      return sum;
    });
  };
  const preconditioner = smoothed(sepPgd({ topK }));
  await requireGradient(model, { output: cpOutput, cotangent: squares, before }, { preconditioner });
  await requireLearning({ model, preconditioner }, 0.7);
});

test('a spectral preconditioner of a host: SepPGD from its parts makes the same steps, and goes on from a state of its k', async () => {
  const model = modelWith();
  const run = async (preconditioner: Preconditioner) => {
    const trainer = await Trainer.create(engine, {
      model,
      target,
      optimiser: adam({ learningRate: 1e-3 }),
      preconditioner,
    });
    await trainer.advance(13);
    const state = await trainer.state();
    const losses = await trainer.advance(5);
    return { trainer, state, losses };
  };
  const [own, expected] = [await run(byParts(topK)), await run(sepPgd({ topK, combine: 'product' }))];
  requireClose('losses', own.losses, expected.losses, {});
  requireClose('parameters', own.state.parameters, expected.state.parameters, {});
  own.trainer.restore(own.state);
  requireClose('losses again', await own.trainer.advance(5), own.losses, {});
  for (const { trainer } of [own, expected]) trainer.dispose();
});

test('a readout of a host: the logistic function, with the float64 gradient at its output, learns', async () => {
  const model = modelWith({ readout: logistic });
  const output = (factors: readonly Float64Array[]) => cpOutput(factors).map(x => 1 / (1 + Math.exp(-x)));
  await requireGradient(model, { output, cotangent: squares });
  const trained = await requireLearning({ model }, 0.5);
  require('outputs are between 0 and 1', trained.output.every(z => z > 0 && z < 1));
});

test('a contraction of a host: the tensor ring has the float64 output and gradient, and learns, in slabs too', async () => {
  const model = modelWith({ contraction: tensorRing(ringRanks) });
  const [r0, r1] = ringRanks;
  const output = ([a, b]: readonly Float64Array[]) =>
    Float64Array.from({ length: rows * columns }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      let trace = 0;
      for (let r = 0; r < r0; r++) {
        for (let s = 0; s < r1; s++) trace += a[i * r0 * r1 + r * r1 + s] * b[j * r0 * r1 + r * r1 + s];
      }
      return trace;
    });
  const widths = [r0 * r1, r0 * r1];
  const whole = await requireGradient(model, { output, cotangent: squares }, { widths });
  const slabs = await requireGradient(model, { output, cotangent: squares }, { widths, slabBytes: 4 * 7 * columns });
  requireNorm('gradient in slabs', slabs, whole, 1e-5);
  await requireLearning({ model }, 0.6);
});

const folder = mkdtempSync(join(tmpdir(), 'sepnn-extend-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));
const codec: Codec = {
  activations: { gaussian },
  domains: { disc: ({ points, start, count }) => disc(Number(points), Number(start), Number(count)) },
};

/** The same model out of a file, where the codec has what is the host's own. */
async function throughFile(model: Model, parameters: Float32Array): Promise<Model> {
  const path = join(folder, `${model.domain.name}-${model.network.activation.name}.safetensors`);
  await writeModel(path, { model, state: { step: 0, parameters }, training: {} }, codec);
  const read = await readModel(path, codec);
  requireClose('parameters of the file', read.state.parameters, parameters, {});
  return read.model;
}

test('an activation of a host: the Gaussian has the float64 gradient, learns, and comes out of a file as it was', async () => {
  const model = modelWith({ network: architecture({ width, activation: gaussian, omega: 3 }) });
  await requireGradient(model, { output: cpOutput, cotangent: squares }, { activation: 'gaussian' });
  const { output, parameters } = await requireLearning({ model }, 0.5);
  const read = await throughFile(model, parameters);
  requireEqual('activation', read.network.activation, gaussian);
  requireClose('output', await evaluate(engine, read, parameters), output, {});
});

test('a domain of a host: points of a disc train as the same scattered points do, in tiles too, and come out of a file', async () => {
  const domain = disc(150);
  const coordinates = coordinatesOf(domain);
  const values = Float32Array.from(
    { length: 150 },
    (_, i) => Math.sin(3 * coordinates[2 * i]) * coordinates[2 * i + 1],
  );
  const common = { contraction: cp({ rank }), network: architecture({ width, omega: 4 }) };
  const model = defineModel({ domain, ...common });
  const trained = await requireLearning({ model, target: values }, 0.5);
  const same = defineModel({ domain: scatteredPoints({ axes: 2, coordinates }), ...common });
  const expected = await requireLearning({ model: same, target: values }, 0.5);
  requireClose('parameters', trained.parameters, expected.parameters, {});
  const read = await throughFile(model, trained.parameters);
  requireClose('coordinates', coordinatesOf(read.domain), coordinates, {});
  const tiled = await evaluate(engine, read, trained.parameters, read.domain, { mostNumbers: 40 });
  requireClose('output in tiles', tiled, trained.output, {});
  const part = await throughFile({ ...model, domain: domain.part([30], [50]) }, trained.parameters);
  requireClose('a part', await evaluate(engine, part, trained.parameters), trained.output.subarray(30, 80), {});
});

test('each of them takes no more lines than it may', () => {
  const text = readFileSync(new URL(import.meta.url), 'utf8');
  const found = [...text.matchAll(/^\/\/ >>> ([a-z ]+) (\d+)\n([\s\S]*?)^\/\/ <<<$/gm)];
  requireEqual('parts', found.length, 9);
  for (const [, name, most, body] of found) {
    const lines = body.trimEnd().split('\n').length;
    require(`${name} takes ${lines} lines, at most ${most}`, lines <= Number(most));
  }
});
