/** The task that a step case sets to everybody: the same numbers for the engine, its twin and its peers. */

import { sizeOf } from '../../src/buffer/layout.js';
import { Random } from '../../src/host/random.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid as gridDomain } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { defineModel, initialParameters, type Model, modelParameterShapes } from '../../src/model/model.js';
import type { Spectrum } from '../../src/precondition/preconditioner.js';
import type { TrainerState } from '../../src/train/trainer.js';
import type { StepSetup } from '../peers/peer.js';

export interface Task {
  readonly model: Model;
  readonly setup: StepSetup;
}

const omega = 30;
const learningRate = 1e-4;

export function taskOf(grid: readonly number[], rank: number, width: number): Task {
  const network = architecture({ width, omega });
  const model = defineModel({ domain: gridDomain(grid), contraction: cp({ rank }), network });
  const all = initialParameters(model, 0);
  const depth = network.depth;
  let at = 0;
  const layers = modelParameterShapes(model).map(shape => {
    const layer = all.slice(at, at + sizeOf(shape));
    at += layer.length;
    return layer;
  });
  const random = new Random(1);
  const target = Float32Array.from(
    { length: sizeOf(grid) },
    (_, i) => 0.5 + 0.3 * Math.sin(i / 7) + 0.1 * random.normal(),
  );
  const coordinates = grid.map(n => Float32Array.from(linspace(n)));
  const parameters = grid.map((_, axis) => layers.slice(axis * depth, (axis + 1) * depth));
  return { model, setup: { grid, rank, width, omega, learningRate, coordinates, parameters, target } };
}

/** S_d = I - V_d^T (C_d V_d) of a trainer's state, dense, (n_d, n_d) for each axis. */
export function preconditionersOf(
  grid: readonly number[],
  { preconditioner }: TrainerState,
  spectra: readonly Spectrum[],
): Float32Array[] {
  if (!preconditioner) throw new Error('the state holds no preconditioner');
  const { vectors, scaled } = preconditioner.state;
  let at = 0;
  return grid.map((n, axis) => {
    const start = at;
    at += spectra[axis].values.length * n;
    const used = spectra[axis].used;
    return Float32Array.from({ length: n * n }, (_, entry) => {
      const [i, j] = [Math.floor(entry / n), entry % n];
      let sum = 0;
      for (let r = 0; r < used; r++) sum += vectors[start + r * n + i] * scaled[start + r * n + j];
      return (i === j ? 1 : 0) - sum;
    });
  });
}
