/** Tangent kernels: of networks and of whole models, written out and not, in the limit, and as kernels to learn with. */

export {
  eigenvaluesOf,
  factorSpectra,
  modelSpectra,
  type NetworkSpectrum,
  type SpectraOptions,
  type SpectrumPair,
} from '../experiments/spectra.js';
export { denseNtk } from '../ntk/denseNtk.js';
export { exactNtk } from '../ntk/exactNtk.js';
export { KroneckerNtk, kroneckerProduct } from '../ntk/kroneckerNtk.js';
export { type LimitOptions, limitNtk, randomLimitNtk } from '../ntk/limitNtk.js';
export { Linearisation } from '../ntk/linearisation.js';
export {
  type LayerScaling,
  type NetworkLimit,
  networkLimit,
  ntkScaling,
  standardScaling,
} from '../ntk/networkLimit.js';
export { type NtkCpOptions, normalParameters, ntkCp, ntkJoint } from '../ntk/ntkParameterisation.js';
export { onPoints, pointNtk } from '../ntk/pointNtk.js';
export { type Samples, TangentTrainer, type TangentTrainerOptions } from '../train/tangentTrainer.js';
