/** Differential equations: problems stated as values, networks that carry derivatives, training on them. */

export { mostOrder } from '../ops/network/jetNetwork.js';
export { activationDerivatives } from '../pde/activationDerivatives.js';
export { type Discretisation, discretise, type ProblemGrid } from '../pde/discretisation.js';
export {
  cos,
  Expression,
  exp,
  given,
  type Operand,
  type Point,
  sin,
  sqrt,
  type TableFunction,
  tanh,
} from '../pde/expression.js';
export { type AxisPoints, evenPoints } from '../pde/grid.js';
export type { LastLayerOptions } from '../pde/lastLayers/lastLayers.js';
export { type JetArchitecture, type JetArchitectureOptions, jetArchitecture } from '../pde/network.js';
export { observed } from '../pde/observed.js';
export { parseExpression } from '../pde/parse.js';
export type { GridPreconditioners } from '../pde/precondition/gridPreconditioners.js';
export { type ResidualSepPgd, type ResidualSepPgdOptions, residualSepPgd } from '../pde/precondition/residualSepPgd.js';
export {
  type Condition,
  defineProblem,
  type Equation,
  type Field,
  type Problem,
  type ProblemOptions,
  type Reference,
  type SettledCondition,
  type SettledEquation,
  type Symbols,
} from '../pde/problem.js';
export { problems } from '../pde/problems.js';
export { type ProblemState, ProblemTrainer, type ProblemTrainerOptions } from '../pde/training/problemTrainer.js';
