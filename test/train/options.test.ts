/** What a trainer, and the values that it takes, refuse: in one line that names the option, its value and the remedy. */

import { Random } from '../../src/host/random.js';
import { Scope } from '../../src/host/scope.js';
import {
  adam,
  architecture,
  bceWithLogits,
  cp,
  createEngine,
  defineModel,
  evaluate,
  FleetTrainer,
  fourierSeries,
  type Graph,
  grid,
  iga,
  initialParameters,
  jointNetwork,
  linspace,
  mixing,
  msk,
  networkInput,
  openEngine,
  packedCopy,
  scatteredPoints,
  sepPgd,
  sgd,
  Trainer,
  type TrainerOptions,
  tensorTrain,
  tucker,
  type Value,
} from '../../src/public/node.js';
import { denseNtk, limitNtk, normalParameters, ntkCp, ntkJoint, TangentTrainer } from '../../src/public/ntk.js';
import { add, eigendecompose, matmul, vjp } from '../../src/public/ops.js';
import { ProblemTrainer } from '../../src/public/pde.js';
import { requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('options');

const network = architecture({ width: 8 });
const model = defineModel({ domain: grid([6, 5]), contraction: cp({ rank: 3 }), network });
const target = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i));
const optimiser = adam({ learningRate: 1e-3 });

/** What a caller without types may give. */
const untyped = (value: unknown) => value as never;

/** Each throws an InputError of such a message. */
async function refused(...cases: readonly (readonly [make: () => unknown, message: RegExp])[]): Promise<void> {
  for (const [make, message] of cases) await requireThrows(String(message), async () => make(), 'InputError', message);
}

/** The same of a trainer's options, before anything is allocated. */
async function refusedByTrainer(
  ...cases: readonly (readonly [options: Partial<TrainerOptions>, message: RegExp])[]
): Promise<void> {
  const before = engine.memory.bytes;
  await refused(
    ...cases.map(
      ([options, message]) =>
        [() => Trainer.create(engine, { model, target, optimiser, ...options }), message] as const,
    ),
  );
  requireEqual('bytes', engine.memory.bytes, before);
}

test('options of names that are none are refused everywhere, with the names that there are', async () => {
  const wrong = (known: object, name: string) => untyped({ ...known, [name]: 1 });
  const unknown = (what: string, name: string, first: string) =>
    new RegExp(`^${what}: option ${name} is unknown: use ${first}[A-Za-z0-9, ]+$`);
  await refusedByTrainer(
    [wrong({}, 'coordinates'), unknown('Trainer', 'coordinates', 'model, target, optimiser, objective, ')],
    [wrong({}, 'refresh'), unknown('Trainer', 'refresh', 'model, target, ')],
    [wrong({}, 'loss'), unknown('Trainer', 'loss', 'model, target, ')],
  );
  await refused(
    [() => adam(wrong({ learningRate: 1 }, 'rate')), unknown('adam', 'rate', 'learningRate, beta1, beta2, ')],
    [() => sgd(wrong({ learningRate: 1 }, 'beta1')), unknown('sgd', 'beta1', 'learningRate, momentum')],
    [() => sepPgd(wrong({}, 'top')), unknown('sepPgd', 'top', 'topK, combine, ')],
    [() => msk(wrong({ topK: 2 }, 'group')), unknown('msk', 'group', 'topK, modulation, ')],
    [() => iga(wrong({ topK: 2, group: 1 }, 'combine')), unknown('iga', 'combine', 'topK, modulation, ')],
    [() => architecture(wrong({ width: 4 }, 'layers')), unknown('architecture', 'layers', 'width, depth, ')],
    [() => defineModel(wrong(model, 'rank')), unknown('defineModel', 'rank', 'domain, contraction, ')],
    [() => cp(wrong({ rank: 2 }, 'ranks')), unknown('cp', 'ranks', 'rank, ')],
    [() => tensorTrain(wrong({ ranks: 2 }, 'rank')), unknown('tensorTrain', 'rank', 'ranks, ')],
    [() => tucker(wrong({ ranks: 2 }, 'rank')), unknown('tucker', 'rank', 'ranks, ')],
    [() => jointNetwork(wrong({}, 'rank')), unknown('jointNetwork', 'rank', 's')],
    [() => mixing(wrong({ outputs: 2 }, 'rank')), unknown('mixing', 'rank', 'o')],
    [() => scatteredPoints(wrong({ axes: 2 }, 'grid')), unknown('scatteredPoints', 'grid', 'axes, ')],
  );
});

