/** sepnn for a host that brings a GPUDevice: a browser, Deno, or another engine on Dawn. Imports nothing of Node. */

// First, so that a bundle has the kernels' texts together and all code after them: gzip looks back 32 KB, and compresses both better.
// And then what was found by trial to be best in front.
// biome-ignore-start assist/source/organizeImports: not by their names
export {} from '../wgsl/texts.js';
export {} from '../wgsl/linear.js';
export {} from '../kernel/join.js';
export {} from '../ops/linear/product.js';
export {} from '../graph/copyRows.js';
export {} from '../graph/slots.js';
export {} from '../ops/linear/matmul.js';
// biome-ignore-end assist/source/organizeImports: not by their names

import { type Clock, Device, type WhilePending } from '../device/device.js';
import { Engine, requireEngine } from '../graph/engine.js';
import { requireOptions, requireValue } from '../host/checks.js';
import { takeMatrixUnits } from '../schedule/matrixUnits.js';
import type { LongSums } from '../schedule/product.js';

export type { Shape } from '../buffer/layout.js';
export type { HostBuffer, MemoryUse } from '../buffer/memory.js';
export { type NamedTensors, restoreTensors, type StateArrays, stateOfTensors } from '../buffer/namedTensors.js';
export type { Tensor } from '../buffer/tensor.js';
export type { AdapterFacts, AdapterKind } from '../device/adapter.js';
export { type Clock, deviceDescriptor, type WhilePending } from '../device/device.js';
export { timestampClock } from '../device/timestamps.js';
export {
  DeviceLostError,
  DivergedError,
  InputError,
  isDeviceLost,
  isDiverged,
  isInputError,
  RunError,
} from '../errors.js';
export { packedCopy } from '../graph/compute.js';
export type { CotangentMap, CotangentTransformations } from '../graph/differentiate.js';
export type {
  AdapterReport,
  CompileOptions,
  DispatchProfile,
  Engine,
  PackedOptions,
  WrapOptions,
} from '../graph/engine.js';
export type { Graph, Value } from '../graph/operation.js';
export type { Build, Outputs, OutputTensors, Plan } from '../graph/plan.js';
export type { Numbers } from '../host/arrays.js';
export { Random } from '../host/random.js';
export { type Disposable, Scope } from '../host/scope.js';
export type { MeasureOptions } from '../kernel/measure.js';
export type { HostEncoder } from '../kernel/sequence.js';
export {
  type Activation,
  type Covariance,
  cosine,
  type Dual,
  leakyRelu,
  relu,
  sine,
  tanh,
  type WideActivation,
} from '../model/activation.js';
export { type Architecture, type ArchitectureOptions, architecture } from '../model/architecture.js';
export type { Codec } from '../model/codec.js';
export {
  type Contraction,
  type ContractionForm,
  type NetworkShape,
  type OwnParameters,
  onePerAxis,
  withMatrixAt,
} from '../model/contraction/contraction.js';
export { type CpOptions, cp } from '../model/contraction/cp.js';
export { type JointNetworkOptions, jointNetwork } from '../model/contraction/jointNetwork.js';
export { type TensorTrainOptions, tensorTrain } from '../model/contraction/tensorTrain.js';
export { type TuckerOptions, tucker } from '../model/contraction/tucker.js';
export { axisPoints, coordinatesOf, countOf, type Domain, type Extent } from '../model/domain/domain.js';
export { type Axis, grid } from '../model/domain/grid.js';
export { linspace } from '../model/domain/linspace.js';
export { type ScatteredPointsOptions, scatteredPoints } from '../model/domain/scatteredPoints.js';
export { type EvaluateOptions, evaluate, evaluateTiles } from '../model/evaluate.js';
export { type Factors, type Forward, factorsOf, forward, networkInput, outputOf } from '../model/forward.js';
export { type FourierSeriesOptions, fourierSeries } from '../model/fourierSeries.js';
export {
  defineModel,
  initialParameters,
  type Model,
  type ModelOptions,
  modelParameterShapes,
  onDomain,
  outputShapes,
  parameterCount,
} from '../model/model.js';
export { type LayerPlace, type OwnRegion, type Parameter, parametersOf } from '../model/parameters.js';
export { type DecoderOptions, decoder } from '../model/readout/decoder.js';
export { identity } from '../model/readout/identity.js';
export { type MixingOptions, mixing } from '../model/readout/mixing.js';
export type { Contracted, Readout } from '../model/readout/readout.js';
export type { Settings } from '../model/settings.js';
export { type Tile, tilesOfRows } from '../model/tiles.js';
export { bceWithLogits } from '../objective/bceWithLogits.js';
export { type Goal, type Objective, pointwise } from '../objective/objective.js';
export { squaredError } from '../objective/squaredError.js';
export { type AdamOptions, adam } from '../optimiser/adam.js';
export { isHiddenMatrix } from '../optimiser/besideRest.js';
export { clipped } from '../optimiser/clipped.js';
export { type MuonOptions, muon } from '../optimiser/muon.js';
export {
  type LearningRate,
  momentState,
  type Optimiser,
  type OptimiserState,
  type Step,
  type StepKinds,
} from '../optimiser/optimiser.js';
export { jordanPolynomials, minimaxPolynomials, type Polynomial } from '../optimiser/polynomials.js';
export { cosineDecay, linearDecay, stepDecay, warmUp } from '../optimiser/schedules.js';
export { type SgdOptions, sgd } from '../optimiser/sgd.js';
export { type ShampooOptions, shampoo } from '../optimiser/shampoo.js';
export { type IgaOptions, iga, type MskOptions, msk } from '../precondition/iga.js';
export { type KernelSize, ModulatedEigenpairs } from '../precondition/modulatedEigenpairs.js';
export type {
  Applied,
  AppliedInSlabs,
  EigenpairKinds,
  Preconditioner,
  PreconditionerState,
  Projection,
  Rehearse,
  SavedPreconditioner,
  Spectrum,
  Start,
} from '../precondition/preconditioner.js';
export { type SepPgdOptions, sepPgd } from '../precondition/sepPgd.js';
export { chooseTopK, type TopK } from '../precondition/topK.js';
export { longSums } from '../schedule/cut.js';
export { matrixFeatures } from '../schedule/matrixUnits.js';
export type { LongSums } from '../schedule/product.js';
export type {
  BatchOptions,
  FleetJob,
  FleetJobs,
  FleetOptions,
  FleetReport,
  FleetResult,
  FleetRunOptions,
} from '../train/fleet/fleetOptions.js';
export { FleetTrainer } from '../train/fleet/fleetTrainer.js';
export { type Batches, interleaved } from '../train/batches.js';
export { renderTiles } from '../train/renderTiles.js';
export {
  type Best,
  type Kept,
  type Run,
  type RunOptions,
  runTraining,
  type Trained,
  type Until,
} from '../train/runTraining.js';
export type { Losses } from '../train/stepPlans.js';
export type { Target, TargetRows } from '../train/target.js';
export type { ParameterState } from '../train/trainedParameters.js';
export { type StepWork, Trainer, type TrainerState } from '../train/trainer.js';
export type { TrainerOptions } from '../train/trainerOptions.js';

