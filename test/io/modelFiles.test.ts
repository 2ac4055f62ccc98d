/** Model files of the first version are read and trained on from; those of today's hold all of a domain and a codec's values. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { sizeOf } from '../../src/buffer/layout.js';
import { decodeModel, readModel, writeModel } from '../../src/io/model/modelFile.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/model/safetensors.js';
import { cosine, leakyRelu, relu, tanh } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { type Codec, describeModel, modelOf } from '../../src/model/codec.js';
import type { Contraction } from '../../src/model/contraction/contraction.js';
import { cp } from '../../src/model/contraction/cp.js';
import { jointNetwork } from '../../src/model/contraction/jointNetwork.js';
import { tensorTrain } from '../../src/model/contraction/tensorTrain.js';
import { tucker } from '../../src/model/contraction/tucker.js';
import { axisPoints, coordinatesOf, type Domain, descriptionOf } from '../../src/model/domain/domain.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { scatteredPoints } from '../../src/model/domain/scatteredPoints.js';
import { defineModel, initialParameters, type Model, onDomain, planeCount } from '../../src/model/model.js';
import { identity } from '../../src/model/readout/identity.js';
import { mixing } from '../../src/model/readout/mixing.js';
import { adam } from '../../src/optimiser/adam.js';
import { sgd } from '../../src/optimiser/sgd.js';
import { iga, msk } from '../../src/precondition/iga.js';
import type { Preconditioner } from '../../src/precondition/preconditioner.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer, type TrainerState } from '../../src/train/trainer.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { distorted, readOrRefused } from '../helpers/fuzz.js';
import { engine } from '../helpers/gpu.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('model files');
const old = fileURLToPath(new URL('version1/', import.meta.url));
const oldFiles = readdirSync(old).filter(name => name.endsWith('.safetensors'));
const folder = mkdtempSync(join(tmpdir(), 'sepnn-models-'));
atEnd(async () => rmSync(folder, { recursive: true, force: true }));

interface Header {
  readonly [name: string]: { readonly data_offsets: readonly [number, number] };
}

interface OldRecord {
  readonly model: {
    readonly kind: string;
    readonly grid: readonly number[];
    readonly channels: number;
    readonly network: { readonly depth: number };
  };
  readonly step: number;
  readonly top?: readonly number[];
  readonly preconditioner?: string;
  readonly training: { readonly losses: readonly number[] };
}

/** A file's bytes by the description of the format, and nothing of src. */
function rawFile(name: string) {
  const bytes = readFileSync(`${old}${name}`);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Header & { readonly __metadata__: { readonly sepnn: string } } = JSON.parse(
    bytes.toString('utf8', 8, start),
  );
  const record: OldRecord = JSON.parse(header.__metadata__.sepnn);
  const numbers = (tensor: string): number[] => {
    const [from, to] = header[tensor].data_offsets;
    return Array.from({ length: (to - from) / 4 }, (_, i) => bytes.readFloatLE(start + from + 4 * i));
  };
  return { record, numbers, names: Object.keys(header) };
}

/** [W | b] network by network, channel by channel, then what the contraction has of its own: the order of a model. */
function rawParameters({ record, numbers, names }: ReturnType<typeof rawFile>, group: string): number[] {
  const { kind, grid: axes, channels, network } = record.model;
  const everyChannel = Array.from({ length: channels }, (_, channel) => `${group}channel${channel}`);
  const networks = everyChannel.flatMap(name =>
    kind === 'mlp' ? [name] : axes.map((_, axis) => `${name}.axis${axis}`),
  );
  const layers = networks.flatMap(name => Array.from({ length: network.depth }, (_, layer) => `${name}.layer${layer}`));
  const matrices = layers.flatMap(name => {
    const [weight, bias] = [numbers(`${name}.weight`), numbers(`${name}.bias`)];
    const columns = weight.length / bias.length;
    return bias.flatMap((b, row) => [...weight.slice(row * columns, (row + 1) * columns), b]);
  });
  const own = everyChannel.flatMap(name => [`${name}.core`, `${name}.mixing`]).filter(name => names.includes(name));
  return [...matrices, ...own.flatMap(numbers)];
}

