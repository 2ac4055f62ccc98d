/** Dispatches that run at once: whatever is joined gives the bits of what stood apart. */

import { layoutOf } from '../../src/buffer/layout.js';
import { within } from '../../src/host/scope.js';
import { type Dispatch, dispatch } from '../../src/kernel/dispatch.js';
import { gathered } from '../../src/kernel/gather.js';
import { kernelOf } from '../../src/kernel/reflect.js';
import { relu } from '../../src/model/activation.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { forward, networkInput } from '../../src/model/forward.js';
import { defineModel, initialParameters, outputShapes } from '../../src/model/model.js';
import { parametersOf } from '../../src/model/parameters.js';
import { squaredError } from '../../src/objective/squaredError.js';
import { topEigenpairs } from '../../src/ops/eigen/topEigenpairs.js';
import { precondition } from '../../src/ops/precondition/precondition.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { createEngine } from '../../src/public/index.js';
import { appliedIn, gradientOf } from '../../src/train/gradient.js';
import { TrainedParameters } from '../../src/train/trainedParameters.js';
import { Trainer } from '../../src/train/trainer.js';
import * as elementwise from '../../src/wgsl/elementwise.js';
import { require, requireBits, requireEqual, requireNorm } from '../helpers/compare.js';
import { contentOf, device, engine, filled, poisoned, run } from '../helpers/gpu.js';
import { random, randomInteger, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';
import { orthonormalise } from '../reference/eigen/orthonormalise.js';
import { preconditioner, precondition as preconditionTwin } from '../reference/precondition/precondition.js';

const test = suite('dispatches at once');
const isCpu = device.cpu;

/** What is lowered meanwhile is for a GPU. */
async function asGpu<T>(work: () => T | Promise<T>): Promise<T> {
  Object.defineProperty(device, 'cpu', { value: false, configurable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(device, 'cpu', { value: isCpu, configurable: true });
  }
}

test('on a GPU a step at 512 x 512 takes 10 dispatches, with SepPGD 11, with its refresh at most 24', async () => {
  // What is only counted is not compiled, but for what computes the networks' input.
  const { gpu } = device;
  const compile = gpu.createComputePipelineAsync.bind(gpu);
  gpu.createComputePipelineAsync = async one => (one.label === 'features' ? compile(one) : ({} as GPUComputePipeline));
  const own = await createEngine({ device: gpu });
  Object.defineProperty(own.device, 'cpu', { value: false });
  const counts: number[] = [];
  for (const preconditioner of [undefined, sepPgd({ topK: 6 })]) {
    const trainer = await Trainer.create(own, {
      model: defineModel({
        domain: grid([512, 512]),
        contraction: cp({ rank: 500 }),
        network: architecture({ width: 500 }),
      }),
      target: new Float32Array(512 * 512),
      optimiser: adam({ learningRate: 1e-3 }),
      ...(preconditioner && { preconditioner }),
    });
    counts.push(trainer.work.step.dispatches, trainer.work.refreshStep.dispatches);
    trainer.dispose();
  }
  Reflect.deleteProperty(gpu, 'createComputePipelineAsync');
  await own.dispose();
  requireEqual('a step', counts.slice(0, 3), [10, 10, 11]);
  require(`${counts[3]} with a refresh`, counts[3] <= 24);
});

test('what the preconditioners of both axes take from a cotangent at once on a GPU is what their matrices take, two tensors at once', async () => {
  const [grid, topK] = [
    [9, 7],
    [3, 2],
  ];
  const g = randoms(2 * 63);
  const bases = [...grid, ...grid].map((n, i) => {
    const k = topK[i % 2] + 1;
    return { n, k, vectors: orthonormalise(randoms(k * n), k, n), scaled: randoms(k * n) };
  });
  const stackOfBases = (pick: 'vectors' | 'scaled') =>
    engine.stack(
      bases.map(({ k, n }) => [k, n]),
      bases.flatMap(basis => [...basis[pick]]),
    );
  const [cotangent, vectors, scaled] = [engine.stack([grid, grid], g), stackOfBases('vectors'), stackOfBases('scaled')];
  const plan = await asGpu(() =>
    engine.compile(graph => ({
      p: precondition(graph.read(cotangent), graph.read(vectors), graph.read(scaled), { combine: 'sum', topK }),
    })),
  );
  await plan.run();
  const expected = [0, 1].flatMap(tensor => {
    const matrices = bases
      .slice(2 * tensor, 2 * tensor + 2)
      .map((basis, axis) => preconditioner(basis.scaled, basis.vectors, topK[axis], basis.n));
    return [...preconditionTwin(g.slice(63 * tensor, 63 * tensor + 63), grid, matrices, 'sum')];
  });
  requireNorm('P', await plan.outputs.p.read(), expected, 2e-6);
  plan.dispose();
});

type Numbers = readonly Float64Array[];

/** A list of dispatches over storages with the given numbers, and what those hold in the end. */
async function endOf(numbers: Numbers, list: (storages: ReturnType<typeof filled>[]) => readonly Dispatch[]) {
  const operands = numbers.map(values => filled(layoutOf([values.length]), values));
  await run(list(operands));
  return Promise.all(operands.map(contentOf));
}

const count = 200;

/** Dispatches among six storages: some with barriers, some with settings, some with a table, of several workgroup sizes. */
function drawn(length: number) {
  const steps = Array.from({ length }, () => ({
    kind: randomInteger(0, 3),
    size: [8, 64][randomInteger(0, 1)],
    places: Array.from({ length: 6 }, (_, i) => i).sort(() => random() - 0.5),
    alpha: random(),
  }));
  return (operands: readonly ReturnType<typeof filled>[]) =>
    steps.map(({ kind, size, places, alpha }) => {
      const [left, right, result] = places.map(place => operands[place].storage);
      const each = { constants: { WORKGROUP: size }, workgroups: [Math.ceil(count / size), 1, 1] as const };
      if (kind === 0) {
        const settings = { count, alpha, beta: 1 - alpha };
        return dispatch(elementwise.linearCombination, { ...each, settings, buffers: { left, right, result } });
      }
      if (kind === 1) {
        return dispatch(elementwise.multiply, { ...each, settings: { count }, buffers: { left, right, result } });
      }
      if (kind === 2) {
        const rows = { rows: 3, columns: 20, input: 3, inputStride: 31, result: 7, resultStride: 22 };
        return dispatch(elementwise.copyRows, {
          ...each,
          problems: [rows, { ...rows, input: 60, result: 100 }],
          buffers: { input: left, result },
          workgroups: [Math.ceil(60 / size), 1, 2],
        });
      }
      const settings = { rows: 1, columns: count, inputStride: count, stretch: 50 };
      const constants = { WORKGROUP: size };
      return dispatch(elementwise.sum, {
        constants,
        settings,
        buffers: { input: left, result },
        workgroups: [4, 1, 1],
      });
    });
}

test('lists of dispatches drawn at random give the same bits when those that do not depend on each other are joined', async () => {
  const lists = Number(process.env.SEPNN_GATHERED ?? 6);
  let [given, left] = [0, 0];
  for (let i = 0; i < lists; i++) {
    const numbers = Array.from({ length: 6 }, () => randoms(count));
    const list = drawn(12);
    const apart = await endOf(numbers, list);
    const together = await endOf(numbers, operands => {
      const joined = gathered(Object.create(device, { cpu: { value: false } }), list(operands));
      [given, left] = [given + 12, left + joined.length];
      return joined;
    });
    for (const [at, values] of apart.entries()) requireBits(`storage ${at}`, together[at], values);
  }
  require(`${left} of ${given} dispatches are left`, left < given);
});

/** What four steps of SepPGD leave, a refresh in each. */
function stepped() {
  return within(async scope => {
    const model = defineModel({
      domain: grid([19, 14]),
      contraction: cp({ rank: 7 }),
      network: architecture({ width: 12, activation: relu }),
      members: 2,
    });
    const target = scope.keep(engine.stack(outputShapes(model), new Float32Array(2 * 19 * 14).fill(0.5)));
    const input = scope.keep(await networkInput(engine, model));
    const preconditioner = await sepPgd({ topK: 3 }).start(engine, scope, model);
    const optimiser = adam({ learningRate: 1e-3 });
    const parameters = new TrainedParameters(
      engine,
      scope,
      parametersOf(model),
      optimiser,
      initialParameters(model, 1),
    );
    const plan = await engine.compile(graph => {
      const pass = forward(graph, model, graph.read(parameters.tensor), input);
      const goal = squaredError().goal(pass.output, graph.read(target));
      const applied = appliedIn(graph, preconditioner, pass, true);
      const gradient = gradientOf(goal, pass.output, pass.residuals.parameters, applied);
      parameters.update(graph, goal.loss, gradient, true);
    });
    scope.keep(plan);
    const losses = await parameters.advance(4, () => plan.run({ times: 4 }));
    const { optimiser: moments, ...state } = await parameters.state();
    const kept = { losses, parameters: state.parameters, ...moments.state };
    return { kept: { ...kept, ...(await preconditioner.state()) }, dispatches: plan.dispatches.length };
  });
}

test('a step whose dispatches are joined gives the bits of one whose dispatches stand apart', async () => {
  const together = await asGpu(stepped);
  // Where a shader binds nothing, nothing is joined.
  const none = new Proxy(device.limits, {
    get: (limits, name) => (name === 'maxStorageBuffersPerShaderStage' ? 0 : limits[name as 'maxBufferSize']),
  });
  Object.defineProperty(device, 'limits', { value: none, configurable: true });
  const apart = await asGpu(stepped).finally(() => Reflect.deleteProperty(device, 'limits'));
  require(`${together.dispatches} of ${apart.dispatches} dispatches`, together.dispatches < 0.7 * apart.dispatches);
  for (const [name, values] of Object.entries(apart.kept)) requireBits(name, together.kept[name as 'losses'], values);
});

test('a text that is not written as those of this package runs by itself', () => {
  const texts = {
    'white space':
      '@group(0) @binding(0) var<storage, read_write> result: array<f32>;\n@compute@workgroup_size(1)\nfn main(){result[0]=1.0;}\n',
    'two axes':
      '@group(0)@binding(0)var<storage,read_write>result:array<f32>;\n@compute@workgroup_size(4,4)\nfn main(){result[0]=1.0;}\n',
    'another builtin':
      '@group(0)@binding(0)var<storage,read_write>result:array<f32>;\n@compute@workgroup_size(1)\nfn main(@builtin(local_invocation_id)id:vec3u){result[id.x]=1.0;}\n',
  };
  for (const [name, text] of Object.entries(texts)) {
    const [one, other] = [poisoned(layoutOf([1])), poisoned(layoutOf([1]))];
    const list = [one, other].map(({ storage }) =>
      dispatch(kernelOf(name, text), { buffers: { result: storage }, workgroups: [1, 1, 1] }),
    );
    requireEqual(name, gathered(Object.create(device, { cpu: { value: false } }), list).length, 2);
  }
});

test('two dispatches of 256 threads are joined where their workgroup memory has room for both, and stay apart where not', async () => {
  const text = (rooms: readonly string[]) =>
    [
      'const WORKGROUP=256u;',
      '@group(0)@binding(0)var<storage,read_write>result:array<f32>;',
      ...rooms.map((length, i) => `var<workgroup>room${i}:array<vec4f,${length}>;`),
      '@compute@workgroup_size(WORKGROUP)',
      'fn main(@builtin(local_invocation_index)lane:u32){',
      ...rooms.map((_, i) => `room${i}[lane]=vec4f(f32(lane));`),
      `result[lane]=${rooms.map((_, i) => `room${i}[lane].x`).join('+')};}`,
    ].join('\n');
  const gpu = Object.create(device, { cpu: { value: false } });
  const { maxComputeWorkgroupStorageSize } = device.limits;
  const most = maxComputeWorkgroupStorageSize / 16 / 256;
  for (const [second, left] of [
    [['WORKGROUP'], 1],
    [['WORKGROUP', 'WORKGROUP'], 2],
    [['WORKGROUP', 'min(WORKGROUP,256u)'], 2],
  ] as const) {
    const results = [[`${most}u*WORKGROUP`], second].map((rooms, i) => ({ rooms, ...poisoned(layoutOf([256])), i }));
    const list = results.map(({ rooms, storage, i }) =>
      dispatch(kernelOf(`rooms ${i}`, text(rooms)), { buffers: { result: storage }, workgroups: [1, 1, 1] }),
    );
    const joined = gathered(gpu, list);
    requireEqual(`beside ${second}`, joined.length, left);
    await run(joined);
    for (const result of results) {
      const expected = Float32Array.from({ length: 256 }, (_, lane) => result.rooms.length * lane);
      requireBits(`room ${result.i}`, await contentOf(result), expected);
    }
  }
});

test('as many uniforms are bound together as a stage may have, whatever the storages', () => {
  for (const most of [2, 12]) {
    const limits = {
      maxComputeWorkgroupsPerDimension: 65535,
      maxComputeWorkgroupStorageSize: 16384,
      maxStorageBuffersPerShaderStage: 64,
      maxUniformBuffersPerShaderStage: most,
    };
    const gpu = Object.create(device, { cpu: { value: false }, limits: { value: limits } });
    const list = Array.from({ length: 2 * most + 1 }, () =>
      dispatch(elementwise.fill, {
        settings: { count: 4, value: 1 },
        buffers: { result: poisoned(layoutOf([4])).storage },
        workgroups: [1, 1, 1],
      }),
    );
    const uniforms = gathered(gpu, list).map(
      ({ bindings }) => bindings.filter(({ access }) => access === 'uniform').length,
    );
    requireEqual(`at most ${most}`, uniforms, [most, most, 1]);
  }
});

test('what would outlast the time of a dispatch together stays apart', async () => {
  const gpu = Object.create(device, { cpu: { value: false }, rate: { value: 2000, writable: true } });
  const works = [
    { operations: 60, bytes: 0 },
    { operations: 0, bytes: 10 },
  ];
  const list = works.map(work =>
    dispatch(elementwise.fill, {
      settings: { count: 4, value: 1 },
      buffers: { result: poisoned(layoutOf([4])).storage },
      workgroups: [1, 1, 1],
      work,
    }),
  );
  // 50 ms are 100 operations, and a byte is as long as four.
  requireEqual('within', gathered(gpu, list).length, 1);
  gpu.rate = 1999;
  requireEqual('past', gathered(gpu, list).length, 2);
});

test('on a GPU eigenpairs of a block whose triangle just fits into workgroup memory are compiled', async () => {
  const [matrix, start] = [engine.tensor([89, 89]), engine.tensor([88, 89])];
  const plan = await asGpu(() =>
    engine.compile(graph => topEigenpairs(graph.read(matrix), graph.read(start), { iterations: 1 })),
  );
  const { maxComputeWorkgroupStorageSize } = device.limits;
  requireEqual('workgroup memory', maxComputeWorkgroupStorageSize, 16_384);
  for (const one of [plan, matrix, start]) one.dispose();
});
