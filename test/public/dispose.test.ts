/** The end of things: what is disposed of says so by name, leaves no buffer, and may be left to `using` or the collector. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { runCase } from '../../src/experiments/golden/goldenCase.js';
import { requireCase } from '../../src/experiments/golden/goldenFormat.js';
import { matmul } from '../../src/ops/linear/matmul.js';
import {
  adam,
  architecture,
  cp,
  createEngine,
  defineModel,
  type Engine,
  evaluateTiles,
  grid,
  openEngine,
  parameterCount,
  Scope,
  sepPgd,
  Trainer,
} from '../../src/public/node.js';
import { KroneckerNtk, normalParameters, ntkCp, TangentTrainer } from '../../src/public/ntk.js';
import { require, requireClose, requireEqual, requireThrows } from '../helpers/compare.js';
import { device, engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('the end of things');

const network = architecture({ width: 4 });
const model = defineModel({ domain: grid([6, 5]), contraction: cp({ rank: 3 }), network });
const limiting = ntkCp({ domain: grid([6, 5]), rank: 3, network });
const trained = {
  model,
  target: new Float32Array(30).fill(0.5),
  optimiser: adam({ learningRate: 1e-3 }),
};
const product = (on: Engine) => {
  const a = on.tensor([2, 2], [1, 2, 3, 4]);
  return on.compile(graph => ({ c: matmul(graph.read(a), graph.read(a)) }));
};

test('an engine that is disposed of says so at every use of it and of what it made, and keeps no buffer', async () => {
  const guest = await createEngine({ device: device.gpu });
  const tensor = guest.tensor([2], [1, 2]);
  const plan = await product(guest);
  const trainer = await Trainer.create(guest, trained);
  await trainer.advance(1);
  await tensor.read();
  await Promise.all([guest.dispose(), guest.dispose()]);
  await guest.dispose();
  requireEqual('buffers and bytes', [guest.memory.buffers, guest.memory.bytes], [0, 0]);
  const uses: Record<string, () => unknown> = {
    tensor: () => guest.tensor([1]),
    packed: () => guest.packed([[1]]),
    wrap: () => guest.wrap(engine.packed([[4]]).buffer, [4]),
    compile: () => guest.compile(graph => ({ a: graph.read(tensor) })),
    tune: () => guest.tune({ a: graph => ({ a: graph.read(tensor) }) }),
    run: () => guest.run([[plan, 1]]),
    profile: () => guest.profile(plan),
    check: () => guest.check(),
    'plan.run': () => plan.run(),
    'plan.encode': () => plan.encode(device.gpu.createCommandEncoder()),
    'tensor.read': () => tensor.read(),
    'tensor.write': () => tensor.write([1, 2]),
    'tensor.clear': () => tensor.clear(),
    'trainer.advance': () => trainer.advance(1),
    'trainer.render': () => trainer.render(),
    'trainer.state': () => trainer.state(),
    'a trainer': () => Trainer.create(guest, trained),
    'another engine': () => engine.compile(graph => ({ a: graph.read(tensor) })),
  };
  for (const [what, use] of Object.entries(uses)) {
    await requireThrows(what, use, 'InputError', /^the engine has been disposed of: open another$/);
  }
  for (const one of [tensor, plan, trainer, tensor, plan, trainer]) one.dispose();
  requireEqual('buffers after all', guest.memory.buffers, 0);
  requireClose('the device goes on', await engine.tensor([1], [7]).read(), [7], {});
});

test('calls that are under way when an engine is disposed of end with an error or a result, and leave nothing', async () => {
  const guest = await createEngine({ device: device.gpu });
  const tensor = guest.tensor([2], [1, 2]);
  const trainer = await Trainer.create(guest, trained);
  const calls = [trainer.advance(40), trainer.render(), tensor.read(), product(guest), Trainer.create(guest, trained)];
  const settled = Promise.allSettled(calls);
  await guest.dispose();
  for (const result of await settled) {
    if (result.status === 'rejected') requireEqual('error', (result.reason as Error).name, 'InputError');
  }
  requireEqual('buffers', guest.memory.buffers, 0);
});

test('a run whose plan is disposed of before all of it is submitted says so by name', async () => {
  const before = engine.memory.buffers;
  const plan = await product(engine);
  const run = plan.run({ times: 3 });
  plan.dispose();
  await requireThrows('run', () => run, 'InputError', /^the plan has been disposed of$/);
  requireEqual('buffers, but for the operand of the product', engine.memory.buffers - before, 1);
});

test('plans, trainers and kernels that are disposed of say so by name, twice is harmless, and no buffer is left', async () => {
  const before = engine.memory.buffers;
  const theta = normalParameters(limiting, 0);
  const vector = new Float32Array(30);
  const stack = engine.stack([[1, 4]]);
  const made = {
    plan: await product(engine),
    trainer: await Trainer.create(engine, trained),
    tangent: await TangentTrainer.create(engine, trained),
    kernel: await KroneckerNtk.create(engine, limiting, theta),
    stack,
  };
  await made.trainer.advance(2);
  await made.tangent.advance(2);
  await made.kernel.product(vector);
  for (const one of [...Object.values(made), ...Object.values(made)]) one.dispose();
  await requireThrows('plan', () => made.plan.run(), 'InputError', /^the plan has been disposed of/);
  await requireThrows('its output', () => made.plan.outputs.c.read(), 'InputError', /^the tensor .*\(2, 2\) has been/);
  await requireThrows('trainer', () => made.trainer.advance(1), 'InputError', /^the trainer has been disposed of/);
  await requireThrows('tangent', () => made.tangent.advance(1), 'InputError', /^the trainer has been disposed of/);
  await requireThrows('kernel', () => made.kernel.product(vector), 'InputError', /has been disposed of/);
  await requireThrows('stack', () => stack.read(), 'InputError', /^the tensor of shape \(1, 4\) has been disposed of/);
  requireEqual('buffers, but for the operand of the product', engine.memory.buffers - before, 1);
});

test('an optimiser or a preconditioner that fails after it has allocated leaves no buffer, and neither does a golden case', async () => {
  const before = [engine.memory.buffers, engine.memory.bytes];
  const late = { message: 'too late' };
  const { optimiser } = trained;
  const preconditioner = sepPgd({ topK: 2 });
  const failing = {
    optimiser: {
      ...optimiser,
      start: (...given: Parameters<typeof optimiser.start>) => {
        optimiser.start(...given);
        throw late;
      },
    },
    preconditioner: {
      ...preconditioner,
      start: async (...given: Parameters<typeof preconditioner.start>) => {
        await preconditioner.start(...given);
        throw late;
      },
    },
  };
  for (const [name, value] of Object.entries(failing)) {
    const error = await Trainer.create(engine, { ...trained, [name]: value }).catch(reason => reason);
    requireEqual(`${name}: its error`, error, late);
    requireEqual(`${name}: buffers and bytes`, [engine.memory.buffers, engine.memory.bytes], before);
  }
  const golden = JSON.parse(readFileSync(new URL('../golden/cp_d2_relu.json', import.meta.url), 'utf8'));
  await runCase(engine, requireCase(golden));
  requireEqual('a golden case: buffers and bytes', [engine.memory.buffers, engine.memory.bytes], before);
});

test('using and await using dispose of everything that has an end', async () => {
  const before = engine.memory.buffers;
  {
    using scope = new Scope();
    scope.keep(engine.tensor([1]));
    using _tensor = engine.tensor([3]);
    using _plan = await engine.compile(graph => ({ c: graph.read(_tensor) }));
    using _trainer = await Trainer.create(engine, trained);
    using _tangent = await TangentTrainer.create(engine, trained);
    using _kernel = await KroneckerNtk.create(engine, limiting, normalParameters(limiting, 0));
    require('there are buffers', engine.memory.buffers > before + 10);
  }
  requireEqual('buffers', engine.memory.buffers, before);
  let ended: Engine;
  {
    await using own = await openEngine({ adapter: 'embedded' });
    requireClose('it works', await own.tensor([1], [2]).read(), [2], {});
    ended = own;
  }
  await requireThrows('after', () => ended.tensor([1]), 'InputError', /disposed/);
});

test('what the collector takes is let go without harm to what is still in use', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const collected = async () => {
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  };
  const own = await createEngine({ device: device.gpu });
  await useAndDrop(own, collected);
  await collected();
  requireEqual('buffers and bytes', [own.memory.buffers, own.memory.bytes], [0, 0]);
  await own.check();
  await own.dispose();
});

async function useAndDrop(own: Engine, collected: () => Promise<void>): Promise<void> {
  const kept = await product(own);
  const held = own.memory.buffers;
  for (let i = 0; i < 5; i++) own.tensor([50, 50], new Float32Array(2500));
  await (await Trainer.create(own, trained)).advance(1);
  await (await product(own)).run();
  const encoder = device.gpu.createCommandEncoder();
  const last = await (async () => {
    const plan = await product(own);
    plan.encode(encoder);
    return plan.outputs.c;
  })();
  require('they take memory', own.memory.buffers > held + 20);
  await collected();
  require('they are let go', own.memory.buffers < held + 10);
  device.gpu.queue.submit([encoder.finish()]);
  requireClose('encoded by a plan that is gone', await last.read(), [7, 10, 15, 22], {});
  await kept.run();
  requireClose('a plan whose operand is gone', await kept.outputs.c.read(), [7, 10, 15, 22], {});
  kept.dispose();
  last.dispose();
  // Left after its first tile without break or return.
  const tiles = evaluateTiles(engine, model, new Float32Array(parameterCount(model)), undefined, { mostNumbers: 10 });
  await tiles.next();
}

test('the types of the package know using without a library that is not named, with every check of libraries on', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'sepnn-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'sepnn'));
  const compiler = (lib: string[]) => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{ target: 'es2022', module: 'nodenext', strict: true, noEmit: true, types: [], lib },
        },
        files: ['use.ts'],
      }),
    );
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(folder, 'use.ts'),
      `import { createEngine, type Trainer } from 'sepnn';
       export async function f(device: GPUDevice, made: Promise<Trainer>) {
         await using engine = await createEngine({ device });
         using tensor = engine.tensor([1]);
         using trainer = await made;
         return [tensor.shape, trainer.step];
       }`,
    );
    try {
      return execFileSync('node', [`${root}node_modules/typescript/bin/tsc`, '-p', folder], { encoding: 'utf8' });
    } catch (error) {
      return (error as { stdout: string }).stdout;
    }
  };
  requireEqual('plain', compiler(['ES2022', 'DOM']), '');
  requireEqual('with the library', compiler(['ES2022', 'DOM', 'ESNext.Disposable']), '');
  rmSync(folder, { recursive: true });
});
