/** Every kernel's text with every text for each of its slots, given to a device's compiler. Imports nothing of Node. */

import type { ConstantValue, Kernel, SlotText } from '../../src/kernel/kernel.js';
import { slotsOf, specialise } from '../../src/kernel/specialise.js';
import * as activation from '../../src/wgsl/activation.js';
import * as contraction from '../../src/wgsl/contraction.js';
import * as derivatives from '../../src/wgsl/derivatives.js';
import * as eigen from '../../src/wgsl/eigen.js';
import * as elementwise from '../../src/wgsl/elementwise.js';
import * as fleet from '../../src/wgsl/fleet.js';
import * as inner from '../../src/wgsl/inner.js';
import * as linear from '../../src/wgsl/linear.js';
import * as loss from '../../src/wgsl/loss.js';
import * as network from '../../src/wgsl/network.js';
import * as objective from '../../src/wgsl/objective.js';
import * as optimiser from '../../src/wgsl/optimiser.js';
import * as precondition from '../../src/wgsl/precondition.js';
import * as readout from '../../src/wgsl/readout.js';
import * as residual from '../../src/wgsl/residual.js';
import * as roofline from '../../src/wgsl/roofline.js';
import * as schedule from '../../src/wgsl/schedule.js';
import * as tangent from '../../src/wgsl/tangent.js';

/** A module of src/wgsl without the constants that stand beside each text. */
function textsIn<T extends SlotText>(module: object): T[] {
  return Object.values(module).filter(one => 'source' in one);
}

const modules: readonly object[] = [
  contraction,
  eigen,
  elementwise,
  fleet,
  linear,
  network,
  objective,
  optimiser,
  precondition,
  readout,
  roofline,
  tangent,
];

/** Every kernel that the package ships. */
export const everyKernel: readonly Kernel[] = modules.flatMap(textsIn<Kernel>);

/** The constants of every text, as `adamConstants`. */
export const everyConstants: Readonly<Record<string, Readonly<Record<string, ConstantValue>>>> = Object.fromEntries(
  [...modules, activation, derivatives, inner, loss, residual, schedule].flatMap(module =>
    Object.entries(module as Record<string, Readonly<Record<string, ConstantValue>>>).filter(
      ([, one]) => !('source' in one),
    ),
  ),
);

/** Every text for each slot. */
export const everySlotText: Readonly<Record<string, readonly SlotText[]>> = {
  activation: textsIn(activation),
  derivatives: textsIn(derivatives),
  loss: textsIn(loss),
  residual: textsIn(residual),
  schedule: [...textsIn<SlotText>(schedule), inner.addParts],
  inner: [inner.whole, inner.split],
};

/** What a kernel's slots may hold together, by the texts' names: those that are in what fills them too. */
export function fillingsOf({ name, source }: Pick<Kernel, 'name' | 'source'>): readonly Filling[] {
  return slotsOf(source).reduce<readonly Filling[]>(
    (fillings, slot) => {
      const texts = everySlotText[slot];
      if (!texts) throw new Error(`${name}: nothing is known for its slot ${slot}`);
      const own = texts.flatMap(text =>
        fillingsOf({ name, source: text.source }).map(inside => ({ [slot]: text, ...inside })),
      );
      return fillings.flatMap(filling => own.map(one => ({ ...filling, ...one })));
    },
    [{}],
  );
}

type Filling = Readonly<Record<string, SlotText>>;

/** Features of a device by the names of the extensions for which they stand in WGSL. */
const extensions: Readonly<Record<string, string>> = {
  subgroups: 'subgroups',
  f16: 'shader-f16',
  chromium_experimental_subgroup_matrix: 'chromium-experimental-subgroup-matrix',
};

/** The features without which a device refuses a text. */
function enabledIn(code: string): string[] {
  return [...code.matchAll(/^enable (\w+);/gm)].map(([, name]) => extensions[name] ?? name);
}

/** The kernels that the device refuses with their default constants, and why; what needs a feature it lacks is left out. */
export async function refusedKernels(device: GPUDevice): Promise<string[]> {
  const refused: string[] = [];
  const features: ReadonlySet<string> = device.features;
  for (const kernel of everyKernel) {
    for (const filling of fillingsOf(kernel)) {
      const texts = Object.entries(filling);
      const code = specialise(kernel.source, {}, Object.fromEntries(texts.map(([slot, { source }]) => [slot, source])));
      if (enabledIn(code).some(feature => !features.has(feature))) continue;
      device.pushErrorScope('validation');
      device.createShaderModule({ code });
      const error = await device.popErrorScope();
      const names = [kernel.name, ...texts.map(([, { name }]) => name)];
      if (error) refused.push(`${names.join(', ')}: ${error.message}`);
    }
  }
  return refused;
}
