/** The engine: a device with its memory, and graphs compiled for it. */

import { formatLayout, type Layout, packedStackOf, requireNumbersOf, type Shape, stackOf } from '../buffer/layout.js';
import { type HostBuffer, Memory, type MemoryUse, requireUsage, Storage, storageUsage } from '../buffer/memory.js';
import { Tensor } from '../buffer/tensor.js';
import type { AdapterFacts, AdapterKind } from '../device/adapter.js';
import type { Device } from '../device/device.js';
import { InputError } from '../errors.js';
import { isRecord, requireList, requireOptions, requireRecord, requireValue, shown } from '../host/checks.js';
import { building, type Scope, settled, within } from '../host/scope.js';
import type { Dispatch, Work } from '../kernel/dispatch.js';
import { gathered } from '../kernel/gather.js';
import { type MeasureOptions, measure } from '../kernel/measure.js';
import { Pipelines } from '../kernel/pipelines.js';
import { Sequence } from '../kernel/sequence.js';
import { submit } from '../kernel/submit.js';
import { tune } from '../schedule/tune.js';
import { graphOf } from './apply.js';
import { lower } from './compile.js';
import type { Graph } from './operation.js';
import { type Build, type Outputs, type OutputTensors, Plan } from './plan.js';
import { Recorder } from './recorder.js';
import { Slots } from './slots.js';

/** What an adapter is, for a report. */
export interface AdapterReport extends AdapterFacts {
  /** Whether it is the platform's GPU, or a driver that has kernels run on a processor. */
  readonly kind: AdapterKind;
}

/** One dispatch of a plan, timed by itself. */
export interface DispatchProfile extends Work {
  /** Whose text it runs: a name under kernels/, or several joined by ' + ' where they run as one. */
  readonly kernel: string;
  /** The products' rows x columns x inner, or the workgroups. */
  readonly extent: string;
  /** Of one run: the median over submits that repeat it. */
  readonly milliseconds: number;
  /** 10^9 floating-point operations a second, by `operations`; 0 of a dispatch without a product. */
  readonly gflops: number;
  /** 10^9 bytes a second, by `bytes`. */
  readonly gigabytes: number;
}

type HostBuffers = Readonly<Record<string, HostBuffer>>;

/** Where the outputs of a graph are written. */
export interface CompileOptions {
  /** A host's buffers to which outputs are written, packed, by the outputs' names. */
  readonly into?: HostBuffers;
}

/** What a packed tensor is to serve beside kernels. */
export interface PackedOptions {
  /** Flags of GPUBufferUsage beside STORAGE, COPY_SRC and COPY_DST, such as VERTEX; 0 by default. */
  readonly usage?: number;
}

/** Which stretch of a host's buffer is a tensor. */
export interface WrapOptions {
  /**
   * Where it begins in the buffer, in bytes: a multiple of the device's minStorageBufferOffsetAlignment, 0 by default.
   */
  readonly offset?: number;
}

type PlansOf<B> = { readonly [K in keyof B]: B[K] extends Build<infer O> ? Plan<O> : never };

/** @throws InputError something else, such as the promise of one. */
export function requireEngine(engine: Engine): void {
  requireValue('engine', engine, 'compile', 'await createEngine({ device }) or openEngine()');
}

/** A device with its memory and the kernels compiled for it: `createEngine` and, in Node, `openEngine` give it. */
export class Engine {
  readonly #memory: Memory;
  readonly #pipelines: Pipelines;
  #disposal: Promise<void> | undefined;

  constructor(
    /** What it runs on: its own, or one that a host lent. */
    readonly device: Device,
  ) {
    this.#memory = new Memory(device);
    this.#pipelines = new Pipelines(device);
  }

  /** What it runs on, for a report. */
  get adapter(): AdapterReport {
    return { ...this.device.facts, kind: this.device.kind };
  }

  /** Buffers that the engine holds, and their bytes. */
  get memory(): MemoryUse {
    return this.#memory.use;
  }

  /**
   * A tensor of the given axes (none for a scalar), row-major, f32; zero where no numbers are given.
   *
   * @throws InputError an axis that is no size, a wrong count of numbers, or a tensor past the device's limits.
   */
  tensor(shape: Shape, values?: ArrayLike<number> & Iterable<number>): Tensor {
    return this.#create([shape], values);
  }

  /** A stack of tensors in one buffer, which batched operations take in one dispatch. */
  stack(shapes: readonly Shape[], values?: ArrayLike<number> & Iterable<number>): Tensor {
    return this.#create(shapes, values);
  }

