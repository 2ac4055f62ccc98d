/** A GPUDevice with what the engine must know of it, and with each error told to the call that made it. */

import { DeviceLostError, InputError, RunError } from '../errors.js';
import { requireFlag, requireValue } from '../host/checks.js';
import { type AdapterFacts, type AdapterKind, factsOf, isCpu, kindOf } from './adapter.js';

export interface DeviceOptions {
  /** The adapter's own description, where the device does not carry one. */
  readonly info?: GPUAdapterInfo | undefined;
  /** Whether `destroy` ends the device: false for one that a host lent. */
  readonly owned: boolean;
  /** Kept as long as the device: what Dawn's `create()` returned must outlive everything made from it. */
  readonly keep?: unknown;
  /** Called when something becomes pending, for a host whose event loop needs care meanwhile: `sleepInTurns`. */
  readonly whilePending?: WhilePending | undefined;
  /** By which dispatches are measured; the host's where there is none. */
  readonly clock?: Clock | undefined;
  /** What cuts long sums into parts: `longSums`. */
  readonly longSums?: unknown;
}

/**
 * Milliseconds that a pass took on the device by itself: `timestampClock`. Undefined, or 0, where nothing can be told.
 *
 * @param encode fills the pass.
 */
export type Clock = (device: Device, encode: (pass: GPUComputePassEncoder) => void) => Promise<number | undefined>;

/** Told since when something has been pending, in milliseconds of `performance.now()`; undefined once nothing is. */
export type WhilePending = (pendingSince: () => number | undefined) => void;

/** Limits that are worth asking for beyond the defaults, where the adapter has more. */
const wantedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Features that are used where they are there: by kernels, and by who measures them. Nothing depends on them. */
const wantedFeatures = ['subgroups', 'timestamp-query'] as const;

/**
 * The descriptor with which an adapter gives a device as this engine wants it: with subgroups, without which a CPU takes
 * twice as long, and with bindings as large as there are. `requestDevice()` alone gives neither.
 *
 * @param portable to ask for nothing: no optional feature, no limit beyond the defaults.
 * @param more other features to ask for where they are, such as `matrixFeatures`.
 * @throws InputError no adapter, or a `portable` that is no flag, such as that list.
 */
