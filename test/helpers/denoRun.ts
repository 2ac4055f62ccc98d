/** What the test runs inside Deno, whose WebGPU is wgpu with the compiler naga; the result goes to stdout as JSON. */

import { type Comparison, compareCase, runCase } from '../../src/experiments/golden/goldenCase.js';
import { type Quantities, requireCase } from '../../src/experiments/golden/goldenFormat.js';
import { createEngine } from '../../src/public/index.js';
import { refusedKernels } from './acceptance.js';

declare const Deno: { readonly args: readonly string[]; readTextFile(path: string): Promise<string> };

export interface DenoResult {
  readonly adapter: string;
  readonly refused: readonly string[];
  /** A golden case's errors, in the order of the files given. */
  readonly cases: readonly (readonly Comparison[])[];
  /** Of the first one by what a GPU gets: schedules, workgroups of 256 threads, joined dispatches. */
  readonly firstAsOnGpu: readonly Comparison[];
}

const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) throw new Error('Deno found no WebGPU adapter');
const device = await adapter.requestDevice();
const refused = await refusedKernels(device);
const cases = await errorsOf(Deno.args, adapter.info);
const [firstAsOnGpu] = await errorsOf(Deno.args.slice(0, 1), { description: 'none that names a processor' });
device.destroy();
console.log(JSON.stringify({ adapter: adapter.info.description, refused, cases, firstAsOnGpu } satisfies DenoResult));

/** @param info by which the engine tells a GPU from a processor. */
async function errorsOf(paths: readonly string[], info: Partial<GPUAdapterInfo>): Promise<Comparison[][]> {
  const engine = await createEngine({ device, info: info as GPUAdapterInfo });
  const errors: Comparison[][] = [];
  for (const path of paths) {
    const given: unknown = JSON.parse(await Deno.readTextFile(path));
    errors.push(compareCase(given as Quantities, await runCase(engine, requireCase(given))));
  }
  await engine.dispose();
  return errors;
}
