/** What kind of adapter a device came from. */

/** The platform's own GPU, a software driver that the system has (lavapipe), or the one that this package unpacks. */
export type AdapterKind = 'hardware' | 'software' | 'embedded';

export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
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
  return (info?.isFallbackAdapter ?? false) || /swiftshader|llvmpipe|lavapipe|software|\bcpu\b/i.test(wordsOf(info));
}

export function kindOf(info: GPUAdapterInfo | undefined): AdapterKind {
  if (/swiftshader/i.test(wordsOf(info))) return 'embedded';
  return isCpu(info) ? 'software' : 'hardware';
}

function wordsOf(info: GPUAdapterInfo | undefined): string {
  const { architecture, description } = factsOf(info);
  return `${architecture} ${description}`;
}
