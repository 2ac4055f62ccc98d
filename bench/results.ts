/** What a run of the benchmark finds: its JSON. Times are in milliseconds. */

import type { AdapterReport, DispatchProfile } from '../src/graph/engine.js';
import type { Roofline } from '../src/immediate/roofline.js';
import type { ProblemTrainer } from '../src/pde/training/problemTrainer.js';
import type { StepWork } from '../src/train/trainer.js';
import type { Spread, Standing } from './contest.js';

/** A contender, its results held against the float64 twin before it was timed. */
export interface Checked extends Standing {
  /** Relative error; absent where only times were taken. */
  readonly error?: number | undefined;
}

export interface ProductResult {
  readonly size: number;
  readonly standings: readonly (Checked & { readonly gflops: number; readonly share: number })[];
  /** Contenders that could not take part, and why. */
  readonly absent: Readonly<Record<string, string>>;
}

export interface StepResult {
  readonly grid: readonly number[];
  readonly rank: number;
  readonly width: number;
  readonly topK: number;
  readonly refresh: number;
  readonly standings: readonly Checked[];
  readonly absent: Readonly<Record<string, string>>;
  readonly work: { readonly plain: StepWork; readonly step: StepWork; readonly refreshStep: StepWork };
  readonly memory: MemoryResult;
}

export interface EquationResult {
  /** Of each axis. */
  readonly points: number;
  readonly rank: number;
  readonly width: number;
  readonly standings: readonly Checked[];
  readonly absent: Readonly<Record<string, string>>;
  readonly work: ProblemTrainer['work'];
  /** Device memory of ours. */
  readonly bytes: number;
}

/** Device memory of a run, and the sum of what no implementation can do without. */
export interface MemoryResult {
  readonly peakBytes: number;
  readonly neededBytes: number;
  readonly ratio: number;
}

export interface KernelsResult {
  readonly size: number;
  readonly topK: number;
  /** Of the losses around one step. */
  readonly error: number;
  /** Encoding a step on this device, the refreshes among them, which the dispatches' times leave out. */
  readonly encodeMicroseconds: number;
  readonly dispatches: readonly (DispatchProfile & { readonly share: number; readonly ceiling: 'FMA' | 'copy' })[];
}

export interface EigenResult {
  readonly size: number;
  readonly topK: number;
  /** The largest |A v - l v| / l_1. */
  readonly error: number;
  /** From a random start, and from the vectors of the time before. */
  readonly cold: Spread;
  readonly warm: Spread;
}

/** Relative to |A|: the largest |A v - l v|, the largest error of a value; and the largest deviation of V V^T from 1. */
export interface EighAccuracy {
  readonly residual: number;
  readonly orthogonality: number;
  readonly valueError: number;
}

export interface EighResult {
  readonly size: number;
  /** Matrices at once. */
  readonly count: number;
  readonly standings: readonly (Standing & EighAccuracy)[];
}

export interface GrowthPoint {
  readonly grid: readonly number[];
  readonly operations: number;
  readonly milliseconds: number;
  readonly gflops: number;
}

export interface GrowthResult {
  readonly name: string;
  readonly points: readonly GrowthPoint[];
}

export interface BenchResult {
  readonly adapter: AdapterReport;
  readonly versions: Readonly<Record<string, string>>;
  readonly roofline: Roofline;
  readonly products: ProductResult[];
  readonly kernels: KernelsResult[];
  readonly eigen: EigenResult[];
  readonly eigh: EighResult[];
  readonly steps: StepResult[];
  readonly equations: EquationResult[];
  readonly growth: GrowthResult[];
  /** Microseconds to encode one SepPGD step, measured on a backend that runs nothing. */
  encodeMicroseconds?: number;
}
