/** The operations of graphs, and what it takes to add one: its shape rule, its lowering to a kernel, its VJP. */

export {
  columnsOf,
  formatLayout,
  formatShape,
  type Layout,
  layoutOf,
  onlyPart,
  type Part,
  padded,
  quad,
  rowsOf,
  type Shape,
  sameLayout,
  sameShape,
  sizeOf,
  stackOf,
} from '../buffer/layout.js';
export type { Storage } from '../buffer/memory.js';
export type { Device } from '../device/device.js';
export { apply, applyOne, requireSameLayout } from '../graph/apply.js';
export { copyRows } from '../graph/copyRows.js';
export type { CotangentMap, CotangentTransformations } from '../graph/differentiate.js';
export {
  type Assignment,
  type Cotangent,
  type Fused,
  type Graph,
  type Node,
  type Operand,
  type Operation,
  type Site,
  scratch,
  type Value,
  type VjpSite,
} from '../graph/operation.js';
export { type EigendecomposeOptions, type Eigendecomposition, eigendecompose } from '../immediate/eigendecompose.js';
export { measureRoofline, type Roofline } from '../immediate/roofline.js';
export {
  type Dispatch,
  dispatch,
  foldedWorkgroups,
  oneThreadEach,
  type Work,
  type Workgroups,
} from '../kernel/dispatch.js';
export type { BindingLayout, ConstantValue, Kernel, SlotText } from '../kernel/kernel.js';
export { kernelOf, slotText } from '../kernel/reflect.js';
export { contractCp } from '../ops/contraction/contractCp.js';
export { contractCpJvp } from '../ops/contraction/contractCpJvp.js';
export { contractFields, type FieldAttributes, type FieldTerm } from '../ops/contraction/contractFields.js';
export { contractPoints, contractPointsVjp } from '../ops/contraction/contractPoints.js';
export { contractTt, type TtAttributes } from '../ops/contraction/contractTt.js';
export { contractTucker, type TuckerAttributes } from '../ops/contraction/contractTucker.js';
export type { CpAttributes, CpGradient } from '../ops/contraction/factorMatrices.js';
export { mttkrp } from '../ops/contraction/mttkrp.js';
export { eigh } from '../ops/eigen/eigh.js';
export { blockSize } from '../ops/eigen/leadingEigenpairs.js';
export { type TopEigenpairsAttributes, topEigenpairs } from '../ops/eigen/topEigenpairs.js';
export { asValue, fill } from '../ops/elementwise/fill.js';
export { add, linearCombination, scale, subtract } from '../ops/elementwise/linearCombination.js';
export { multiply } from '../ops/elementwise/multiply.js';
export { type Piece, pieces, type Range } from '../ops/elementwise/pieces.js';
export { reshape } from '../ops/elementwise/reshape.js';
export { sum } from '../ops/elementwise/sum.js';
export { type MatmulOptions, matmul } from '../ops/linear/matmul.js';
export { modeProduct, unfoldedProduct } from '../ops/linear/modeProduct.js';
export {
  factorNetwork,
  factorNetworkVjp,
  type NetworkAttributes,
  parameterShapes,
  type Residuals,
} from '../ops/network/factorNetwork.js';
export { factorNetworkJvp } from '../ops/network/factorNetworkJvp.js';
export { features } from '../ops/network/features.js';
export { inputJets, type JetAttributes, jetNetwork, jetParameterShapes } from '../ops/network/jetNetwork.js';
export { pointwiseLoss } from '../ops/objective/pointwiseLoss.js';
export { type AdamAttributes, type AdamState, adamStep } from '../ops/optimiser/adam.js';
export { type Recorded, record } from '../ops/optimiser/record.js';
export { type SgdAttributes, sgdStep } from '../ops/optimiser/sgd.js';
export { groupPoints, ungroupPoints } from '../ops/precondition/groupPoints.js';
export { type Modulation, modulate } from '../ops/precondition/modulate.js';
export { type Combine, type ModulatedBasis, precondition } from '../ops/precondition/precondition.js';
export { preconditionPoints } from '../ops/precondition/preconditionPoints.js';
export { type DecodeAttributes, decode } from '../ops/readout/decode.js';
export { pseudoNtk } from '../ops/tangent/pseudoNtk.js';
export { tangentKernel } from '../ops/tangent/tangentKernel.js';
export { vjp, vjpOfSeveral } from '../ops/vjp.js';
export { type ProductDescription, productDispatch, productDispatches } from '../schedule/product.js';
export type { Schedule } from '../schedule/schedule.js';