test('something in the place of options is refused', async () => {
  await refused(
    [
      () => Trainer.create(engine, untyped(undefined)),
      /^Trainer: undefined is no object: give options \{ model, target, /,
    ],
    [() => adam(untyped(1e-3)), /^adam: 0\.001 is no object: give options \{ learningRate, beta1, /],
    [() => sepPgd(untyped([4, 4])), /^sepPgd: a list is no object: give options \{ topK, combine, /],
    [() => architecture(untyped('8')), /^architecture: "8" is no object/],
  );
});

test('an optimiser, an objective, a preconditioner or a model that is none is refused, with what makes one', async () => {
  const optimisers =
    /^optimiser: ("adam"|true|an object|a function|null|undefined) is none: give adam\(\{ learningRate: 1e-4 \}\) or sgd/;
  const objectives = /^objective: ("squares"|null|a function) is none: give squaredError\(\) or bceWithLogits\(\)$/;
  const preconditioners =
    /^preconditioner: (an object|true|"seppgd"|null|a function) is none: give sepPgd\(\), msk\(\{ \.\. \}\), iga/;
  await refusedByTrainer(
    ...['adam', true, { learningRate: 1e-3 }, adam, null, undefined].map(
      value => [{ optimiser: untyped(value) }, optimisers] as const,
    ),
    ...['squares', null, bceWithLogits].map(value => [{ objective: untyped(value) }, objectives] as const),
    ...[{}, { topK: 2 }, true, 'seppgd', null, sepPgd].map(
      value => [{ preconditioner: untyped(value) }, preconditioners] as const,
    ),
    [{ model: untyped('cp') }, /^model: "cp" is none: give defineModel\(\{ \.\. \}\)$/],
    [{ model: untyped(undefined) }, /^model: undefined is none: give defineModel/],
    [{ model: untyped({ grid: [6, 5] }) }, /^model: an object is none: give defineModel\(\{ \.\. \}\)$/],
    [{ tune: untyped('yes') }, /^tune: "yes": use true or false$/],
  );
  await refused(
    [() => defineModel({ ...model, domain: untyped([6, 5]) }), /^domain: a list is none: give grid\(\[128, 128\]\) or/],
    [
      () => defineModel({ ...model, contraction: untyped('cp') }),
      /^contraction: "cp" is none: give cp\(\{ rank \}\), tensor/,
    ],
    [() => defineModel({ ...model, readout: untyped(3) }), /^readout: 3 is none: give identity\(\) or mixing\(/],
    ...(
      [
        [undefined, 'undefined'],
        [{ width: 4 }, 'an object'],
        [fourierSeries({ terms: 3 }), 'a list'],
        [architecture, 'a function'],
      ] as const
    ).map(
      ([wrong, shown]) =>
        [
          () => defineModel({ ...model, network: untyped(wrong) }),
          new RegExp(`^network: ${shown} is none: give architecture\\(\\{ \\.\\. \\}\\)$`),
        ] as const,
    ),
    [
      () => architecture({ width: 4, activation: untyped('relu') }),
      /^activation: "relu" is none: use sine, relu or another/,
    ],
  );
});

test('learning rates, decays and moments that are no numbers of their range are refused', async () => {
  const above = (name: string, value: string) =>
    new RegExp(`^${name}: ${value}: use a number that float32 holds above 0$`);
  const from = (name: string, value: string) =>
    new RegExp(`^${name}: ${value}: use a number that float32 holds from 0$`);
  for (const make of [adam, sgd]) {
    await refused(
      [() => make({ learningRate: -1 }), above('learningRate', '-1')],
      [() => make({ learningRate: 0 }), above('learningRate', '0')],
      [() => make({ learningRate: Number.POSITIVE_INFINITY }), above('learningRate', 'Infinity')],
      [() => make({ learningRate: Number.NaN }), above('learningRate', 'NaN')],
      [() => make({ learningRate: 1e39 }), above('learningRate', '1e\\+39')],
      [() => make({ learningRate: 1e-50 }), above('learningRate', '1e-50')],
      [
        () => make({ learningRate: untyped('1e-3') }),
        /^learningRate: "1e-3": use a number above 0, or a function of the step$/,
      ],
      [() => make(untyped({})), /^learningRate: undefined: use a number above 0, or a function of the step$/],
      [() => make({ learningRate: 1e-3, weightDecay: Number.NaN }), from('weightDecay', 'NaN')],
      [() => make({ learningRate: 1e-3, weightDecay: -1e-4 }), from('weightDecay', '-0\\.0001')],
    );
  }
  const learningRate = 1e-3;
  const below = 'use a number that float32 holds above 0, below 1$';
  await refused(
    [() => adam({ learningRate, epsilon: Number.NaN }), from('epsilon', 'NaN')],
    [() => adam({ learningRate, epsilon: -1 }), from('epsilon', '-1')],
    [() => adam({ learningRate, beta1: 1 }), new RegExp(`^beta1: 1: ${below}`)],
    [() => adam({ learningRate, beta2: Number.NaN }), new RegExp(`^beta2: NaN: ${below}`)],
    [() => adam({ learningRate, decoupled: untyped(1) }), /^decoupled: 1: use true or false$/],
    [() => sgd({ learningRate, momentum: 1 }), /^momentum: 1: use a number that float32 holds from 0, below 1$/],
  );
});

test('k, modulations, combinations and refreshes that are none are refused, alone and for this model', async () => {
  await refused(
    [() => sepPgd({ topK: 0 }), /^topK: 0: use a whole number from 1 to/],
    [() => sepPgd({ topK: [2, 1.5] }), /^topK: 1\.5: use a whole number from 1 to/],
    [() => sepPgd({ topK: untyped('all') }), /^topK: "all": use 'auto', a whole number, or one for each axis$/],
    [() => sepPgd({ topK: untyped(null) }), /^topK: null: use 'auto', a whole number, or one for each axis$/],
    [() => sepPgd({ combine: untyped('mean') }), /^combine: "mean" is unknown: use sum, product$/],
    [() => sepPgd({ modulation: untyped('g1') }), /^modulation: "g1" is unknown: use flat, sqrt$/],
    [() => sepPgd({ meanOfLogits: untyped('no') }), /^meanOfLogits: "no": use true or false$/],
    [() => sepPgd({ refresh: 0 }), /^refresh: 0: use a whole number from 1 to/],
    [() => msk({ topK: 2, refresh: 2.5 }), /^refresh: 2\.5: use a whole number from 1 to/],
    [() => msk({ topK: Number.NaN }), /^topK: NaN: use a whole number from 1 to/],
    [() => iga({ topK: 2, group: 0 }), /^group: 0: use a whole number from 1 to/],
    [() => iga({ topK: 2, group: 2, seed: Number.NaN }), /^seed: NaN: use a whole number from 0 to 4294967295$/],
  );
  await refusedByTrainer(
    [{ preconditioner: sepPgd({ topK: 7 }) }, /^topK: 7: use a whole number from 1 to 6$/],
    [{ preconditioner: sepPgd({ topK: [3, 6] }) }, /^topK: 6: use a whole number from 1 to 5$/],
    [{ preconditioner: sepPgd({ topK: [2, 2, 2] }) }, /^topK: 3 numbers for 2 axes: give one number, or one per axis$/],
    [{ preconditioner: msk({ topK: 31 }) }, /^topK: 31: use a whole number from 1 to 30$/],
  );
  const long = defineModel({
    domain: grid([1025, 2]),
    contraction: cp({ rank: 2 }),
    network: architecture({ width: 4, depth: 2 }),
  });
  await refused(
    [
      () => sepPgd({ topK: [1017, 1] }).start(engine, new Scope(), long),
      /^topK: 1017: use a whole number from 1 to 1016$/,
    ],
    [() => msk({ topK: 1017 }).start(engine, new Scope(), long), /^topK: 1017: use a whole number from 1 to 1016$/],
  );
});

test('a target is numbers, as many as the output has, of which one at least is trained on', async () => {
  const holes = new Array<number>(30);
  const one = (value: unknown) => untyped(Array.from(target, (y, i) => (i === 7 ? value : y)));
  await refusedByTrainer(
    [{ target: [1, 2] }, /^target: takes 30 numbers, got 2$/],
    [{ target: untyped(undefined) }, /^target: takes 30 numbers, got undefined$/],
    [{ target: untyped('0'.repeat(30)) }, /^target: takes 30 numbers, got "0+\.*"$/],
    [
      { target: untyped(Array.from(target, String)) },
      /^target: holds "0" at 0: use float32 numbers, NaN for a point left out$/,
    ],
    [{ target: one('0.5') }, /^target: holds "0\.5" at 7: use float32 numbers, NaN for a point left out$/],
    [{ target: one(null) }, /^target: holds null at 7: use float32 numbers/],
    [{ target: holes }, /^target: holds undefined at 0: use float32 numbers, NaN for a point left out$/],
    [{ target: one(1e39) }, /^target: holds 1e\+39 at 7: use float32 numbers/],
    [{ target: one(Number.NEGATIVE_INFINITY) }, /^target: holds -Infinity at 7: use float32 numbers/],
    [{ target: new Float32Array(30).fill(Number.NaN) }, /^target: is NaN everywhere: give at least one number$/],
    [{ target: () => new Float32Array(29) }, /^target: takes 30 numbers, got 29$/],
    [{ target: untyped(async () => undefined) }, /^target: takes 30 numbers, got undefined$/],
    [{ target: untyped(() => one('1')) }, /^target: holds "1" at 7: use float32 numbers/],
    [{ evaluations: { other: [1] } }, /^evaluations: other: takes 30 numbers, got 1$/],
    [{ evaluations: { other: one('1') } }, /^evaluations: other: holds "1" at 7: use float32 numbers/],
    [{ evaluations: { training: target } }, /^evaluations: training is the name of the target itself: use another$/],
    [{ evaluations: untyped([target]) }, /^evaluations: a list is no object: give each by its name$/],
  );
});

test('seeds, bytes and sizes that are none are refused', async () => {
  const seeds = (value: string) => new RegExp(`^seed: ${value}: use a whole number from 0 to 4294967295$`);
  await refusedByTrainer(
    [{ seed: Number.NaN }, seeds('NaN')],
    [{ seed: untyped('x') }, seeds('"x"')],
    [{ seed: -1 }, seeds('-1')],
    [{ seed: 2 ** 32 }, seeds('4294967296')],
    [{ seed: untyped(null) }, seeds('null')],
    [{ slabBytes: untyped('many') }, /^slabBytes: "many": use a number of bytes$/],
    [{ targetBytes: Number.NaN }, /^targetBytes: NaN: use a number of bytes$/],
  );
  await refused(
    [() => cp({ rank: 0 }), /^rank: 0: use a whole number from 1 to/],
    [() => cp({ rank: 2, scale: 0 }), /^scale: 0: use a number other than 0$/],
    [() => grid([4]), /^grid: axes: 1: use a whole number from 2 to 6$/],
    [() => grid([4, 0]), /^grid: 0: use a whole number from 1 to/],
    [() => grid(untyped(16)), /^grid: 16 is no list: give one such as \[128, 128\]$/],
    [() => grid([4, [0, Number.NaN]]), /^grid: axis 1, point 1: NaN: use a number that float32 holds$/],
    [() => linspace(Number.POSITIVE_INFINITY), /^linspace: Infinity: use a whole number from 1 to/],
    [() => architecture({ width: 2.5 }), /^width: 2\.5: use a whole number from 1 to/],
    [() => architecture({ width: 4, depth: 0 }), /^depth: 0: use a whole number from 1 to 64$/],
    [
      () => architecture({ width: 4, omega: [1] }),
      /^omega: 1 numbers for 2 hidden layers: give one, or one per layer$/,
    ],
    [() => architecture({ width: 4, omega: 0 }), /^omega: 0: use a number from above 0 to 10000$/],
    [() => defineModel({ ...model, members: 0 }), /^members: 0: use a whole number from 1 to/],
  );
});

test('options of engines, of scattered points and of tangent kernels are checked as those of a trainer', async () => {
  const wrong = (known: object) => untyped({ ...known, more: 1 });
  const whole = { domain: grid([3, 3]), rank: 2, network };
  const { device } = engine;
  await refused(
    [() => openEngine(wrong({})), /^openEngine: option more is unknown: use adapter, portable, dawn, matrixUnits$/],
    [() => openEngine(untyped(null)), /^openEngine: null is no object/],
    [() => openEngine({ portable: untyped('yes') }), /^portable: "yes": use true or false$/],
    [() => openEngine({ matrixUnits: untyped(1) }), /^matrixUnits: 1: use true or false$/],
    [() => openEngine({ dawn: untyped('backend=null') }), /^dawn: "backend=null": give a list of texts such as/],
    [() => createEngine(wrong({ device: device.gpu })), /^createEngine: option more is unknown: use device, info, /],
    [() => createEngine(untyped(undefined)), /^createEngine: undefined is no object/],
    [
      () => scatteredPoints({ axes: 2, coordinates: untyped(['1', '2']) }),
      /^coordinates: point 0 has "1" on axis 0: use finite numbers$/,
    ],
    [() => ntkCp(wrong(whole)), /^ntkCp: option more is unknown: use domain, rank, network$/],
    [() => ntkJoint(untyped(whole)), /^ntkJoint: option rank is unknown: use domain, network$/],
    [
      () => limitNtk(wrong({ network, axes: 1, points: [1] })),
      /^limitNtk: option more is unknown: use network, axes, /,
    ],
    [() => normalParameters(model, Number.NaN), /^seed: NaN: use a whole number from 0/],
  );
});

test('what was not awaited, a tensor in the place of a value, and shapes, graphs and outputs that are none are told', async () => {
  const promise = untyped(Promise.resolve(engine));
  const parameters = initialParameters(model, 0);
  const noEngine = /^engine: \[object Promise\] is none: await createEngine\(\{ device \}\) or openEngine\(\)$/;
  const fleet = { model, batch: 1, optimiser, steps: 1 };
  const t = engine.tensor([2, 2], [1, 2, 3, 4]);
  const built = (build: (x: Value, graph: Graph) => unknown) => () =>
    engine.compile(graph => ({ y: untyped(build(graph.read(t), graph)) }));
  const compiled = (...given: unknown[]) => (engine.compile as (...given: unknown[]) => unknown)(...given);
  await refused(
    [() => Trainer.create(promise, { model, target, optimiser }), noEngine],
    [() => FleetTrainer.create(promise, fleet), noEngine],
    [() => FleetTrainer.batchFor(promise, model), noEngine],
    [() => TangentTrainer.create(promise, { model, target, optimiser }), noEngine],
    [() => ProblemTrainer.create(promise, untyped({})), noEngine],
    [() => evaluate(promise, model, parameters), noEngine],
    [() => networkInput(promise, model), noEngine],
    [() => packedCopy(promise, t), noEngine],
    [() => eigendecompose(promise, [1, 1], [1]), noEngine],
    [() => denseNtk(promise, model, parameters), noEngine],
    [() => evaluate(engine, model, untyped(undefined)), /^parameters: takes \d+ numbers, got undefined$/],
    [() => packedCopy(engine, untyped(3)), /^tensor: 3 is none: use engine\.wrap\(buffer, shape\) for a buffer$/],
    [() => eigendecompose(engine, untyped(4), [1]), /^eigendecompose: shape: 4 is no list: give \[n, n\]/],
    [() => eigendecompose(engine, [1, 1], untyped(undefined)), /^eigendecompose: values: undefined is no list/],
    [() => engine.tensor(untyped(4), [1, 2, 3, 4]), /^shape: 4 is no list: give one such as \[128, 128\]$/],
    [() => engine.packed(untyped([4])), /^shape: 4 is no list/],
    [() => engine.stack(untyped(4)), /^shape: 4 is no list/],
    [() => engine.tensor([4], untyped('abcd')), /^tensor of shape \(4\): takes 4 numbers, got "abcd"$/],
    [() => t.write(untyped(undefined)), /^tensor of shape \(2, 2\): takes 4 numbers, got undefined$/],
    [() => compiled(3), /^compile: 3 is none: give a function of a graph$/],
    [() => compiled([() => ({})]), /^compile: a list is none: give a function of a graph$/],
    [() => compiled({ a: 3 }), /^compile: 3 is none: give a function of a graph$/],
    [() => compiled(() => ({}), { intoo: {} }), /^compile: option intoo is unknown: use into$/],
    [() => compiled(() => 3), /^compile: outputs: 3 is no object: give values by name$/],
    [() => compiled(async () => ({})), /^compile: outputs: \[object Promise\] is no object/],
    [() => compiled(() => ({ y: undefined })), /^compile: y: undefined is no value: use graph\.read\(tensor\)$/],
    [built((x, graph) => graph.assign(untyped(4), x)), /^tensor: 4 is none/],
    [built(() => matmul(untyped(t), untyped(t))), /^matmul: an object is no value: use graph\.read\(tensor\)$/],
    [built(() => matmul(promise, untyped(t))), /^matmul: \[object Promise\] is no value/],
    [built(x => vjp(add(x, x), untyped(undefined), [x])), /^vjp: the seed: undefined is no value/],
    [
      built(x => vjp(add(x, x), untyped([x]), untyped(undefined))),
      /^vjp: undefined is no list: give vjp\(output, seed, /,
    ],
    [built(x => vjp(add(x, x), untyped(t), [x])), /^vjp: the seed: an object is no value/],
    [built(x => vjp(untyped(t), 1, [x])), /^vjp: an object is no value/],
  );
  t.dispose();
});

test('a text is shown in quotes, so that it is told from the number that it spells', () =>
  refused(
    [
      () => adam({ learningRate: untyped('1') }),
      /^learningRate: "1": use a number above 0, or a function of the step$/,
    ],
    [() => cp({ rank: untyped('3\n\u2028') }), /^rank: "3\\n ": use a whole number/],
    [() => cp({ rank: untyped('9'.repeat(41)) }), /^rank: "9{40}\.\.\.": use a whole number/],
    [() => cp({ rank: 1.5 }), /^rank: 1\.5: use a whole number/],
  ));

test('a seed is a whole number of 32 bits, also where the numbers are drawn', () =>
  refused(
    ...['x', -1, 0.5, 2 ** 32, undefined].map(
      seed => [() => new Random(untyped(seed)), /^seed: .*: use a whole number from 0 to 4294967295$/] as const,
    ),
  ));

test('an optimiser of a host that returns nothing is named, and what was made is disposed of', async () => {
  const started = { name: 'mine', learningRate: 1, start: () => undefined };
  const idle = { ...started, start: () => ({ update: () => undefined }) };
  const message = /^optimiser mine: start or update gave nothing: return what they must$/;
  await refusedByTrainer([{ optimiser: untyped(started) }, message], [{ optimiser: untyped(idle) }, message]);
});
