/** Opens a device on Dawn in Node. The one file that imports `webgpu`. */

import { InputError, isInputError, RunError } from '../errors.js';
import { type AdapterKind, isCpu } from './adapter.js';
import { Device, deviceDescriptor } from './device.js';
import { sleepInTurns } from './sleepInTurns.js';
import { timestampClock } from './timestamps.js';

/** What is to be known of the system's drivers before Dawn is asked, which prints on stderr what it misses. */
export interface SystemDrivers {
  /** Why it is in vain to ask for an adapter of the system's: undefined where it may be worth it. */
  missing(): string | undefined;
  /** Whether programs of this machine find a Vulkan loader. */
  hasLoader(): boolean;
}

/** What the embedded software driver needs done around the moment at which Dawn looks for an adapter. */
export interface EmbeddedDriver {
  /** Brings the Vulkan loader into memory, for a machine that has none. */
  load(): Promise<void>;
  /** Runs `work` while the loader sees the embedded driver and no other. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

/** What a call gave, and what it printed that was kept off stderr. */
export interface Hushed<T> {
  readonly value: T;
  readonly said: string;
}

/** Runs what may print on stderr, and is done when it returns. */
type Quietly = <T>(work: () => T) => T;

export interface OpenOptions {
  /** Which adapter: 'auto' takes the first there is of the three others, in this order. */
  readonly adapter: AdapterKind | 'auto';
  readonly driver: EmbeddedDriver;
  readonly system: SystemDrivers;
  /** Whether to ask for no optional feature and no limit beyond the defaults, as a browser may offer no more. */
  readonly portable?: boolean;
  /** Dawn's own options, such as `backend=null`. */
  readonly dawn?: readonly string[];
  /** Other features to ask for where they are, experimental ones too. */
  readonly features?: readonly string[];
  /** What cuts long sums into parts; schedule/cut.ts knows it. */
  readonly longSums?: unknown;
  /** Keeps what Dawn prints off stderr, for a program that may; by default it is printed there. */
  readonly hush?: <T>(work: () => T) => Hushed<T>;
}

interface Found {
  readonly adapter: GPUAdapter;
  readonly gpu: GPU;
}

const remedies: Record<AdapterKind, string> = {
  hardware: "install your GPU's Vulkan driver",
  software: 'install a software Vulkan driver (Debian: mesa-vulkan-drivers 23.1 or later, from bookworm-backports)',
  embedded: 'npm install @sparticuz/chromium (Linux on x64)',
};

/** The kinds whose own errors say what to do, which is seldom to install them. */
const ownRemedy: ReadonlySet<AdapterKind> = new Set(['embedded']);

/**
 * Opens a device of the asked kind.
 *
 * @throws InputError an unknown kind, or what the embedded driver has against its folder.
 * @throws RunError where there is no such adapter: what was tried, and how to get each.
 */
export async function openDevice(given: OpenOptions): Promise<Device> {
  const options = given.features ? { ...given, dawn: withExperiments(given.dawn) } : given;
  const kinds: AdapterKind[] =
    options.adapter === 'auto' ? ['hardware', 'software', 'embedded'] : [options.adapter as AdapterKind];
  if (!kinds.every(kind => Object.hasOwn(remedies, kind))) {
    throw new InputError(`adapter: '${options.adapter}' is unknown: use auto, hardware, software or embedded`);
  }
  const { create } = await import('webgpu').catch((error: Error) => {
    throw new RunError(`the package webgpu cannot be loaded (${error.message.split('\n')[0]}): npm install webgpu`);
  });
  const tried: string[] = [];
  /** What there is to be mended before anything is to be installed. */
  let refusal: string | undefined;
  const heard = new Set<string>();
  const quietly: Quietly = work => {
    const { value, said } = options.hush?.(work) ?? { value: work(), said: '' };
    for (const [warning] of said.matchAll(/(?<=^Warning: ).+/gm)) heard.add(warning);
    return value;
  };
  for (const kind of kinds) {
    try {
      const found = await finders[kind](create, options, quietly);
      if (found) return await toDevice(found, options);
      tried.push(`${kind}: none found; ${remedies[kind]}`);
    } catch (error) {
      const { name, message } = error as Error;
      if (isInputError(error)) {
        refusal = message;
        continue;
      }
      const isTold = name === 'RunError' && ownRemedy.has(kind);
      tried.push(`${kind}: ${message}${isTold ? '' : `; ${remedies[kind]}`}`);
    }
  }
  if (heard.size > 0) tried.push(`Dawn said: ${[...heard].join('; ')}`);
  const none = `no WebGPU adapter. Tried ${tried.join('. ')}`;
  if (refusal === undefined) throw new RunError(none);
  throw new InputError(tried.length === 0 ? refusal : `${refusal}. Without it, ${none}`);
}

const enabling = 'enable-dawn-features=';

/** Dawn offers no feature that may still change without the first, and multiplies no matrices of subgroups without the second. */
function withExperiments(dawn: readonly string[] = []): string[] {
  const enabled = dawn.filter(option => option.startsWith(enabling)).map(option => option.slice(enabling.length));
  const others = dawn.filter(option => !option.startsWith(enabling));
  return [...others, `${enabling}${[...enabled, 'allow_unsafe_apis', 'use_vulkan_memory_model'].join(',')}`];
}

/** Dawn's way in. */
type Create = (options: string[]) => GPU;
type Finder = (create: Create, options: OpenOptions, quietly: Quietly) => Promise<Found | undefined>;

/** By itself SwiftShader clears memory of workgroups number by number in what it compiles: seconds for what a GPU's tiles have. */
const clearedInLoop = 'disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension';

/** How each kind of adapter is looked for. */
const finders: Record<AdapterKind, Finder> = {
  hardware: (create, options, quietly) => findOfSystem(create, options, false, quietly),
  software: (create, options, quietly) => findOfSystem(create, options, true, quietly),
  embedded: async (create, { driver, dawn = [] }, quietly) => {
    await driver.load();
    return driver.alone(() => requestAdapter(create([clearedInLoop, ...dawn]), false, quietly));
  },
};

async function findOfSystem(
  create: Create,
  { driver, system, dawn = [] }: OpenOptions,
  onCpu: boolean,
  quietly: Quietly,
): Promise<Found | undefined> {
  const missing = dawn.some(option => option.startsWith('backend=')) ? undefined : system.missing();
  if (missing !== undefined) throw new RunError(missing);
  // A machine may have a driver and no Vulkan loader: the embedded driver brings one.
  if (!system.hasLoader()) await driver.load();
  return findAdapter(create, dawn, onCpu, quietly);
}

/**
 * The first adapter of a sort: the one that Dawn prefers, else one of all that there are.
 *
 * @param onCpu whether one that computes on the processor is wanted, or one that does not.
 * @returns undefined where there is none.
 */
export async function findAdapter(
  create: Create,
  dawn: readonly string[],
  onCpu: boolean,
  quietly: Quietly = work => work(),
): Promise<Found | undefined> {
  const isWanted = (found: Found | undefined) => found && isCpu(found.adapter.info) === onCpu;
  const gpu = instanceOf(create, dawn);
  const preferred = (await requestAdapter(gpu, onCpu, quietly)) ?? (await requestAdapter(gpu, false, quietly));
  if (!preferred) hold(create, dawn, gpu);
  if (!preferred || isWanted(preferred)) return preferred;
  const names = await adapterNames(create, dawn, quietly);
  for (const name of names.length > 1 ? names : []) {
    const found = await requestAdapter(create([...dawn, `adapter=${name}`]), false, quietly);
    if (isWanted(found)) return found;
  }
  return undefined;
}

/** Instances of Dawn by what they were made of. */
const instances = new WeakMap<Create, Map<string, { deref(): GPU | undefined }>>();

/**
 * Each instance looks at all drivers once, and prints what it thinks of them: so one serves all who ask while it lives.
 * Whatever it found keeps it alive; nothing else does, since it holds the drivers.
 */
function instanceOf(create: Create, dawn: readonly string[]): GPU {
  const known = instances.get(create)?.get(keyOf(dawn))?.deref();
  if (known) return known;
  const gpu = create([...dawn]);
  remember(create, dawn, new WeakRef(gpu));
  return gpu;
}

/** What found nothing holds no driver, and is not to look again. */
function hold(create: Create, dawn: readonly string[], gpu: GPU): void {
  remember(create, dawn, { deref: () => gpu });
}

function remember(create: Create, dawn: readonly string[], instance: { deref(): GPU | undefined }): void {
  const ofCreate = instances.get(create) ?? new Map();
  instances.set(create, ofCreate.set(keyOf(dawn), instance));
}

/** A host may have another driver seen from now on, which another instance must look for. */
function keyOf(dawn: readonly string[]): string {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  return JSON.stringify([VK_DRIVER_FILES, VK_ICD_FILENAMES, ...dawn]);
}

/** The names of all adapters, which Dawn tells where it is asked for one that there is not. */
async function adapterNames(create: Create, dawn: readonly string[], quietly: Quietly): Promise<string[]> {
  if (dawn.some(option => option.startsWith('adapter='))) return [];
  try {
    const gpu = create([...dawn, 'adapter=none of them']);
    await quietly(() => gpu.requestAdapter());
  } catch (error) {
    return [...String(error).matchAll(/name: '(.*)'/g)].map(([, name]) => name);
  }
  return [];
}

/** Dawn has looked at all drivers when the call returns, and answers later. */
async function requestAdapter(gpu: GPU, forceFallbackAdapter: boolean, quietly: Quietly): Promise<Found | undefined> {
  const adapter = await quietly(() =>
    gpu.requestAdapter({ forceFallbackAdapter, powerPreference: 'high-performance' }),
  );
  return adapter ? { adapter, gpu } : undefined;
}

async function toDevice({ adapter, gpu }: Found, { portable, features, longSums }: OpenOptions): Promise<Device> {
  const device = await adapter.requestDevice(deviceDescriptor(adapter, portable, features));
  return new Device(device, {
    info: adapter.info,
    owned: true,
    keep: [gpu, adapter],
    whilePending: sleepInTurns,
    clock: timestampClock,
    longSums,
  });
}