const unknownPoints = (points: number, axes: number) => scatteredPoints({ points, axes });
/** The coordinates with which the old files were trained. */
const oldPoints = ({ axes, shape: [points] }: Domain) =>
  scatteredPoints({
    axes,
    coordinates: Float64Array.from({ length: axes * points }, (_, i) => Math.fround(Math.sin(1 + 2.3 * i))),
  });

/** What each file of the first version holds, and the preconditioner with which it was trained. */
const oldModels: Readonly<Record<string, { readonly model: Model; readonly preconditioner?: Preconditioner }>> = {
  cp: {
    model: defineModel({
      domain: grid([6, 5]),
      contraction: cp({ rank: 3, scale: 0.5 }),
      network: architecture({ width: 6, frequencies: [1, 2.5] }),
      members: 2,
    }),
    preconditioner: sepPgd({ topK: [2, 3] }),
  },
  cpPlain: {
    model: defineModel({
      domain: grid([4, 3, 5]),
      contraction: cp({ rank: 4 }),
      network: architecture({ width: 5, depth: 2, activation: leakyRelu }),
    }),
  },
  mixing: {
    model: defineModel({
      domain: grid([6, 5]),
      contraction: cp({ rank: 4 }),
      readout: mixing({ outputs: 3 }),
      network: architecture({ width: 5, activation: cosine, omega: [3, 2] }),
      members: 2,
    }),
    preconditioner: sepPgd({ topK: 2 }),
  },
  tt: {
    model: defineModel({
      domain: grid([4, 3, 5]),
      contraction: tensorTrain({ ranks: [2, 3] }),
      network: architecture({ width: 5 }),
    }),
    preconditioner: sepPgd({ topK: 2, combine: 'product' }),
  },
  tucker: {
    model: defineModel({
      domain: grid([4, 3, 5]),
      contraction: tucker({ ranks: [2, 3, 2] }),
      network: architecture({ width: 4 }),
      members: 2,
    }),
    preconditioner: sepPgd({ topK: 2 }),
  },
  tuckerPlain: {
    model: defineModel({
      domain: grid([5, 4]),
      contraction: tucker({ ranks: [2, 2] }),
      network: architecture({ width: 4 }),
    }),
  },
  mlp: {
    model: defineModel({
      domain: grid([5, 4]),
      contraction: jointNetwork(),
      network: architecture({ width: 6, activation: tanh }),
      members: 2,
    }),
    preconditioner: msk({ topK: 3 }),
  },
  iga: {
    model: defineModel({
      domain: grid([6, 5]),
      contraction: cp({ rank: 3 }),
      network: architecture({ width: 5, omega: 10 }),
    }),
    preconditioner: iga({ topK: 4, group: [2, 3], seed: 5 }),
  },
  cpPoints: {
    model: defineModel({
      domain: unknownPoints(9, 2),
      contraction: cp({ rank: 4 }),
      network: architecture({ width: 5, activation: relu }),
    }),
    preconditioner: sepPgd({ topK: [2, 3] }),
  },
  mlpPoints: {
    model: defineModel({
      domain: unknownPoints(9, 3),
      contraction: jointNetwork(),
      network: architecture({ width: 6 }),
    }),
  },
};

