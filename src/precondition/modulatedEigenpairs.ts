/** What SepPGD and its rivals keep from one refresh to the next: leading eigenpairs of kernels, and S made from them. */

import { sizeOf, sizeOfAll } from '../buffer/layout.js';
import { restoreTensors, type StateArrays, stateOfTensors } from '../buffer/namedTensors.js';
import type { Tensor } from '../buffer/tensor.js';
import { assignAll } from '../graph/apply.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import { countsIn } from '../host/arrays.js';
import { Random } from '../host/random.js';
import type { Scope } from '../host/scope.js';
import { blockSize, leadingEigenpairs } from '../ops/eigen/leadingEigenpairs.js';
import { type Modulation, modulate } from '../ops/precondition/modulate.js';
import type { ModulatedBasis } from '../ops/precondition/precondition.js';
import type { EigenpairKinds, SavedPreconditioner, Spectrum, Start } from './preconditioner.js';

/** A kernel whose leading eigenpairs are kept. */
export interface KernelSize {
  /** n of K (n, n). */
  readonly points: number;
  /** k, eigenpairs modulated, from 1 to n, or to 1016 where n is more than 1024. */
  readonly topK: number;
  /** Factor of the eigenvalues, on which g = sqrt depends; 1 by default. */
  readonly scale?: number;
}

/**
 * From a random start, and from the eigenvectors of the last refresh, of which an S that is right to a hundredth is
 * asked: trained to the same PSNR as any finer one (bench/NOTES.md).
 */
const cold = { iterations: 6 } as const;
const warm = { iterations: 1, tolerance: 1e-2 } as const;

const startSeed = 0x5ee0;

/** So many numbers from which a cold refresh begins: the same ones always. */
export function startVectors(count: number): Float32Array {
  const random = new Random(startSeed);
  return new Float32Array(count).map(() => random.normal());
}

/** How many eigenvalues of a matrix (n, n) float32 tells from rounding, |l| > n 2^-23 max |l|: none where one is not finite. */
function resolvedAmong(values: Float32Array, points: number): number {
  const sizes = values.map(Math.abs);
  const floor = Math.fround(points * 2 ** -23 * Math.max(...sizes));
  return floor < Number.POSITIVE_INFINITY ? sizes.filter(size => size > floor).length : 0;
}

/** Leading eigenpairs of kernels and S made from them, with what begins the next refresh. */
export class ModulatedEigenpairs {
  /** What is kept on the device, by the names that it has in `state`. */
  readonly tensors: {
    /** Eigenvectors as rows, (blockSize, n) for each kernel: the state that a refresh starts from. */
    readonly vectors: Tensor;
    /** The same, scaled. */
    readonly scaled: Tensor;
    /** Eigenvalues, descending, (blockSize) for each kernel. */
    readonly values: Tensor;
    /** How many eigenpairs each kernel's last refresh used, as u32. */
    readonly used: Tensor;
  };

  /** @param scope that disposes of what is made here. */
  constructor(
    engine: Engine,
    scope: Scope,
    private readonly kernels: readonly KernelSize[],
    private readonly modulation: Modulation = 'flat',
    private readonly by: EigenpairKinds = { leadingEigenpairs, modulate },
  ) {
    const shapes = kernels.map(({ points, topK }) => [blockSize(points, topK), points]);
    this.tensors = {
      vectors: scope.keep(engine.stack(shapes, startVectors(sizeOfAll(shapes)))),
      scaled: scope.keep(engine.stack(shapes)),
      values: scope.keep(engine.stack(shapes.map(([rows]) => [rows]))),
      used: scope.keep(engine.tensor([kernels.length])),
    };
  }

  /** S of the last refresh. */
  current(graph: Graph): ModulatedBasis {
    const { vectors, scaled } = this.tensors;
    return { vectors: graph.read(vectors), scaled: graph.read(scaled) };
  }

  /** S of the given kernels, (n, n) each, kept for the steps that follow. */
  refreshed(graph: Graph, matrices: Value, start: Start): ModulatedBasis {
    const { tensors } = this;
    const { values, vectors } = this.by.leadingEigenpairs(
      matrices,
      graph.read(tensors.vectors),
      start.cold ? cold : warm,
    );
    const { scaled, used } = this.by.modulate(values, vectors, {
      topK: this.kernels.map(({ topK }) => topK),
      modulation: this.modulation,
      scale: this.kernels.map(({ scale = 1 }) => scale),
    });
    assignAll(graph, tensors, { vectors, scaled, values, used });
    return { vectors, scaled };
  }

  /** What the last refresh found, for each kernel. */
  async spectra(): Promise<readonly Spectrum[]> {
    const { tensors } = this;
    const used = countsIn(await tensors.used.read());
    const all = await tensors.values.read();
    let at = 0;
    return tensors.values.layout.parts.map(({ shape }, i) => {
      const values = all.slice(at, at + sizeOf(shape));
      at += sizeOf(shape);
      return { values, used: used[i], resolved: resolvedAmong(values, this.kernels[i].points) };
    });
  }

  /** What a later run needs to go on exactly: what the `tensors` hold. */
  state(): Promise<StateArrays> {
    return stateOfTensors(this.tensors);
  }

  /**
   * Goes on from a state; that of another k is none. Files of the first version hold the eigenvectors alone: the rest
   * is for reports, and comes with the next refresh.
   *
   * @returns whether it fits; where it does not, nothing is changed.
   */
  restore({ topK = [], state }: Pick<SavedPreconditioner, 'topK' | 'state'>): boolean {
    if (topK.some((k, i) => k !== this.kernels[i]?.topK)) return false;
    return restoreTensors(this.tensors, state, ['vectors', 'scaled']);
  }
}
