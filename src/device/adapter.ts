/** What kind of adapter a device came from. */

/** The platform's own GPU, a software driver that the system has (lavapipe), or the one that this package unpacks. */
export type AdapterKind = 'hardware' | 'software' | 'embedded';

/** What an adapter says of itself, as `GPUAdapterInfo` has it; empty texts where it says nothing. */
export interface AdapterFacts {
  /** Who made it, such as 'nvidia', 'mesa' or 'google'. */
  readonly vendor: string;
  /** Family of GPUs, such as 'ampere'; of drivers without one 'swiftshader' or 'software'. */
  readonly architecture: string;
  /** A line for people, such as the names of the GPU and its driver. */
  readonly description: string;
}

/** What an adapter or a device says of itself; empty where it says nothing. */
export function factsOf(info: GPUAdapterInfo | undefined): AdapterFacts {
  return {
    vendor: info?.vendor ?? '',
    architecture: info?.architecture ?? '',
    description: info?.description ?? '',
  };
}

/** Whether kernels run on a processor there. */
export function isCpu(info: GPUAdapterInfo | undefined): boolean {
  return kindOf(info) !== 'hardware';
}

export function kindOf(info: GPUAdapterInfo | undefined): AdapterKind {
  const { architecture, description } = factsOf(info);
  const words = `${architecture} ${description}`;
  if (/swiftshader/i.test(words)) return 'embedded';
  return info?.isFallbackAdapter || /llvmpipe|lavapipe|software|\bcpu\b/i.test(words) ? 'software' : 'hardware';
}