test('files of the first version: model, parameters, moments and eigenvectors are those that another reader finds', async () => {
  requireEqual('files', oldFiles.map(name => name.split('.')[0]).sort(), Object.keys(oldModels).sort());
  for (const [name, { model, preconditioner }] of Object.entries(oldModels)) {
    const raw = rawFile(`${name}.safetensors`);
    const { model: read, state, training } = await readModel(`${old}${name}.safetensors`);
    requireEqual(`${name}: model`, describeModel(read), describeModel(model));
    requireEqual(`${name}: as a value`, read, model);
    requireEqual(`${name}: step`, state.step, 13);
    requireEqual(`${name}: settings`, training, raw.record.training);
    requireEqual(`${name}: parameters`, [...state.parameters], rawParameters(raw, ''));
    requireEqual(`${name}: optimiser`, state.optimiser?.name, 'adam');
    for (const moment of ['firstMoment', 'secondMoment']) {
      const values = state.optimiser?.state[moment] ?? [];
      requireEqual(`${name}: ${moment}`, Array.from(values), rawParameters(raw, `${moment}.`));
    }
    requireEqual(`${name}: has a preconditioner`, state.preconditioner !== undefined, preconditioner !== undefined);
    if (!state.preconditioner) continue;
    requireEqual(`${name}: preconditioner`, state.preconditioner.name, raw.record.preconditioner);
    requireEqual(`${name}: k`, state.preconditioner.topK, raw.record.top);
    requireEqual(`${name}: state`, Object.keys(state.preconditioner.state).sort(), ['scaled', 'vectors']);
    for (const [tensor, values] of Object.entries(state.preconditioner.state)) {
      requireEqual(`${name}: ${tensor}`, Array.from(values), raw.numbers(`preconditioner.${tensor}`));
    }
  }
});

/** The trainer of an old file, which goes on from a state. */
async function trainerOf(
  model: Model,
  preconditioner: Preconditioner | undefined,
  state: TrainerState,
): Promise<Trainer> {
  const domain = model.domain.coordinates !== undefined ? model.domain : oldPoints(model.domain);
  const count = planeCount(model) * sizeOf(domain.shape);
  const trainer = await Trainer.create(engine, {
    model: onDomain(model, domain),
    target: Float32Array.from({ length: count }, (_, i) => 0.5 * Math.sin(0.7 * i)),
    optimiser: adam({ learningRate: 2e-3, weightDecay: 0.01 }),
    ...(preconditioner && { preconditioner }),
  });
  trainer.restore(state);
  return trainer;
}

test('files of the first version: a trainer goes on from them as the one that wrote them did, and so from what it writes', async () => {
  for (const [name, { preconditioner }] of Object.entries(oldModels)) {
    const { model, state, training } = await readModel(`${old}${name}.safetensors`);
    const trainer = await trainerOf(model, preconditioner, state);
    const restored = await trainer.state();
    requireEqual(`${name}: step`, trainer.step, 13);
    requireClose(`${name}: parameters`, restored.parameters, state.parameters, {});
    for (const tensor of ['vectors', 'scaled']) {
      const [held, given] = [restored, state].map(one => one.preconditioner?.state[tensor] ?? []);
      requireClose(`${name}: ${tensor}`, held, given, {});
    }
    const path = join(folder, `${name}.safetensors`);
    await writeModel(path, { model: trainer.model, state: restored, training });
    const losses = await trainer.advance(10);
    requireClose(`${name}: losses`, losses, rawFile(`${name}.safetensors`).record.training.losses, { relative: 1e-4 });
    trainer.dispose();
    const again = await readModel(path);
    requireEqual(`${name}: written and read again`, again.model, trainer.model);
    const second = await trainerOf(again.model, preconditioner, again.state);
    requireClose(`${name}: losses of the second`, await second.advance(10), losses, {});
    second.dispose();
  }
});

test('a file of the first version without its eigenvectors, or with too few, is trained on from: they are found anew', async () => {
  const whole = decodeSafetensors('cp', readFileSync(`${old}cp.safetensors`));
  const losses: Float32Array[] = [];
  for (const change of ['none', 'missing', 'few']) {
    const tensors = new Map(whole.tensors);
    if (change === 'missing') for (const name of ['vectors', 'scaled']) tensors.delete(`preconditioner.${name}`);
    if (change === 'few') tensors.set('preconditioner.scaled', { shape: [2], data: Float32Array.of(1, 2) });
    const { model, state } = decodeModel('cp', encodeSafetensors({ ...whole, tensors }));
    const trainer = await trainerOf(model, oldModels.cp.preconditioner, state);
    losses.push(await trainer.advance(10));
    trainer.dispose();
  }
  const [kept, ...anew] = losses;
  for (const found of anew) {
    requireEqual('the first loss, before any eigenvector is used', found[0], kept[0]);
    require(`the loss falls from ${found[0]} to ${found[9]}`, found[9] < found[0]);
  }
  requireClose('missing and too few', anew[0], anew[1], {});
});

