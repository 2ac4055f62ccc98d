/**
 * Whether anything grows in a process that lives long: rounds of an engine on one borrowed device, replays of a tiny
 * plan, trainers one after the other.
 */

import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { scale } from '../src/ops/elementwise/linearCombination.js';
import { matmul } from '../src/ops/linear/matmul.js';
import {
  adam,
  architecture,
  cp,
  createEngine,
  defineModel,
  type Engine,
  grid,
  type Preconditioner,
  sleepInTurns,
  Trainer,
} from '../src/public/node.js';

/** What a process holds, after the collector. */
export interface Held {
  /** Of the engine. */
  readonly buffers: number;
  readonly bytes: number;
  /** Things that keep the process alive, and open files. */
  readonly handles: number;
  /** Bytes of JavaScript's heap, and of what stands outside it. */
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
}

/** Samples after equal portions of the work. */
export type Soaked = readonly (Held & { readonly done: number })[];

const samples = 6;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heldBy({ memory }: Pick<Engine, 'memory'>): Promise<Held> {
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise(resolve => setTimeout(resolve, 10)); // what is done when something was collected
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  const files = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  const handles = process.getActiveResourcesInfo().length + files;
  return { buffers: memory.buffers, bytes: memory.bytes, handles, heap: heapUsed, external, resident: rss };
}

/** Does `work` `count` times. @param engine of which buffers are counted. */
async function soak(engine: Pick<Engine, 'memory'>, count: number, work: () => Promise<void>): Promise<Soaked> {
  const soaked: (Held & { done: number })[] = [];
  for (let sample = 1, done = 0; sample <= samples; sample++) {
    const until = Math.round((count * sample) / samples);
    for (; done < until; done++) await work();
    soaked.push({ done, ...(await heldBy(engine)) });
  }
  return soaked;
}

/** Rounds of an engine on a borrowed device: create, compile, run, read, dispose. */
export function soakEngines({ device }: Engine, rounds: number): Promise<Soaked> {
  let memory = { buffers: 0, bytes: 0, peakBytes: 0 };
  const last = {
    get memory() {
      return memory;
    },
  };
  return soak(last, rounds, async () => {
    const engine = await createEngine({ device: device.gpu, whilePending: sleepInTurns });
    const a = engine.tensor([8, 8], new Float32Array(64).fill(1));
    const plan = await engine.compile(graph => ({ c: matmul(graph.read(a), graph.read(a)) }));
    await plan.run();
    const [first] = await plan.outputs.c.read();
    if (first !== 8) throw new Error(`a product is ${first}`);
    await engine.dispose();
    ({ memory } = engine);
  });
}

/** Replays of a tiny plan, a few to a submit. */
export async function soakReplays(engine: Engine, replays: number): Promise<Soaked> {
  const times = Math.min(replays, 10);
  const x = engine.tensor([4], [1, 2, 3, 4]);
  const plan = await engine.compile(graph => graph.assign(x, scale(graph.read(x), 1)));
  const soaked = await soak(engine, replays / times, () => plan.run({ times }));
  const [first] = await x.read();
  if (first !== 1) throw new Error(`after the replays there is ${first}`);
  plan.dispose();
  x.dispose();
  return soaked.map(one => ({ ...one, done: one.done * times }));
}

/** Trainers one after the other, each with a report and a state. */
export function soakTrainers(engine: Engine, trainers: number, preconditioner?: Preconditioner): Promise<Soaked> {
  const model = defineModel({
    domain: grid([12, 10]),
    contraction: cp({ rank: 4 }),
    network: architecture({ width: 6 }),
  });
  const target = new Float32Array(120).fill(0.5);
  return soak(engine, trainers, async () => {
    const trainer = await Trainer.create(engine, {
      model,
      target,
      optimiser: adam({ learningRate: 1e-3 }),
      ...(preconditioner && { preconditioner }),
    });
    await trainer.advance(3);
    await trainer.evaluate();
    await trainer.state();
    trainer.dispose();
  });
}

/**
 * What came to be held from the first half of the work to the second: the least of either, since a sample may catch what
 * is about to be let go. The first sample is left out: much is compiled then.
 */
export function growthOf(soaked: Soaked): Held {
  const half = Math.floor(soaked.length / 2);
  const least = (part: Soaked, name: keyof Held) => Math.min(...part.map(held => held[name]));
  const growth = (name: keyof Held) => least(soaked.slice(half), name) - least(soaked.slice(1, half), name);
  return {
    buffers: growth('buffers'),
    bytes: growth('bytes'),
    handles: growth('handles'),
    heap: growth('heap'),
    external: growth('external'),
    resident: growth('resident'),
  };
}