/** A device of the host's, and what an engine may use on it. */
export interface CreateEngineOptions {
  /** A device of the host's. It is borrowed: `dispose` leaves it alone. */
  readonly device: GPUDevice;
  /** What its adapter says of itself, where the device does not carry that (`device.adapterInfo`). */
  readonly info?: GPUAdapterInfo;
  /** What to do with the event loop while something is pending: `sleepInTurns` of `sepnn/node` for a device of Dawn's. */
  readonly whilePending?: WhilePending;
  /** By which `tune` and `profile` measure: `timestampClock` for the device's own, the host's where it is left out. */
  readonly clock?: Clock;
  /** `longSums`, for sums over some thousand terms and more to be made of parts; in Node it is there by itself. */
  readonly longSums?: LongSums;
}

/** An engine on a host's own device. @throws InputError something that is no device. */
export async function createEngine(options: CreateEngineOptions): Promise<Engine> {
  requireOptions('createEngine', options, {
    device: true,
    info: true,
    whilePending: true,
    clock: true,
    longSums: true,
  });
  const { device, longSums } = options;
  const remedy = 'await adapter.requestDevice(deviceDescriptor(adapter))';
  requireValue('device', device, 'createComputePipelineAsync', remedy);
  if (longSums) requireValue('longSums', longSums, 'call', 'give that of sepnn');
  return new Engine(new Device(device, { ...options, owned: false }));
}

/**
 * Has products of at least 1024 rows, columns and numbers of the inner axis made by a GPU's matrix units: float32 as two numbers
 * of float16, within (400 + n / 128) 2^-24 of the sum of n terms without their signs, and 2^-48 of the largest numbers in 128 of a row
 * and a column a term; what is not finite makes all of its row or column NaN. Experimental: no GPU has run it yet.
 *
 * @param engine on a device that was asked for it: `adapter.requestDevice(deviceDescriptor(adapter, false, matrixFeatures))`.
 * @throws InputError an adapter without such units, or a device that was not asked.
 */
export function useMatrixUnits(engine: Engine): void {
  requireEngine(engine);
  takeMatrixUnits(engine.device, 'useMatrixUnits');
}