test('files of the first version: 5,000 whose metadata is distorted are read, or refused in one line', () => {
  for (const name of oldFiles) {
    const { tensors, metadata } = decodeSafetensors(name, readFileSync(`${old}${name}`));
    const taken = (value: unknown) => {
      const text = JSON.stringify(value) ?? '';
      return readOrRefused(() => decodeModel('x', encodeSafetensors({ tensors, metadata: { sepnn: text } })));
    };
    fc.assert(fc.property(distorted(JSON.parse(metadata.sepnn)), taken), { numRuns: 5000 / oldFiles.length });
  }
});

/** A state without any training behind it. */
const stateOf = (model: Model): TrainerState => ({ step: 3, parameters: initialParameters(model, 1) });
const network = architecture({ width: 4 });
const tensorsOf = (path: string) => decodeSafetensors(path, readFileSync(path)).tensors;
const singles = (values: ArrayLike<number>) => Array.from(values, Math.fround);

test('coordinates of a grid are written for the axes that are not even, and read again', async () => {
  const uneven = [-1, -0.3, 0.1, 0.9];
  const cases: [Domain, readonly string[]][] = [
    [grid([5, 4]), []],
    [grid([5, linspace(4)]), []],
    [grid([5, uneven]), ['domain.axis1']],
    [grid([[0.5], uneven, 3]), ['domain.axis0', 'domain.axis1']],
    [grid([1, 1]), []],
    [grid([9, 9]).part([2, 0], [3, 9]), ['domain.axis0']],
  ];
  for (const [domain, expected] of cases) {
    const model = defineModel({ domain, contraction: cp({ rank: 2 }), network });
    const path = join(folder, 'grid.safetensors');
    await writeModel(path, { model, state: stateOf(model), training: {} });
    const held = [...tensorsOf(path)].filter(([name]) => name.startsWith('domain.'));
    requireEqual(
      `${descriptionOf(domain)}: written`,
      held.map(([name]) => name),
      expected,
    );
    for (const [name, { shape, data }] of held) {
      const coordinates = coordinatesOf(domain, [Number(name.at(-1))]);
      requireEqual(`${descriptionOf(domain)}: ${name}`, [shape, [...data]], [[data.length], singles(coordinates)]);
    }
    const read = (await readModel(path)).model.domain;
    requireEqual(`${descriptionOf(domain)}: points`, [read.name, axisPoints(read)], [domain.name, axisPoints(domain)]);
    for (let axis = 0; axis < domain.axes; axis++) {
      requireEqual(
        `${descriptionOf(domain)}: axis ${axis}`,
        singles(coordinatesOf(read, [axis])),
        singles(coordinatesOf(domain, [axis])),
      );
    }
  }
});

test('coordinates of scattered points are written and read again, and are not known where they were not', async () => {
  const coordinates = Float64Array.from({ length: 15 }, (_, i) => Math.sin(i));
  const path = join(folder, 'points.safetensors');
  const write = async (domain: Domain) => {
    const model = defineModel({ domain, contraction: cp({ rank: 2 }), network });
    await writeModel(path, { model, state: stateOf(model), training: {} });
    return { held: tensorsOf(path).get('domain.coordinates'), read: (await readModel(path)).model.domain };
  };
  const known = await write(scatteredPoints({ axes: 3, coordinates }));
  requireEqual('shape', known.held?.shape, [5, 3]);
  requireEqual('written', Array.from(known.held?.data ?? []), singles(coordinates));
  requireEqual('read', singles(coordinatesOf(known.read, [0, 1, 2])), singles(coordinates));
  const unknown = await write(unknownPoints(5, 3));
  requireEqual('nothing written', unknown.held, undefined);
  requireEqual('read', [unknown.read.coordinates !== undefined, axisPoints(unknown.read)], [false, [5, 5, 5]]);
});

