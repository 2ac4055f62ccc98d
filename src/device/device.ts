/** A GPUDevice with what the engine must know of it, and with its errors kept until somebody asks. */

import { DeviceLostError, InputError, RunError } from '../errors.js';
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
}

/** Told since when something has been pending, in milliseconds of `performance.now()`; undefined once nothing is. */
export type WhilePending = (pendingSince: () => number | undefined) => void;

/** Limits that are worth asking for beyond the defaults, where the adapter has more. */
export const wantedLimits = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Features that a kernel may use where they are there. Nothing depends on them. */
export const wantedFeatures = ['subgroups'] as const;

/**
 * The descriptor with which an adapter gives a device as this engine wants it.
 *
 * @param portable to ask for nothing: no optional feature, no limit beyond the defaults.
 */
export function deviceDescriptor(adapter: GPUAdapter, portable: boolean): GPUDeviceDescriptor {
  if (portable) return { label: 'sepnn' };
  return {
    label: 'sepnn',
    requiredFeatures: wantedFeatures.filter(feature => adapter.features.has(feature)) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(wantedLimits.map(limit => [limit, adapter.limits[limit]])),
  };
}

export class Device {
  readonly facts: AdapterFacts;
  readonly kind: AdapterKind;
  /** True where the kernels run on a processor: loads are dear there, barriers dearer. */
  readonly cpu: boolean;
  /** Lanes that run in step, where all subgroups of the adapter have one size. */
  readonly lanes: number | undefined;
  /** The same where kernels may use subgroups. */
  readonly subgroupSize: number | undefined;
  /** What a tuner found to run best here: the id of a schedule for the key of a product. Empty unless it was asked. */
  readonly tuning = new Map<string, string>();
  readonly #owned: boolean;
  /** Only to be held. */
  readonly keep: unknown;
  readonly #whilePending: WhilePending | undefined;
  #failure: RunError | undefined;
  #pending = new Set<Promise<unknown>>();
  #pendingSince: number | undefined;
  #attended = false;
  #ended = false;

  constructor(
    readonly gpu: GPUDevice,
    options: DeviceOptions,
  ) {
    const info = options.info ?? (gpu as { adapterInfo?: GPUAdapterInfo }).adapterInfo;
    this.facts = factsOf(info);
    this.kind = kindOf(info);
    this.cpu = isCpu(info);
    this.lanes = fixedSubgroupSize(info);
    this.subgroupSize = gpu.features.has('subgroups' as GPUFeatureName) ? this.lanes : undefined;
    this.keep = options.keep;
    this.#owned = options.owned;
    this.#whilePending = options.whilePending;
    gpu.lost.then(({ reason, message }) => {
      if (!this.#ended) this.#failure = new DeviceLostError(reason, message);
    });
  }

  /** Names of the optional features that are enabled. */
  get features(): string[] {
    return [...this.gpu.features].sort();
  }

  /** Whether somebody looks after the event loop while something is pending. */
  get sleepsWhilePending(): boolean {
    return this.#whilePending !== undefined;
  }

  get limits(): GPUSupportedLimits {
    return this.gpu.limits;
  }

  /**
   * Runs `work`, which calls the GPU, and keeps the errors that it raises there for the next call of the engine.
   *
   * @throws RunError an error that an earlier call left.
   */
  guard<T>(what: string, work: () => T): T {
    this.throwIfFailed();
    for (const filter of ['validation', 'out-of-memory', 'internal'] as const) this.gpu.pushErrorScope(filter);
    try {
      return work();
    } finally {
      for (let i = 0; i < 3; i++) this.track(this.gpu.popErrorScope().then(error => this.#report(what, error)));
    }
  }

  /** Holds a promise until it settles: a process must not end on one that the GPU has still to answer. */
  track<T>(promise: Promise<T>): Promise<T> {
    const forget = () => {
      this.#pending.delete(settled);
      if (this.#pending.size === 0) this.#pendingSince = undefined;
    };
    const settled: Promise<unknown> = promise.then(forget, forget);
    this.#pending.add(settled);
    this.#pendingSince ??= performance.now();
    this.#attend();
    return promise;
  }

  /** Has whoever looks after the event loop do so until nothing is pending; one at a time. */
  #attend(): void {
    if (this.#attended || !this.#whilePending) return;
    this.#attended = true;
    this.#whilePending(() => {
      this.#attended = this.#pendingSince !== undefined;
      return this.#pendingSince;
    });
  }

  /** @throws RunError the first error that an earlier call left. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Waits until everything submitted is done and every error is known. @throws RunError the first of them. */
  async check(): Promise<void> {
    await this.settle();
    this.throwIfFailed();
  }

  /** Ends the device if the engine owns it, after what is under way has settled. */
  async destroy(): Promise<void> {
    await this.settle();
    this.#ended = this.#owned;
    if (this.#owned) this.gpu.destroy();
  }

  /** The failure with which a pipeline's or a buffer's own promise ended. */
  #fail(error: RunError): void {
    this.#failure ??= error;
  }

  #report(what: string, error: GPUError | null): void {
    if (error) this.#fail(new RunError(`${what}: ${error.message}`));
  }

  /** Waits until everything submitted is done, whatever became of it. */
  async settle(): Promise<void> {
    if (!this.#failure) await this.track(this.gpu.queue.onSubmittedWorkDone().catch(() => {}));
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** The most bytes that a kernel may bind as one storage. */
  get mostBindingBytes(): number {
    return Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
  }

  /** @throws InputError if so many bytes do not fit one binding of this device. */
  requireBinding(what: string, bytes: number): void {
    const most = this.mostBindingBytes;
    if (bytes > most) {
      throw new InputError(
        `${what} takes ${bytes} bytes, and this device binds at most ${most}: use a smaller grid, rank or width`,
      );
    }
  }
}

function fixedSubgroupSize(info: GPUAdapterInfo | undefined): number | undefined {
  const { subgroupMinSize, subgroupMaxSize } = (info ?? {}) as { subgroupMinSize?: number; subgroupMaxSize?: number };
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
}
