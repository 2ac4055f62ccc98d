/** A device for tests of single kernels: storages that are filled and read directly, outputs poisoned first. */

import { type Layout, pad, unpad } from '../../src/buffer/layout.js';
import { Memory, type Storage } from '../../src/buffer/memory.js';
import type { Engine } from '../../src/graph/engine.js';
import type { Operand } from '../../src/graph/operation.js';
import type { Dispatch } from '../../src/kernel/dispatch.js';
import { Pipelines } from '../../src/kernel/pipelines.js';
import { Sequence } from '../../src/kernel/sequence.js';
import { submit } from '../../src/kernel/submit.js';
import { type OpenEngineOptions, openEngine } from '../../src/public/node.js';
import { atEnd } from './suite.js';

export const engine: Engine = await openEngine({
  adapter: (process.env.SEPNN_TEST_ADAPTER ?? 'embedded') as NonNullable<OpenEngineOptions['adapter']>,
  portable: process.env.SEPNN_TEST_PORTABLE === '1',
});
export const { device } = engine;
// The schedules and workgroup sizes of a GPU, on whatever adapter there is.
if (process.env.SEPNN_TEST_AS_GPU === '1') Object.defineProperty(device, 'cpu', { value: false });
// What a test leaves behind is held, so that the collector does not take it while another test counts buffers.
const held: Storage[] = [];
const probe = engine.tensor([1]);
const { memory: engineMemory } = probe;
const create = engineMemory.create.bind(engineMemory);
engineMemory.create = (...given) => {
  const storage = create(...given);
  held.push(storage);
  return storage;
};
probe.dispose();
const memory = new Memory(device);
const pipelines = new Pipelines(device);

atEnd(async () => {
  memory.releaseAll();
  await engine.dispose();
});

/** With the device's rate, in FLOP/s, set by hand; undefined leaves it to be measured. */
export async function atRate<T>(rate: number | undefined, work: () => Promise<T>): Promise<T> {
  device.rate = rate;
  try {
    return await work();
  } finally {
    device.rate = undefined;
  }
}

/** A quiet NaN with a payload, so that what was never written is told from a NaN that was computed. */
const poison = 0x7fc0dead;

/** A storage of the layout with the numbers in place and poison in the padding. */
export function filled(layout: Layout, values: ArrayLike<number> & Iterable<number>): Operand {
  const stored = pad(layout, values);
  const bits = new Uint32Array(stored.buffer);
  const isPadding = pad(layout, new Float32Array(values.length).fill(1));
  isPadding.forEach((one, i) => {
    if (one === 0) bits[i] = poison;
  });
  const storage = memory.create('test input', layout.length * 4);
  memory.write(storage, bits);
  return { layout, storage };
}

/** A storage full of poison. */
export function poisoned(layout: Layout): Operand {
  const storage = memory.create('test output', layout.length * 4);
  memory.write(storage, new Uint32Array(storage.bytes / 4).fill(poison));
  return { layout, storage };
}

/** The numbers of an operand. @throws if any is still poison. */
export async function contentOf({ layout, storage }: Operand): Promise<Float32Array> {
  const staging = memory.createStaging(layout.length * 4);
  const values = unpad(layout, new Float32Array(await memory.read(storage, layout.length * 4, staging)));
  memory.release(staging);
  const unwritten = new Uint32Array(values.buffer).indexOf(poison);
  if (unwritten >= 0) throw new Error(`number ${unwritten} of ${values.length} was never written`);
  return values;
}

/** Starts to compile what is to run later. What a driver refuses is told when it runs. */
export function compile(dispatches: readonly Dispatch[]): void {
  for (const dispatch of dispatches) pipelines.get(dispatch).catch(() => {});
}

/** Runs dispatches, memory between them poisoned. */
export async function run(dispatches: readonly Dispatch[]): Promise<void> {
  const open = new Set<Storage>();
  for (const resource of dispatches.flatMap(dispatch => dispatch.resources)) {
    if (!(resource instanceof Uint8Array) && !resource.placed) open.add(resource);
  }
  for (const storage of open) {
    storage.place(poisoned({ parts: [], length: storage.bytes / 4 }).storage);
  }
  const sequence = await Sequence.prepare(dispatches, memory, pipelines);
  await submit(device, [[{ sequence, from: 0, to: sequence.length }]]);
  sequence.dispose();
}