  /**
   * The same without padding: rows directly after each other, as the host has them. Operations that take packed memory,
   * such as losses of a target, read it in place; others work on a copy.
   *
   * @param options `usage`: flags of GPUBufferUsage that its `buffer` is to have beside STORAGE, COPY_SRC and COPY_DST,
   * such as VERTEX.
   */
  packed(
    shapes: readonly Shape[],
    values?: ArrayLike<number> & Iterable<number>,
    { usage = 0 }: PackedOptions = {},
  ): Tensor {
    const mappable = 0x3;
    if (!(usage >= 0 && (usage & mappable) === 0)) {
      throw new InputError(`packed: usage ${shown(usage)}: use flags other than MAP_READ and MAP_WRITE`);
    }
    return this.#create(shapes, values, packedStackOf(shapes), usage);
  }

  /**
   * A host's own buffer as a tensor, with no copy: its numbers are f32, rows directly after each other. It is never
   * destroyed here. Its usage must include STORAGE, and COPY_SRC or COPY_DST where the tensor is read or written.
   *
   * @param options `offset`: where it begins, in bytes; 0 by default.
   * @throws InputError a buffer that is too small, or not to be bound as storage; an offset that no binding may have.
   */
  wrap(buffer: HostBuffer, shape: Shape, options: WrapOptions = {}): Tensor {
    return this.wrapStack(buffer, [shape], options);
  }

