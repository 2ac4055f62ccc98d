/** Opens a device on Dawn in Node. The one file that imports `webgpu`. */

import { InputError, RunError } from '../errors.js';
import { type AdapterKind, isCpu } from './adapter.js';
import { Device, deviceDescriptor } from './device.js';
import { sleepInTurns } from './sleepInTurns.js';

/** What the embedded software driver needs done around the moment at which Dawn looks for an adapter. */
export interface EmbeddedDriver {
  /** Brings the Vulkan loader into memory, for a machine that has none. */
  load(): Promise<void>;
  /** Runs `work` while the loader sees the embedded driver and no other. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

export interface OpenOptions {
  /** Which adapter: 'auto' takes the first there is of the three others, in this order. */
  readonly adapter: AdapterKind | 'auto';
  readonly driver: EmbeddedDriver;
  /** Whether to ask for no optional feature and no limit beyond the defaults, as a browser may offer no more. */
  readonly portable?: boolean;
  /** Dawn's own options, such as `backend=null`. */
  readonly dawn?: readonly string[];
}

interface Found {
  readonly adapter: GPUAdapter;
  readonly gpu: GPU;
}

/** Without Dawn no kind of adapter is worth trying. */
class MissingDawn extends RunError {}

const remedies: Record<AdapterKind, string> = {
  hardware: "install your GPU's Vulkan driver",
  software: 'install a software Vulkan driver (Debian: mesa-vulkan-drivers 23.1 or later, from bookworm-backports)',
  embedded: 'npm install @sparticuz/chromium (Linux on x64)',
};

/**
 * Opens a device of the asked kind.
 *
 * @throws InputError an unknown kind.
 * @throws RunError where there is no such adapter: what was tried, and how to get each.
 */
export async function openDevice(options: OpenOptions): Promise<Device> {
  const kinds: AdapterKind[] =
    options.adapter === 'auto' ? ['hardware', 'software', 'embedded'] : [options.adapter as AdapterKind];
  if (!kinds.every(kind => kind in remedies)) {
    throw new InputError(`adapter: '${options.adapter}' is unknown: use auto, hardware, software or embedded`);
  }
  const tried: string[] = [];
  for (const kind of kinds) {
    try {
      const found = await findAdapter(kind, options);
      if (found) return await toDevice(found, options.portable ?? false);
      tried.push(`${kind}: none found; ${remedies[kind]}`);
    } catch (error) {
      if (error instanceof MissingDawn) throw error;
      tried.push(`${kind}: ${(error as Error).message}; ${remedies[kind]}`);
    }
  }
  throw new RunError(`no WebGPU adapter. Tried ${tried.join('. ')}`);
}

async function findAdapter(kind: AdapterKind, options: OpenOptions): Promise<Found | undefined> {
  const { driver, dawn } = options;
  if (kind === 'embedded') {
    await driver.load();
    return driver.alone(() => request(dawn));
  }
  let found = (await request(dawn, kind === 'software')) ?? (await request(dawn));
  if (!found) {
    // A machine may have a driver and no Vulkan loader: the embedded driver brings one.
    await driver.load();
    found = await request(dawn);
  }
  if (!found) return undefined;
  return isCpu(found.adapter.info) === (kind === 'software') ? found : undefined;
}

async function request(dawn: readonly string[] = [], forceFallbackAdapter = false): Promise<Found | undefined> {
  const { create } = await import('webgpu').catch((error: Error) => {
    throw new MissingDawn(`the package webgpu cannot be loaded (${error.message.split('\n')[0]}): npm install webgpu`);
  });
  const gpu = create([...dawn]);
  const adapter = await gpu.requestAdapter({ forceFallbackAdapter });
  return adapter ? { adapter, gpu } : undefined;
}

async function toDevice({ adapter, gpu }: Found, portable: boolean): Promise<Device> {
  const device = await adapter.requestDevice(deviceDescriptor(adapter, portable));
  return new Device(device, {
    info: adapter.info,
    owned: true,
    keep: [gpu, adapter],
    whilePending: sleepInTurns,
  });
}
