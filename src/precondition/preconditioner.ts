/** What a preconditioner is: a transformation of the cotangent at a model's output, refreshed now and then. */

import type { StateArrays } from '../buffer/namedTensors.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import type { Scope } from '../host/scope.js';
import type { Factors } from '../model/forward.js';
import type { Model } from '../model/model.js';
import type { LeadingAttributes } from '../ops/eigen/leadingEigenpairs.js';
import type { Range } from '../ops/elementwise/pieces.js';
import type { Modulate } from '../ops/precondition/modulate.js';

/** The leading eigenvalues of one kernel. */
export interface Spectrum {
  /** Descending. */
  readonly values: Float32Array;
  /** How many pairs the preconditioner uses: k, or fewer where an eigenvalue is not positive. */
  readonly used: number;
  /** How many of `values` float32 tells from rounding: |l| > n 2^-23 max |l|. */
  readonly resolved: number;
}

/** Whether a refresh begins from nothing, or from what the last one found. */
export interface Start {
  /** True from nothing, which takes more iterations; false from the last eigenvectors. */
  readonly cold: boolean;
}

/** A preconditioner at one moment, for the nodes of a graph. */
export interface Applied {
  /** The cotangent at the model's output, preconditioned. */
  transform(cotangent: Value): Value;
  /** The same where the cotangent comes in slabs of the first axis, at every moment alike; absent where it must be whole. */
  readonly slabs?: AppliedInSlabs;
}

/**
 * A preconditioner in slabs of the first axis: `transform` acts within a slab, and what couples the slabs is applied
 * where the whole first axis is at hand and small. One of the two ways is offered: see precondition/sepPgdSlabs.ts.
 */
export interface AppliedInSlabs {
  /** The cotangent at a slab of the output, preconditioned by what acts within it. */
  transform(cotangent: Value): Value;
  /** The factor matrices at which the VJP of the slabs is taken; the model's own where it is absent. */
  readonly lift?: (factors: Value) => Value;
  /** What couples the slabs where `lift` is absent, as the sum over the axes needs it; absent in the product. */
  readonly projection?: Projection;
}

/** A projection of the cotangent which is added up over the slabs, and whose VJP is added to theirs. */
export interface Projection {
  /** As many of it stand where the first axis was. */
  readonly rows: number;
  /** A slab's share of some of them. @param rows the slab's. */
  project(cotangent: Value, rows: Range, some: Range): Value;
  /** The factor matrices at which its VJP is taken. */
  reduce(factors: Value): Value;
}

/** What a preconditioner found, out of a trainer or a file. */
export interface SavedPreconditioner {
  /** What the state belongs to: `PreconditionerState.name`. */
  readonly name: string;
  /** k of each kernel: to go on with a k that was chosen, give it to the next trainer. */
  readonly topK?: readonly number[];
  /** Its numbers by name, as `PreconditionerState.state` gave them. */
  readonly state: StateArrays;
}

/** What a preconditioner keeps on the device for one model. */
export interface PreconditionerState {
  /** What its state belongs to: that of another name is of no use to it. */
  readonly name: string;
  /** k of each kernel, where it has some. */
  readonly topK?: readonly number[];
  /** As the last refresh left it. */
  current(graph: Graph): Applied;
  /** For the parameters of a forward pass, kept for the steps that follow; absent where there is nothing to refresh. */
  refreshed?(graph: Graph, pass: Pick<Factors, 'residuals'>, start: Start): Applied;
  /** What the last refresh found, for each kernel. */
  spectra?(): Promise<readonly Spectrum[]>;
  /** What a later run needs to go on exactly. */
  state(): Promise<StateArrays>;
  /** Goes on from what one of the same name found. @returns whether it fits; where it does not, nothing is changed. */
  restore(saved: SavedPreconditioner): boolean;
}

/** Trains a model anew with another preconditioner, and lets it go. @returns the spectra at the end; undefined where it diverged. */
export type Rehearse = (candidate: Preconditioner, steps: number) => Promise<readonly Spectrum[] | undefined>;

/** How eigenpairs of kernels are found and modulated: of one model, or of each of a fleet by a k of its own. */
export interface EigenpairKinds {
  /**
   * Leading eigenpairs of a stack of symmetric matrices, by iteration from a start: `values`, descending, and `vectors`
   * as rows.
   */
  leadingEigenpairs(
    matrices: Value,
    start: Value,
    attributes: LeadingAttributes,
  ): { readonly values: Value; readonly vectors: Value };
  /** The eigenvectors scaled by what S takes off, 1 - g(l_i) / l_i: `modulate` of `sepnn/ops` for one model. */
  readonly modulate: Modulate;
}

/** What is put instead of the cotangent at a model's output: `sepPgd`, `msk`, `iga`, or a host's own. */
export interface Preconditioner {
  /** By which reports name it. */
  readonly name: string;
  /** Steps from one refresh to the next; absent where there is nothing to refresh. */
  readonly refresh?: number;
  /** The preconditioner with what it chooses by a rehearsal; absent where there is nothing to choose. */
  settle?(model: Model, rehearse: Rehearse): Promise<Preconditioner>;
  /**
   * Makes what it keeps on the device for one model.
   *
   * @param scope that disposes of what is made here.
   * @param by what finds and modulates its eigenpairs, where it has some.
   * @throws InputError options that do not fit the model or the device, before anything is allocated.
   */
  start(
    engine: Engine,
    scope: Scope,
    model: Model,
    by?: EigenpairKinds,
  ): Promise<PreconditionerState> | PreconditionerState;
}

/** The steps from one refresh to the next that the paper has. */
export const usualRefresh = 10;