  /** The same of a stack of tensors, one after the other. */
  wrapStack(buffer: HostBuffer, shapes: readonly Shape[], { offset = 0 }: WrapOptions = {}): Tensor {
    this.#memory.requireAlive();
    const layout = packedStackOf(shapes);
    const bytes = layout.length * 4;
    const step = this.device.limits.minStorageBufferOffsetAlignment;
    if (!(offset >= 0 && offset % step === 0)) {
      throw new InputError(`wrap: offset ${shown(offset)}: use a multiple of ${step} bytes, or a buffer of its own`);
    }
    if (!(buffer.size >= offset + bytes)) {
      throw new InputError(
        `wrap: the buffer '${buffer.label}' has ${buffer.size} bytes, and shape ${formatLayout(layout)} takes ${bytes} from ${offset} on`,
      );
    }
    requireUsage('wrap', buffer, 'STORAGE');
    this.device.requireBinding('wrap: the tensor', bytes);
    return new Tensor(this.#memory, layout, new Storage(bytes, buffer, offset), false);
  }

  /**
   * Compiles one graph to a plan, or several to plans that share their memory and so must not run at the same time.
   * Everything is checked, and every kernel compiled, before it returns.
   *
   * @param options `into`: a host's buffers to which outputs are written, by the outputs' names; packed.
   * @throws InputError a shape, an attribute or a size that does not fit. @throws RunError a kernel that is refused.
   */
  compile<O extends Outputs | void>(build: (graph: Graph) => O, options?: CompileOptions): Promise<Plan<O>>;
  compile<B extends Readonly<Record<string, Build>>>(builds: B): Promise<PlansOf<B>>;
  async compile(builds: Build | Readonly<Record<string, Build>>, options: CompileOptions = {}): Promise<unknown> {
    requireOptions('compile', options, { into: true });
    const all = isRecord(builds) ? builds : { only: builds };
    const names = Object.keys(all);
    for (const name of names) requireValue('compile', all[name], 'call', 'give a function of a graph');
    const tensors: OutputTensors<Outputs>[] = [];
    const used: Tensor[][] = [];
    return building(async scope => {
      const slots = scope.keep(new Slots());
      const lists = names.map(name => {
        const graph = new Recorder(this.#memory);
        const outputs = all[name](graph) ?? {};
        tensors.push(this.#outputTensors(graph, outputs, scope, options.into));
        const dispatches = gathered(this.device, lower(graph, this.device));
        slots.add(dispatches);
        const bound = new Set(dispatches.flatMap(({ resources }) => resources));
        used.push(graph.tensors.filter(({ storage }) => bound.has(storage)));
        return dispatches;
      });
      slots.place(this.#memory);
      const sequences = await settled(
        lists.map(async one => scope.keep(await Sequence.prepare(one, this.#memory, this.#pipelines))),
      );
      let open = names.length;
      const release = () => {
        if (--open === 0) slots.dispose();
      };
      const plans = names.map(
        (name, i) => [name, new Plan(tensors[i], lists[i], used[i], sequences[i], release)] as const,
      );
      return all === builds ? Object.fromEntries(plans) : plans[0][1];
    });
  }

  /** A graph that is never run, for what its building tells: what a value offers, what it refuses. */
  trialGraph(): Graph {
    return new Recorder(this.#memory);
  }

  /**
   * Measures, for every matrix product of the graphs that is not known yet, the schedules that this device can run, and
   * lets `compile` use the fastest from now on. Sums are then added in another order than without, and a later tuning
   * may choose otherwise: leave it out for runs that must repeat to the bit.
   */
  async tune(builds: Readonly<Record<string, Build>>): Promise<void> {
    const lists = await Promise.all(Object.values(builds).map(build => this.dispatchesOf(build)));
    await tune(lists.flat(), this.#memory, this.#pipelines);
  }

  /** What a graph would dispatch: for what there is to do, and never to be run. */
  dispatchesOf(build: Build): Promise<Dispatch[]> {
    return within(async scope => {
      const graph = new Recorder(this.#memory);
      this.#outputTensors(graph, build(graph) ?? {}, scope);
      return lower(graph, this.device);
    });
  }

  /** What `tune` found, to be kept and given to `tuning` of an engine on the same adapter and driver. */
  get tuning(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.device.tuning);
  }

  set tuning(found: Readonly<Record<string, string>>) {
    for (const [key, id] of Object.entries(found)) this.device.tuning.set(key, id);
  }

  /**
   * Runs plans one after the other, each so many times over, and waits until the device is done: in submits as those of
   * `Plan.run`.
   *
   * @param parts each with what is to be called once all before it is submitted, such as a write of what it reads.
   * @throws InputError anything else, such as a plan alone.
   */
  async run(
    parts: readonly (readonly [Plan, times: number, load?: (() => void | Promise<void>) | undefined])[],
  ): Promise<void> {
    const remedy = 'give [[plan, times], ...]';
    requireList('run', parts, remedy);
    await submit(
      this.device,
      parts.map(part => {
        requireList('run', part, remedy);
        const [plan, times, load] = part;
        requireValue('run', plan, 'part', remedy);
        return [plan.part(times), load];
      }),
    );
  }

  /**
   * What each dispatch of a plan takes by itself, in their order. The tensors that the plan assigns hold anything after.
   */
  async profile(plan: Plan, options: MeasureOptions = {}): Promise<DispatchProfile[]> {
    plan.part(1);
    const profiles: DispatchProfile[] = [];
    for (const dispatch of plan.dispatches) {
      const milliseconds = await measure(dispatch, this.#memory, this.#pipelines, options);
      const { kernel, extent, work } = dispatch;
      const [gflops, gigabytes] = [work.operations, work.bytes].map(amount => amount / (1e6 * milliseconds));
      profiles.push({ kernel, extent, ...work, milliseconds, gflops, gigabytes });
    }
    return profiles;
  }

  /**
   * Waits until everything submitted is done.
   *
   * @throws RunError an error of a call that does not wait, such as `write`, that no other call has told.
   */
  async check(): Promise<void> {
    this.#memory.requireAlive();
    await this.device.check();
  }

  /**
   * Frees everything the engine created, and its device unless a host lent it. What is under way settles first; every
   * use from now on is an InputError. Harmless a second time.
   */
  dispose(): Promise<void> {
    this.#disposal ??= this.#end();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #end(): Promise<void> {
    this.#memory.end();
    await this.device.settle();
    this.#memory.releaseAll();
    this.device.destroy();
  }

  #create(
    shapes: readonly Shape[],
    values?: ArrayLike<number> & Iterable<number>,
    layout: Layout = stackOf(shapes),
    usage = 0,
  ): Tensor {
    if (values) requireNumbersOf(layout, values);
    const storage = this.#memory.create('tensor', layout.length * 4, storageUsage | usage);
    const tensor = new Tensor(this.#memory, layout, storage, true);
    if (values) tensor.write(values);
    return tensor;
  }

  #outputTensors(graph: Graph, outputs: Outputs, scope: Scope, into: HostBuffers = {}): OutputTensors<Outputs> {
    requireRecord('compile: outputs', outputs, 'give values by name');
    requireOptions('into', into, outputs as object as Readonly<Record<string, true>>);
    return Object.fromEntries(
      Object.entries(outputs).map(([name, value]) => {
        graphOf(`compile: ${name}`, value);
        const shapes = value.layout.parts.map(part => part.shape);
        const tensor = scope.keep(into[name] ? this.wrapStack(into[name], shapes) : this.#create(shapes));
        graph.assign(tensor, value);
        return [name, tensor];
      }),
    );
  }
}
