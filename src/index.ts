/** sepnn for a host that brings a GPUDevice: a browser, Deno, or another engine on Dawn. Imports nothing of Node. */

import { Device, type WhilePending } from './device/device.js';
import { InputError } from './errors.js';
import { Engine } from './graph/engine.js';

export type { Layout, Part, Shape } from './buffer/layout.js';
export type { MemoryUse } from './buffer/memory.js';
export type { Tensor } from './buffer/tensor.js';
export type { AdapterFacts, AdapterKind } from './device/adapter.js';
export { DivergedError, InputError, RunError } from './errors.js';
export { type Architecture, type ArchitectureOptions, architecture } from './factor/network.js';
export type { CotangentTransformation } from './graph/differentiate.js';
export type { AdapterReport, DispatchProfile, Engine } from './graph/engine.js';
export type { Graph, Value } from './graph/graph.js';
export type { Cotangent } from './graph/operation.js';
export type { Build, Outputs, Plan } from './graph/plan.js';
export { type AdamOptions, type AdamState, adam } from './ops/adam.js';
export { add, combine, scale, subtract } from './ops/combine.js';
export { contractCp } from './ops/contractCp.js';
export { contractCpJvp } from './ops/contractCpJvp.js';
export { contractPoints, contractPointsVjp } from './ops/contractPoints.js';
export { contractTt, type TtAttributes } from './ops/contractTt.js';
export { contractTucker, type TuckerAttributes } from './ops/contractTucker.js';
export type { CpAttributes } from './ops/cpProblem.js';
export { type EigendecomposeOptions, type Eigenpairs, eigendecompose } from './ops/eigendecompose.js';
export { eigh } from './ops/eigh.js';
export {
  type Activation,
  factorNetwork,
  factorNetworkVjp,
  type NetworkAttributes,
  parameterShapes,
  type Tape,
} from './ops/factorNetwork.js';
export { factorNetworkJvp } from './ops/factorNetworkJvp.js';
export { features } from './ops/features.js';
export { fill } from './ops/fill.js';
export { groupPoints, ungroupPoints } from './ops/groupPoints.js';
export { type Loss, type LossKind, lossOf } from './ops/loss.js';
export { type MatmulOptions, matmul } from './ops/matmul.js';
export { modeProduct } from './ops/modeProduct.js';
export { type Modulation, modulate } from './ops/modulate.js';
export { mttkrp } from './ops/mttkrp.js';
export { multiply } from './ops/multiply.js';
export { type Piece, pieces, type Range } from './ops/pieces.js';
export { type Combination, precondition } from './ops/precondition.js';
export { preconditionPoints } from './ops/preconditionPoints.js';
export { pseudoNtk } from './ops/pseudoNtk.js';
export { record } from './ops/record.js';
export { reshape } from './ops/reshape.js';
export { measureRoofline, type Roofline } from './ops/roofline.js';
export { type SgdOptions, sgd } from './ops/sgd.js';
export { sum } from './ops/sum.js';
export { tangentKernel } from './ops/tangentKernel.js';
export { blockSize, type TopEigenpairsAttributes, topEigenpairs } from './ops/topEigenpairs.js';
export { vjp, vjpOfSeveral } from './ops/vjp.js';
export type { PreconditionerState, Spectrum } from './precondition/eigenpairs.js';
export { Iga, type IgaOptions, type MskOptions } from './precondition/iga.js';
export {
  createPreconditioner,
  type Preconditioner,
  type PreconditionerOptions,
  type SettledPreconditioner,
} from './precondition/preconditioner.js';
export { SepPgd, type SepPgdOptions } from './precondition/sepPgd.js';
export {
  eigenvaluesOf,
  factorSpectra,
  modelSpectra,
  type NetworkSpectrum,
  type SpectraOptions,
  type SpectrumPair,
} from './precondition/spectra.js';
export { chooseTopK, type TopK } from './precondition/topK.js';
export { type CpPointsOptions, coordinatesByAxis, cpPointsModel } from './separable/cpPoints.js';
export { type EvaluateOptions, evaluate, evaluateTiles, type Tile } from './separable/evaluate.js';
export {
  type CpModel,
  type CpOptions,
  cpModel,
  forward,
  initialParameters,
  linspace,
  type MlpModel,
  type MlpOptions,
  type Model,
  mlpModel,
  networkInput,
  type SeparableModel,
  type TtModel,
  type TtOptions,
  type TuckerModel,
  type TuckerOptions,
  ttModel,
  tuckerModel,
} from './separable/model.js';
export { ntk, onPoints } from './separable/ntk.js';
export { gridPoints, scatteredPoints } from './separable/points.js';
export { exactNtk } from './tangent/exactNtk.js';
export { KroneckerNtk, kroneckerProduct } from './tangent/kroneckerNtk.js';
export { type LayerScaling, type LimitKernels, limitKernels, ntkScaling, standardScaling } from './tangent/limit.js';
export { type LimitOptions, limitNtk, randomLimitNtk } from './tangent/limitNtk.js';
export { Linearisation } from './tangent/linearisation.js';
export { modelNtk } from './tangent/modelNtk.js';
export { type NtkModelOptions, normalParameters, ntkMlp, ntkModel } from './tangent/ntkModel.js';
export { type Samples, TangentTrainer, type TangentTrainerOptions } from './train/tangentTrainer.js';
export { Trainer, type TrainerOptions, type TrainerState } from './train/trainer.js';

export interface CreateEngineOptions {
  /** A device of the host's. It is borrowed: `dispose` leaves it alone. */
  readonly device: GPUDevice;
  /** What its adapter says of itself, where the device does not carry that (`device.adapterInfo`). */
  readonly info?: GPUAdapterInfo;
  /** What to do with the event loop while something is pending: `sleepInTurns` of `sepnn/node` for a device of Dawn's. */
  readonly whilePending?: WhilePending;
}

/** An engine on a host's own device. @throws InputError something that is no device. */
export async function createEngine({ device, info, whilePending }: CreateEngineOptions): Promise<Engine> {
  if (typeof device?.createComputePipelineAsync !== 'function') {
    throw new InputError('createEngine: takes a GPUDevice: await adapter.requestDevice()');
  }
  return new Engine(new Device(device, { info, owned: false, whilePending }));
}