export function deviceDescriptor(
  adapter: GPUAdapter,
  portable = false,
  more: readonly string[] = [],
): GPUDeviceDescriptor {
  requireValue(
    'adapter',
    adapter,
    'limits',
    'await navigator.gpu.requestAdapter(), null where there is none',
    'object',
  );
  requireFlag('portable', portable);
  if (portable) return { label: 'sepnn' };
  const wanted = [...wantedFeatures, ...more];
  return {
    label: 'sepnn',
    requiredFeatures: wanted.filter(feature => adapter.features.has(feature)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(wantedLimits.map(limit => [limit, adapter.limits[limit]])),
  };
}

/** What a stretch of calls of the GPU gave, and the error that it raised there, once that is known. */
export interface Attempt<T> {
  readonly value: T;
  readonly error: Promise<RunError | undefined>;
}

/** Kinds of errors, and what helps against each. */
const remedies = {
  validation: "give buffers of this engine's device that are neither destroyed nor mapped",
  'out-of-memory': 'dispose of what is not needed, or use a smaller grid, rank or width',
  internal: 'try once more, or on another adapter',
} as const;
const filters = Object.keys(remedies) as (keyof typeof remedies)[];

/** A GPUDevice with its limits and kind, whose errors are told to the calls that made them. */
export class Device {
  /** What its adapter says of itself. */
  readonly facts: AdapterFacts;
  /** What its adapter is by those facts: a GPU, or a driver that has kernels run on a processor. */
  readonly kind: AdapterKind;
  /** True where the kernels run on a processor: loads are dear there, barriers dearer. */
  readonly cpu: boolean;
  /** Lanes that run in step, where all subgroups of the adapter have one size. */
  readonly lanes: number | undefined;
  /** The same where kernels may use subgroups. */
  readonly subgroupSize: number | undefined;
  /** What a tuner found to run best here: the id of a schedule for the key of a product. Empty unless it was asked. */
  readonly tuning = new Map<string, string>();
  /**
   * FLOP/s of large products here, by which dispatches are made small enough for watchdogs (kernel/pace.ts) before they have run.
   * Blocks of equations have it measured, on a GPU: to be set where their runs must repeat to the bit, or on a processor.
   * `compile` refuses what is no number above 0.
   */
  declare rate?: number | undefined;
  /** What chooses schedules for large products, where it was given: schedule/matrixUnits.ts knows it. */
  declare tileOf?: unknown;
  /** Pending while a call submits one piece after the other: none of another call comes between. */
  declare submitting?: Promise<void> | undefined;
  /** When the last submit was seen done, in milliseconds of `performance.now()`. */
  doneAt = 0;
  /** Told before each product that a tuner measures, of how many. */
  declare whileTuning?: (done: number, products: number) => void;
  #lost: DeviceLostError | undefined;
  /** What nobody has been told: of calls that do not wait. */
  #untold: RunError | undefined;
  readonly #failures = new WeakMap<object, RunError>();
  /** What the GPU has still to answer, and how whoever waits for it learns that it never will. */
  readonly #pending = new Map<Promise<unknown>, (lost: DeviceLostError) => void>();
  #pendingSince: number | undefined;
  #attended = false;

  constructor(
    /** WebGPU's device itself; buffers that a host makes on it are not counted. */
    readonly gpu: GPUDevice,
    /** What is known of it beside, and what it is to use: whoever opened it gave that. */
    readonly options: DeviceOptions,
  ) {
    const info = options.info ?? (gpu as { adapterInfo?: GPUAdapterInfo }).adapterInfo;
    this.facts = factsOf(info);
    this.kind = kindOf(info);
    this.cpu = isCpu(info);
    this.lanes = fixedSubgroupSize(info);
    this.subgroupSize = gpu.features.has('subgroups' as GPUFeatureName) ? this.lanes : undefined;
    const weak = new WeakRef(this); // a host's device outlives the engines that it had
    gpu.lost.then(({ reason, message }) => {
      const device = weak.deref();
      if (device) device.#lose(new DeviceLostError(reason, message));
    });
  }

  /** Has nobody wait any longer: a driver that hangs may never answer. */
  #lose(lost: DeviceLostError): void {
    this.#lost = lost;
    for (const reject of this.#pending.values()) reject(lost);
    this.#pending.clear();
    this.#pendingSince = undefined;
  }

  /** What WebGPU guarantees of it: bytes of a binding, workgroups along an axis. */
  get limits(): GPUSupportedLimits {
    return this.gpu.limits;
  }

  /** Runs `work`, which calls the GPU, in error scopes of its own. @throws DeviceLostError */
  attempt<T>(what: string, work: () => T): Attempt<T> {
    if (this.#lost) throw this.#lost;
    for (const filter of filters) this.gpu.pushErrorScope(filter);
    let value: T;
    let error: Attempt<T>['error'];
    try {
      value = work();
    } finally {
      const scopes = filters.map(() => this.gpu.popErrorScope()).reverse();
      error = this.track(Promise.all(scopes)).then(
        errors => {
          const at = errors.findIndex(error => error);
          if (at < 0) return undefined;
          return new RunError(
            `${what}: ${(errors[at] as GPUError).message.split(/\.?\n|\.$/)[0]}: ${remedies[filters[at]]}`,
          );
        },
        lost => lost,
      );
    }
    return { value, error };
  }

  /**
   * The same for a call that does not wait. Its error is told by what uses `owner` next, or else by `check`.
   *
   * @param owner that which the error spoils; by default what `work` gives.
   */
  launch<T>(what: string, work: () => T, owner?: object): T {
    const { value, error } = this.attempt(what, work);
    const kept = error.then(failure => {
      if (!failure) return;
      this.#untold ??= failure;
      this.#failures.set(owner ?? (value as object), failure);
    });
    this.track(kept).catch(() => {}); // the loss of the device is told by every call that comes
    return value;
  }

  /** The cause of an error: what is known to have failed of that which a call used, or the error itself. */
  causeOf(error: unknown, used: Iterable<object>): unknown {
    for (const one of used) {
      const failure = this.#failures.get(one);
      if (!failure) continue;
      if (this.#untold === failure) this.#untold = undefined;
      return failure;
    }
    return error;
  }

  /**
   * A promise of the GPU's, held until it settles: a process must not end on one that the GPU has still to answer.
   *
   * @throws DeviceLostError as soon as the device is lost.
   */
  track<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settled = promise
        .then(resolve, error => reject(this.#lost ?? error))
        .then(() => {
          this.#pending.delete(settled);
          if (this.#pending.size === 0) this.#pendingSince = undefined;
        });
      this.#pending.set(settled, reject);
      this.#pendingSince ??= performance.now();
      this.#attend();
    });
  }

  /** Has whoever looks after the event loop do so until nothing is pending; one at a time. */
  #attend(): void {
    if (this.#attended) return;
    this.#attended = true;
    this.options.whilePending?.(() => {
      this.#attended = this.#pendingSince !== undefined;
      return this.#pendingSince;
    });
  }

  /** Waits until everything submitted is done. @throws DeviceLostError */
  async done(): Promise<void> {
    if (this.#lost) throw this.#lost;
    await this.track(this.gpu.queue.onSubmittedWorkDone());
    if (this.#lost) throw this.#lost;
  }

  /** The same, until every error is known too. @throws RunError the first that nobody has been told. */
  async check(): Promise<void> {
    await this.done();
    await Promise.all(this.#pending.keys());
    const failure = this.#untold;
    this.#untold = undefined;
    if (failure) throw failure;
  }

  /** Waits until nothing is pending, whatever became of it. */
  async settle(): Promise<void> {
    await this.done().catch(() => {});
    while (this.#pending.size > 0 && !this.#lost) await Promise.all(this.#pending.keys());
  }

  /** Ends the device if the engine owns it. */
  destroy(): void {
    if (this.options.owned) this.gpu.destroy();
  }

  /** The most bytes that a kernel may bind as one storage. */
  get mostBindingBytes(): number {
    return Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
  }

  /**
   * Refuses what is too large for a kernel to bind.
   *
   * @param what begins the line of the error.
   * @throws InputError more bytes than `mostBindingBytes`.
   */
  requireBinding(what: string, bytes: number): void {
    const most = this.mostBindingBytes;
    if (bytes > most) {
      throw new InputError(
        `${what} takes ${bytes} bytes, and this device binds at most ${most}: use a smaller grid, rank or width`,
      );
    }
  }
}

/** Names of the optional features that are enabled. */
export function featuresOf({ gpu }: Device): string[] {
  return [...gpu.features].sort();
}

function fixedSubgroupSize(info: GPUAdapterInfo | undefined): number | undefined {
  const { subgroupMinSize, subgroupMaxSize } = (info ?? {}) as { subgroupMinSize?: number; subgroupMaxSize?: number };
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
}
