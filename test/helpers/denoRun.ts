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
}

const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) throw new Error('Deno found no WebGPU adapter');
const device = await adapter.requestDevice();
const refused = await refusedKernels(device);
const engine = await createEngine({ device, info: adapter.info });
const cases: Comparison[][] = [];
for (const path of Deno.args) {
  const given: unknown = JSON.parse(await Deno.readTextFile(path));
  cases.push(compareCase(given as Quantities, await runCase(engine, requireCase(given))));
}
await engine.dispose();
device.destroy();
console.log(JSON.stringify({ adapter: adapter.info.description, refused, cases } satisfies DenoResult));
