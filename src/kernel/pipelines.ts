/** Compute pipelines of a device, each text compiled once. */

import type { Device } from '../device/device.js';
import { RunError } from '../errors.js';
import type { Dispatch } from './dispatch.js';
import type { BindingLayout } from './kernel.js';

const computeStage = 0x4;

const bufferTypes = { uniform: 'uniform', read: 'read-only-storage', read_write: 'storage' } as const;

export class Pipelines {
  readonly #byText = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(readonly device: Device) {}

  /** @throws RunError naming the kernel, with the compiler's message, if a driver refuses its text. */
  get(dispatch: Dispatch): Promise<GPUComputePipeline> {
    const { source } = dispatch;
    let pipeline = this.#byText.get(source);
    if (!pipeline) {
      pipeline = this.device.track(this.#compile(dispatch));
      this.#byText.set(source, pipeline);
      // What failed for want of memory may succeed another time.
      pipeline.catch(() => this.#byText.delete(source));
    }
    return pipeline;
  }

  layout(bindings: readonly BindingLayout[]): GPUBindGroupLayout {
    const key = bindings.map(binding => binding.access).join(' ');
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.device.gpu.createBindGroupLayout({
        entries: bindings.map(({ access }, binding) => ({
          binding,
          visibility: computeStage,
          buffer: { type: bufferTypes[access] },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  async #compile({ kernel, source, bindings }: Dispatch): Promise<GPUComputePipeline> {
    const { gpu } = this.device;
    // A text that does not parse is an error of the module, and more bindings than a device has one of the layout: the
    // pipeline's own error only mentions them.
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label: kernel, code: source });
    const layout = gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(bindings)] });
    const refused = this.device.track(gpu.popErrorScope()).catch(() => undefined); // that the device is lost, the pipeline says
    const compiled = gpu.createComputePipelineAsync({
      label: kernel,
      layout,
      compute: { module, entryPoint: 'main' },
    });
    const made = await compiled.catch((error: Error) => error);
    const outcome = (await refused) ?? made;
    if ('message' in outcome) throw new RunError(`kernel ${kernel}: ${outcome.message}`);
    return outcome;
  }
}
