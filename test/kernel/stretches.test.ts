/** Dispatches cut by time into stretches of their workgroups: how many each has, and that the bits are those of one. */

import { layoutOf, sizeOf } from '../../src/buffer/layout.js';
import { bufferOf } from '../../src/buffer/memory.js';
import type { Tensor } from '../../src/buffer/tensor.js';
import type { Build, Plan } from '../../src/graph/plan.js';
import { type Dispatch, dispatch, isStorage } from '../../src/kernel/dispatch.js';
import { inStretches, join } from '../../src/kernel/join.js';
import {
  dispatchMilliseconds,
  expectedMilliseconds,
  leastRate,
  operationsOfFullest,
  workgroupsInTime,
} from '../../src/kernel/pace.js';
import type { Sequence } from '../../src/kernel/sequence.js';
import { forward } from '../../src/model/forward.js';
import { modelParameterShapes, networkInputs, networkPoints } from '../../src/model/model.js';
import {
  adam,
  architecture,
  cp,
  defineModel,
  grid,
  jointNetwork,
  type Model,
  mixing,
  scatteredPoints,
  sepPgd,
  Trainer,
  type TrainerOptions,
  tensorTrain,
} from '../../src/public/node.js';
import { matmul, pseudoNtk, vjp } from '../../src/public/ops.js';
import * as elementwise from '../../src/wgsl/elementwise.js';
import { require, requireBits, requireEqual } from '../helpers/compare.js';
import { atRate, device, engine, poisoned } from '../helpers/gpu.js';
import { random, randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('stretches');
const isCpu = device.cpu;
/** Of what compiles many texts, as a GPU has them. */
const seconds = 600;
/** FLOP/s so low that a stretch has the least of workgroups, 16. */
const slowest = 1;

/** What is made meanwhile is for a GPU of a rate. */
async function onGpu<T>(rate: number | undefined, work: () => Promise<T>): Promise<T> {
  Object.defineProperty(device, 'cpu', { value: false, configurable: true });
  try {
    return await atRate(rate, work);
  } finally {
    Object.defineProperty(device, 'cpu', { value: isCpu, configurable: true });
  }
}

test('as many workgroups as end in 50 ms were all as full as the fullest, and 16 at the least', () => {
  for (let trial = 0; trial < 1000; trial++) {
    const workgroups = [randomInteger(1, 300), randomInteger(1, 300), randomInteger(1, 9)] as const;
    const all = sizeOf(workgroups);
    const each = 10 ** (9 * random());
    const bytes = trial % 3 === 0 ? 0 : all * each * random();
    const one = { work: { operations: all * each, bytes }, workgroups, ...(trial % 2 && { fullest: 3 * each }) };
    const most = workgroupsInTime(operationsOfFullest(one), leastRate);
    const milliseconds = (count: number) =>
      (1000 * count * Math.max(one.fullest ?? 0, each + (4 * bytes) / all)) / leastRate;
    require(`${most} workgroups`, Number.isInteger(most) && most >= 16);
    require(`${milliseconds(most)} ms`, most === 16 || milliseconds(most) <= dispatchMilliseconds * (1 + 1e-9));
    require('no fewer', milliseconds(most + 1) > dispatchMilliseconds * (1 - 1e-9));
  }
});

/** A dispatch that nobody runs. */
const filling = (workgroups: Dispatch['workgroups'], operations: number) =>
  dispatch(elementwise.fill, {
    settings: { count: 1, value: 1 },
    buffers: { result: poisoned(layoutOf([4])).storage },
    workgroups,
    work: { operations, bytes: 0 },
  });
const beginOf = ({ resources: [begin] }: Dispatch) => new Uint32Array((begin as Uint8Array<ArrayBuffer>).buffer)[0];

test('stretches have every workgroup once, none more than a device takes along an axis, and one text', () => {
  for (let trial = 0; trial < 200; trial++) {
    const most = randomInteger(17, 400);
    const limits = { ...device.limits, maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupStorageSize: 2 ** 14 };
    const gpu = Object.create(device, {
      cpu: { value: false },
      rate: { value: 20 * randomInteger(1, 100) },
      limits: { value: { ...limits, maxComputeWorkgroupsPerDimension: most } },
    });
    const workgroups = [randomInteger(1, most), randomInteger(1, 12), randomInteger(1, 3)] as const;
    const all = sizeOf(workgroups);
    const cut = inStretches(gpu, filling(workgroups, all));
    const inTime = workgroupsInTime(1, gpu.rate);
    const longest = Math.min(most, inTime);
    requireEqual('stretches', cut.length, all > inTime ? Math.ceil(all / longest) : 1);
    if (cut.length === 1) continue;
    let next = 0;
    for (const one of cut) {
      requireEqual('begins', beginOf(one), next);
      requireEqual('wide', one.workgroups.slice(1), [1, 1]);
      require(`${one.workgroups[0]} of ${longest}`, one.workgroups[0] <= longest && one.workgroups[0] > 0);
      requireEqual('text', one.source, cut[0].source);
      requireEqual('may follow', one.follows, next > 0 && all <= most);
      next += one.workgroups[0];
    }
    requireEqual('all', next, all);
  }
});

test('what ends in time, what a processor runs and what a host wrote in a way of its own stay whole', () => {
  const gpu = Object.create(device, { cpu: { value: false }, rate: { value: 2000, writable: true } });
  const one = filling([20, 1, 1], 100);
  requireEqual('in time', inStretches(gpu, one), [one]);
  gpu.rate = 1000;
  requireEqual('past it', inStretches(gpu, one).length, 2);
  requireEqual('a processor', inStretches(Object.create(gpu, { cpu: { value: true } }), one), [one]);
  const joint = join(gpu, [filling([20, 1, 1], 1), filling([20, 1, 1], 1)]) as Dispatch;
  const joined = { ...joint, work: one.work };
  requireEqual('joined already', inStretches(gpu, joined), [joined]);
  const own = { ...one, source: one.source.replace('@compute@workgroup_size', '@compute @workgroup_size') };
  requireEqual('of its own', inStretches(gpu, own), [own]);
});

/** What a graph dispatches on a phone, of no memory. */
async function onPhone(build: Build): Promise<readonly Dispatch[]> {
  return onGpu(leastRate, async () => (await engine.dispatchesOf(build)).flatMap(one => inStretches(device, one)));
}

/** The forward pass of a model and its gradient, of parameters of no matter what. */
function passes(model: Model): Build {
  return graph => {
    const parameters = graph.read(engine.stack(modelParameterShapes(model)));
    const input = graph.read(engine.stack(networkPoints(model).map(n => [n, networkInputs(model) + 1])));
    const { output } = forward(graph, model, parameters, input);
    return { gradient: vjp(output, output, [parameters])[0] };
  };
}

const network = architecture({ width: 512 });
const large: Readonly<Record<string, [build: Build, least: number]>> = {
  'networks of 4096 points and 512 units': [
    passes(defineModel({ domain: grid([4096, 16]), contraction: cp({ rank: 512 }), network })),
    4,
  ],
  'the tangent kernel of 4096 points': [
    graph => {
      const model = defineModel({ domain: grid([4096, 4]), contraction: cp({ rank: 512 }), network });
      const parameters = graph.read(engine.stack(modelParameterShapes(model)));
      const { residuals } = forward(
        graph,
        model,
        parameters,
        graph.read(
          engine.stack([
            [4096, 2],
            [4, 2],
          ]),
        ),
      );
      return { kernel: pseudoNtk(residuals) };
    },
    10,
  ],
  'the product of two matrices of 4096 rows': [
    graph => ({ c: matmul(graph.read(engine.tensor([4096, 4096])), graph.read(engine.tensor([4096, 4096]))) }),
    55,
  ],
  'one network of all coordinates on 64 x 64 points': [
    passes(defineModel({ domain: grid([64, 64]), contraction: jointNetwork(), network })),
    2,
  ],
  'a train on 256 x 512 x 1024': [
    passes(defineModel({ domain: grid([256, 512, 1024]), contraction: tensorTrain({ ranks: [16, 24] }), network })),
    10,
  ],
};

for (const [name, [build, least]] of Object.entries(large)) {
  test(`${name}: no dispatch is above 50 ms at 50 GFLOP/s`, async () => {
    const cut = await onPhone(build);
    const took = cut.map(one => expectedMilliseconds({ ...one, work: { ...one.work, bytes: 0 } }, leastRate));
    const longest = Math.max(...took);
    require(`${longest} ms`, longest <= dispatchMilliseconds + 0.011);
    const stretches = cut.filter(one => one.follows !== undefined).length;
    require(`${stretches} stretches of ${cut.length} dispatches`, stretches >= least);
  });
}

const sequenceOf = (plan: Plan) => (plan as unknown as { sequence: Sequence }).sequence;

/** Fills all that a plan writes with a NaN of its own. */
function poison(plan: Plan): void {
  for (const { bindings, resources } of plan.dispatches) {
    for (const [i, one] of resources.entries()) {
      if (!isStorage(one) || bindings[i].access !== 'read_write') continue;
      device.gpu.queue.writeBuffer(bufferOf(one), one.offset, new Uint32Array(one.bytes / 4).fill(0x7fc0dead));
    }
  }
}

const tensors = (...shapes: (readonly [number, number])[]): Tensor[] =>
  shapes.map(shape => engine.tensor(shape, randoms(sizeOf(shape))));

/** Graphs whose every dispatch is made anew from their inputs. */
const graphs: Readonly<Record<string, () => Build>> = {
  'products of both operands as they are and transposed': () => {
    const [a, b, c] = tensors([131, 71], [71, 149], [149, 71]);
    return graph => {
      const left = graph.read(a);
      return {
        plain: matmul(left, graph.read(b)),
        right: matmul(left, graph.read(c), { transposeRight: true }),
        both: matmul(graph.read(b), left, { transposeLeft: true, transposeRight: true }),
      };
    };
  },
  'a product whose inner axis is cut': () => {
    const [a, b] = tensors([37, 5003], [5003, 41]);
    return graph => ({ c: matmul(graph.read(a), graph.read(b)) });
  },
  'networks of hundreds of points, a contraction of three axes and what comes back': () => {
    const model = defineModel({
      domain: grid([301, 19, 23]),
      contraction: cp({ rank: 21 }),
      network: architecture({ width: 37 }),
    });
    const [parameters, inputs] = [modelParameterShapes(model), networkPoints(model).map(n => [n, 2])].map(shapes =>
      engine.stack(shapes, randoms(shapes.reduce((all, shape) => all + sizeOf(shape), 0))),
    );
    return graph => {
      const { output, residuals } = forward(graph, model, graph.read(parameters), inputs);
      return { output, gradient: vjp(output, output, [residuals.parameters])[0] };
    };
  },
  'a tangent kernel, whose upper half is made and mirrored': () => {
    const model = defineModel({
      domain: grid([211, 5]),
      contraction: cp({ rank: 19 }),
      network: architecture({ width: 29 }),
    });
    const shapes = modelParameterShapes(model);
    const parameters = engine.stack(shapes, randoms(shapes.reduce((all, shape) => all + sizeOf(shape), 0)));
    const input = engine.stack(
      [
        [211, 2],
        [5, 2],
      ],
      randoms(432),
    );
    return graph => ({ kernel: pseudoNtk(forward(graph, model, graph.read(parameters), input).residuals) });
  },
};

for (const [name, made] of Object.entries(graphs)) {
  test(
    `${name}: stretches give the bits of whole dispatches`,
    async () => {
      const build = made();
      const bits = async (rate: number) => {
        const plan = await onGpu(rate, () => engine.compile(build as Build<Record<string, never>>));
        poison(plan);
        await plan.run();
        const outputs = plan.outputs as Readonly<Record<string, Tensor>>;
        const found = await Promise.all(
          Object.entries(outputs).map(async ([key, one]) => [key, await one.read()] as const),
        );
        const length = sequenceOf(plan).length;
        plan.dispose();
        return { found, length, dispatches: plan.dispatches.length };
      };
      // At one rate nothing is joined either, so that texts of one dispatch each are cut, and at the other some are joined.
      const [whole, cut, some] = [await bits(1e15), await bits(slowest), await bits(1e7)];
      require(`${cut.length} of ${cut.dispatches}`, cut.length > cut.dispatches && whole.length === whole.dispatches);
      for (const other of [cut, some]) {
        for (const [i, [key, values]] of whole.found.entries()) requireBits(key, other.found[i][1], values);
      }
    },
    seconds,
  );
}

const points = 203;
const trainings: Readonly<Record<string, () => Partial<TrainerOptions> & { readonly model: Model }>> = {
  'SepPGD with its refresh': () => ({
    model: defineModel({
      domain: grid([83, 67]),
      contraction: cp({ rank: 21 }),
      network: architecture({ width: 23 }),
      readout: mixing({ outputs: 2 }),
    }),
    preconditioner: sepPgd({ topK: 5, refresh: 2 }),
  }),
  'one network of all coordinates': () => ({
    model: defineModel({ domain: grid([31, 29]), contraction: jointNetwork(), network: architecture({ width: 23 }) }),
  }),
  'scattered points': () => ({
    model: defineModel({
      domain: scatteredPoints({ axes: 2, coordinates: Float64Array.from({ length: 2 * points }, random) }),
      contraction: cp({ rank: 21 }),
      network: architecture({ width: 23 }),
    }),
    preconditioner: sepPgd({ topK: 5, refresh: 2 }),
  }),
};

for (const [name, made] of Object.entries(trainings)) {
  test(
    `${name}: steps in stretches leave the bits of whole dispatches`,
    async () => {
      const { model, ...more } = made();
      const outputs = model.readout.name === 'mixing' ? 2 : 1;
      const target = Float32Array.from(randoms(outputs * sizeOf(model.domain.shape)));
      const after = (rate: number) =>
        onGpu(rate, async () => {
          const trainer = await Trainer.create(engine, {
            model,
            target,
            optimiser: adam({ learningRate: 1e-3 }),
            ...more,
          });
          const losses = await trainer.advance(5);
          const { parameters } = await trainer.state();
          const plans = (trainer as unknown as { plans: { step: { plan: Plan }[][] } }).plans;
          const [[{ plan }]] = plans.step;
          const cut = sequenceOf(plan).length - plan.dispatches.length;
          trainer.dispose();
          return { losses, parameters, cut };
        });
      const [whole, cut] = [await after(1e15), await after(slowest)];
      require(`${cut.cut} and ${whole.cut} more`, cut.cut > 5 && whole.cut === 0);
      requireBits('losses', cut.losses, whole.losses);
      requireBits('parameters', cut.parameters, whole.parameters);
    },
    seconds,
  );
}

test('stretches of what was measured go together, as many as end well in time, and no run is joined to the next', async () => {
  const [a, b] = tensors([257, 16], [16, 257]);
  const plan = await onGpu(slowest, () => engine.compile(graph => ({ c: matmul(graph.read(a), graph.read(b)) })));
  const sequence = sequenceOf(plan);
  const dispatched = (from: number, to: number) => {
    const counts: number[] = [];
    const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups: (x: number) => counts.push(x) };
    sequence.encode(pass as unknown as GPUComputePassEncoder, { from, to });
    return counts;
  };
  const all = sizeOf(plan.dispatches[0].workgroups);
  const { length } = sequence;
  requireEqual('dispatches', [plan.dispatches.length, length], [1, Math.ceil(all / 16)]);
  requireEqual('at first', dispatched(0, length).length, length);
  sequence.expected.fill(5);
  requireEqual('two at a time', dispatched(0, length), [
    ...Array<number>(length >> 1).fill(32),
    ...(length % 2 ? [all % 16 || 16] : []),
  ]);
  requireEqual('from the middle', dispatched(3, 8), [32, 32, 16]);
  sequence.expected.fill(1e-3);
  requireEqual('all', dispatched(0, 2 * length), [all, all]);
  plan.dispose();
});