test('coordinates that do not fit the domain, or are none, are refused with the name of the file', async () => {
  const path = join(folder, 'damaged.safetensors');
  const refused = async (domain: Domain, name: string, data: number[], message: RegExp) => {
    const model = defineModel({ domain, contraction: cp({ rank: 2 }), network });
    await writeModel(path, { model, state: stateOf(model), training: {} });
    const file = decodeSafetensors(path, readFileSync(path));
    const tensors = new Map(file.tensors).set(name, { shape: [data.length], data: Float32Array.from(data) });
    const work = () => decodeModel('x', encodeSafetensors({ ...file, tensors }));
    await requireThrows(name, work, 'InputError', message);
  };
  const points = scatteredPoints({ axes: 2, coordinates: [0, 1, 2, 3] });
  await refused(
    grid([3, 2]),
    'domain.axis0',
    [1, 2],
    /^model x: describes no model \(domain: axis 0 has 2 coordinates for 3 points\): give a file that sepnn wrote$/,
  );
  await refused(
    grid([3, 2]),
    'domain.axis1',
    [1, Number.NaN],
    /^model x: describes no model \(grid: axis 1, point 1: NaN/,
  );
  await refused(points, 'domain.coordinates', [1, 2], /^model x: describes no model \(coordinates: .*got 2\)/);
  await refused(points, 'domain.coordinates', [1, 2, 3, Number.NaN], /^model x: describes no model \(.*NaN/);
});

test('a trainer goes on exactly from its file, of either optimiser, with a preconditioner and coordinates of its own', async () => {
  const xs = [-1, -0.3, 0.1, 0.9, 1];
  const model = defineModel({ domain: grid([6, xs]), contraction: cp({ rank: 3 }), network, members: 2 });
  const path = join(folder, 'goes-on.safetensors');
  for (const optimiser of [adam({ learningRate: 1e-3 }), sgd({ learningRate: 1e-3, momentum: 0.9 })]) {
    const options = {
      target: Float32Array.from({ length: 60 }, (_, i) => Math.sin(i)),
      optimiser,
      preconditioner: sepPgd({ topK: 2, refresh: 4 }),
    };
    const first = await Trainer.create(engine, { ...options, model });
    await first.advance(6);
    const state = await first.state();
    await writeModel(path, { model, state, training: { note: 'mine' } });
    const losses = await first.advance(9);
    first.dispose();
    const read = await readModel(path);
    requireEqual('names', [read.state.optimiser?.name, read.state.preconditioner?.name], [optimiser.name, 'seppgd']);
    requireEqual('k', read.state.preconditioner?.topK, [2, 2]);
    requireEqual('settings', read.training, { note: 'mine' });
    for (const group of ['optimiser', 'preconditioner'] as const) {
      const [found, given] = [read.state[group]?.state ?? {}, state[group]?.state ?? {}];
      requireEqual(`${group}: names`, Object.keys(found).sort(), Object.keys(given).sort());
      for (const [name, values] of Object.entries(given)) requireClose(`${group}: ${name}`, found[name], values, {});
    }
    const second = await Trainer.create(engine, { ...options, model: read.model });
    second.restore(read.state);
    requireClose(`losses with ${optimiser.name}`, await second.advance(9), losses, {});
    second.dispose();
  }
});

test('a state without an optimiser is read as one, so that the optimiser starts anew', async () => {
  const model = defineModel({ domain: grid([6, 5]), contraction: cp({ rank: 3 }), network });
  const path = join(folder, 'parameters.safetensors');
  await writeModel(path, { model, state: stateOf(model), training: {} });
  const { state } = await readModel(path);
  requireEqual('state', Object.keys(state), ['step', 'parameters']);
  const trainer = await Trainer.create(engine, {
    model,
    target: new Float32Array(30),
    optimiser: sgd({ learningRate: 1e-3 }),
  });
  trainer.restore(state);
  requireClose('parameters', (await trainer.state()).parameters, initialParameters(model, 1), {});
  trainer.dispose();
});

/** cp by another name, with a setting that cp has not. */
function tilted(rank: number, tilt: number): Contraction {
  const own = cp({ rank });
  return { ...own, name: 'tilted', settings: { rank, tilt } };
}

/** Evenly spread from -1 to the end, as a host's own settings make them. */
const upTo = (end: number, points: readonly number[]): Domain => ({
  ...grid(points.map(n => linspace(n).map(x => (x + 1) * ((end + 1) / 2) - 1))),
  name: 'up-to',
  settings: { end, points },
});

const codec: Codec = {
  domains: { 'up-to': ({ end, points }) => upTo(Number(end), points as number[]) },
  activations: { swish: { ...tanh, name: 'swish' } },
  contractions: { tilted: ({ rank, tilt }) => tilted(Number(rank), Number(tilt)) },
  readouts: { doubled: () => ({ ...identity(), name: 'doubled' }) },
};

test("values of a host's own are refused by their names, in one line and before a file is written, unless a codec has them", async () => {
  const common = { domain: grid([4, 3]), contraction: cp({ rank: 2 }), network };
  const swish = architecture({ width: 4, activation: { ...tanh, name: 'swish' } });
  const cases: [Model, RegExp][] = [
    [
      defineModel({ ...common, contraction: tilted(2, 0.5) }),
      /^contraction: tilted is unknown: there are cp, tensor-train, tucker, joint-network$/,
    ],
    [
      defineModel({ ...common, readout: { ...identity(), name: 'doubled' } }),
      /^readout: doubled is unknown: there are identity, mixing, decoder$/,
    ],
    [
      defineModel({ ...common, network: swish }),
      /^activation: swish is unknown: there are sine, cosine, relu, leaky-relu, tanh$/,
    ],
  ];
  cases.push([
    defineModel({ ...common, domain: upTo(0.5, [4, 3]) }),
    /^domain: up-to is unknown: there are grid, scattered-points$/,
  ]);
  for (const [model, message] of cases) {
    const [what] = message.source.slice(1).split(':');
    const path = join(folder, `${what}.safetensors`);
    const saved = { model, state: stateOf(model), training: {} };
    await requireThrows(what, () => writeModel(path, saved), 'InputError', message);
    require(`${what}: a file was written`, !existsSync(path));
    await writeModel(path, saved, codec);
    const again = await readModel(path, codec);
    requireEqual(`${what}: model`, again.model, model);
    requireEqual(`${what}: record`, describeModel(again.model, codec), describeModel(model, codec));
    requireClose(`${what}: parameters`, again.state.parameters, saved.state.parameters, {});
    requireClose(`${what}: coordinates`, coordinatesOf(again.model.domain), coordinatesOf(model.domain), {});
    await requireThrows(
      `${what}: read without the codec`,
      () => readModel(path),
      'InputError',
      new RegExp(`describes no model \\(${message.source.slice(1, -1)}\\): give a file that sepnn wrote$`),
    );
  }
  const elsewhere = defineModel({ ...common, domain: { ...grid([4, 3]), name: 'torus' } });
  await requireThrows(
    'domain',
    () => writeModel(join(folder, 'domain.safetensors'), { model: elsewhere, state: stateOf(elsewhere), training: {} }),
    'InputError',
    /^domain: torus is unknown: there are grid, scattered-points$/,
  );
  const cut = defineModel({ ...common, domain: { ...upTo(0.5, [4, 3]), settings: { end: 0.25, points: [4, 3] } } });
  await requireThrows(
    'settings of another domain',
    () => writeModel(join(folder, 'domain.safetensors'), { model: cut, state: stateOf(cut), training: {} }, codec),
    'InputError',
    /^domain up-to: its settings make another one: have them say all that makes it again$/,
  );
});

test('a state that its file could not be read with is refused before a file is written', async () => {
  const model = defineModel({
    domain: grid([5, 3]),
    contraction: cp({ rank: 2 }),
    network: architecture({ width: 4 }),
  });
  const { parameters } = stateOf(model);
  const path = join(folder, 'refused state.safetensors');
  const infinite = parameters.slice();
  infinite[7] = Number.POSITIVE_INFINITY;
  const count = parameters.length;
  const states: readonly (readonly [state: unknown, message: RegExp])[] = [
    [undefined, /^state: undefined is none: give what Trainer\.state gives$/],
    [{ parameters }, /^step: undefined: use a whole number from 0 to /],
    [{ step: -1, parameters }, /^step: -1: use /],
    [{ step: 0 }, /^parameters: takes a Float32Array of \d+ numbers, got undefined$/],
    [{ step: 0, parameters: [...parameters] }, /numbers, got a list$/],
    [{ step: 0, parameters: parameters.slice(1) }, new RegExp(`of ${count} numbers, got ${count - 1}$`)],
    [{ step: 0, parameters: new Float32Array(count + 1) }, new RegExp(`of ${count} numbers, got ${count + 1}$`)],
    [{ step: 0, parameters: infinite }, /^parameters at 7: Infinity: give a state from before$/],
  ];
  for (const [state, message] of states) {
    const saved = { model, state: state as TrainerState };
    await requireThrows(String(message), () => writeModel(path, saved), 'InputError', message);
    requireEqual('written', existsSync(path), false);
  }
  await writeModel(path, { model, state: { step: 3, parameters } });
  requireEqual('training', (await readModel(path)).training, {});
});

test('two parameters of one name, which a file could not tell apart, are refused', async () => {
  const own = cp({ rank: 2 });
  const contraction: Contraction = {
    ...tilted(2, 1),
    onGrid: own.onGrid,
    parameters: { shapes: () => ({ mixing: [2] }), initial: () => new Float32Array(2) },
  };
  const model = defineModel({ domain: grid([4, 3]), contraction, readout: mixing({ outputs: 3 }), network });
  await requireThrows(
    'names',
    () => writeModel(join(folder, 'twice.safetensors'), { model, state: stateOf(model), training: {} }, codec),
    'InputError',
    /^parameter member0\.mixing: there are two of this name: give that of the contraction or of the readout another$/,
  );
});

test("a setting called name, which would take the place of the value's own, is refused", async () => {
  const contraction = { ...tilted(2, 1), settings: { rank: 2, name: 3 } };
  const model = defineModel({ domain: grid([4, 3]), contraction, network });
  await requireThrows(
    'name',
    () => describeModel(model, codec),
    'InputError',
    /^contraction tilted: has a setting called name, which a file has for its own: call it otherwise$/,
  );
});

test('files of the second version, which called kinds otherwise, are read as what they are', async () => {
  const path = join(folder, 'second.safetensors');
  const common = { network, members: 2 };
  const coordinates = [0, 0.5, -1, 1, 0.25, 0.75];
  const kinds: [Model, object, object][] = [
    [
      defineModel({ ...common, domain: grid([4, 3]), contraction: tensorTrain({ ranks: 2 }) }),
      { name: 'grid', axes: 2, points: [4, 3] },
      { name: 'tt', ranks: 2, scale: 1 },
    ],
    [
      defineModel({ ...common, domain: scatteredPoints({ axes: 2, coordinates }), contraction: jointNetwork() }),
      { name: 'points', axes: 2, points: [3, 3] },
      { name: 'joint', scale: 1 },
    ],
  ];
  for (const [model, domain, contraction] of kinds) {
    await writeModel(path, { model, state: stateOf(model), training: {} });
    const file = decodeSafetensors(path, readFileSync(path));
    const record = JSON.parse(file.metadata.sepnn);
    const second = { ...record, version: 2, model: { ...record.model, domain, contraction } };
    const bytes = encodeSafetensors({ ...file, metadata: { sepnn: JSON.stringify(second) } });
    const read = decodeModel('second', bytes);
    requireEqual('model', read.model, model);
    requireEqual('description', describeModel(read.model), describeModel(model));
    requireClose('coordinates', coordinatesOf(read.model.domain), coordinatesOf(model.domain), { absolute: 1e-7 });
    requireClose('parameters', read.state.parameters, stateOf(model).parameters, {});
    const third = encodeSafetensors({ ...file, metadata: { sepnn: JSON.stringify({ ...second, version: 3 }) } });
    await requireThrows('in a file of today', () => decodeModel('third', third), 'InputError', /is unknown: there are/);
  }
});

test('records of models that ship are made into the same models again', () => {
  for (const { model } of Object.values(oldModels)) {
    const record = describeModel(model);
    requireEqual('record', describeModel(modelOf(JSON.parse(JSON.stringify(record)))), record);
  }
});
