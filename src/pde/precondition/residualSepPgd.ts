/**
 * SepPGD on the cotangent at an equation's residual: what Luo and Meng leave open for differential equations.
 *
 * On the grid of the equation, r[i] with i = (i_1 .. i_D) is a function of the jets of every axis. Its derivative by the
 * parameters of axis d's network goes through the jets of the one point i_d: grad_d r[i] = J_{i_d}^T g_d[i], J the jets'
 * Jacobian, g_d[i]_{k, r} = dr[i] / d(d/dx_d)^k f_{d, r}. To a residual's cotangent G the network answers with
 * r' = - sum_j <grad_d r[i], grad_d r[j]> G[j], a matrix of n^D rows. What acts along axis d alone and is nearest to it
 * is its mean over the other axes,
 *
 *   K_d[i_d, j_d] = sum over i_{d'}, d' other than d, of <J_{i_d}^T g_d[i_d, i_{d'}], J_{j_d}^T g_d[j_d, i_{d'}]>,
 *
 * n_d by n_d. It is estimated as the pseudo-NTK estimates a sum over outputs, by the kernel of a sum: with signs
 * s_{d'} of mean 0, independent, the sum over i_{d'} of the products of signs times g_d is one cotangent at the jets of each
 * point, whose tangent kernel (`jetTangentKernel`, the layer identity on jets) has the mean K_d. One pass of the equation's
 * own VJP, with the signs in place of G, gives it for all axes; the sign of i_d itself, which that has too, is multiplied
 * away. Several drawings of signs are added up.
 *
 * So orders of derivatives have the weights that the equation gives them where the solution now is, u in u u_xx among
 * them, and S_d = I - V_d^T diag(1 - l_k / l_i) V_d is applied to G before it is multiplied by dr / d(field): to no field
 * by itself, since that would not commute with coefficients.
 */

import { numbersIn } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Value } from '../../graph/operation.js';
import { isRecord, requireCount, requireOptions, requireWord, shown } from '../../host/checks.js';
import { Random } from '../../host/random.js';
import type { Scope } from '../../host/scope.js';
import { mostTopK } from '../../ops/eigen/leadingEigenpairs.js';
import { add } from '../../ops/elementwise/linearCombination.js';
import { multiply } from '../../ops/elementwise/multiply.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import type { JetPass } from '../../ops/network/jetNetwork.js';
import { residuals } from '../../ops/objective/residuals.js';
import { type Combine, combines, type ModulatedBasis, precondition } from '../../ops/precondition/precondition.js';
import { jetTangentKernel } from '../../ops/tangent/jetTangentKernel.js';
import { vjp } from '../../ops/vjp.js';
import { ModulatedEigenpairs, startVectors } from '../../precondition/modulatedEigenpairs.js';
import type { SavedPreconditioner, Start } from '../../precondition/preconditioner.js';
import {
  type Discretisation,
  equationsGrid,
  jetRows,
  lossScale,
  type ProblemGrid,
  shapeOfRanges,
} from '../discretisation.js';

/** Settings of SepPGD on the cotangent at an equation's residual, which Luo and Meng leave open. */
export interface ResidualSepPgdOptions {
  /** k, eigenpairs modulated on each axis, or as many as its points allow; from 1 to 1024, 3 by default. */
  readonly topK?: number;
  /** 'product' by default, P = G x_1 S_1 .. x_D S_D; or 'sum', P = sum_d G x_d S_d. */
  readonly combine?: Combine;
  /** Steps from one refresh to the next, from 1 to 2^31; 50 by default. */
  readonly refresh?: number;
  /** Drawings of signs by which the kernels are estimated, from 1 to 64; 4 by default. */
  readonly draws?: number;
}

/** What is to precondition the cotangent at a residual. */
export type ResidualSepPgd = Required<ResidualSepPgdOptions>;

const known = { topK: true, combine: true, refresh: true, draws: true } as const;

/**
 * SepPGD on the cotangent at an equation's residual, as a value for a `ProblemTrainer`.
 *
 * @throws InputError an option that is unknown or out of range.
 */
export function residualSepPgd(options: ResidualSepPgdOptions = {}): ResidualSepPgd {
  requireOptions('residualSepPgd', options, known);
  const { topK = 3, combine = 'product', refresh = 50, draws = 4 } = options;
  requireCount('topK', topK, 1, 1024);
  requireWord('combine', combine, combines);
  requireCount('refresh', refresh, 1, 2 ** 31);
  requireCount('draws', draws, 1, 64);
  return { topK, combine, refresh, draws };
}

/** @throws InputError something that `residualSepPgd` does not give. */
export function requireResidualSepPgd(given: ResidualSepPgd): void {
  if (!isRecord(given) || Object.keys(known).some(option => !Object.hasOwn(given, option))) {
    throw new InputError(`residualPreconditioner: ${shown(given)} is none: give residualSepPgd({ .. })`);
  }
  residualSepPgd(given);
}

/** The equation on its grid, as nodes of a graph. */
export interface ResidualNodes {
  readonly pass: JetPass;
  readonly jets: Value;
  readonly fields: Value;
  readonly tables: Value | undefined;
  readonly residuals: Value;
}

const name = 'residual-seppgd';
const signSeed = 0x51e5;

/** 1 or -1 for each point of each axis, so many times: the same ones always. */
export function drawnSigns(shape: readonly number[], draws: number): readonly (readonly (readonly number[])[])[] {
  const random = new Random(signSeed);
  const sign = () => (random.uniform(-1, 1) < 0 ? -1 : 1);
  return Array.from({ length: draws }, () => shape.map(n => Array.from({ length: n }, sign)));
}

/** SepPGD on one problem's residual: its state on the device. */
export class ResidualPreconditioner {
  /** The grid whose residual it acts on. */
  readonly grid: ProblemGrid;
  readonly #eigenpairs: ModulatedEigenpairs;
  readonly #shape: readonly number[];
  readonly #topK: readonly number[];
  /** Of each drawing: the product of signs at every point of the grid, and each network's own at its rows of jets. */
  readonly #signs: readonly { readonly grid: Tensor; readonly jets: Tensor }[];

  /** @throws InputError a problem that is not one equation of one field, or whose grid goes in blocks. */
  constructor(
    engine: Engine,
    scope: Scope,
    discretisation: Discretisation,
    rank: number,
    private readonly settings: ResidualSepPgd,
  ) {
    this.grid = requireEquation(name, discretisation);
    const { counts, orders } = discretisation;
    this.#shape = shapeOfRanges(this.grid.points);
    this.#topK = this.#shape.map(n => Math.min(settings.topK, mostTopK(n)));
    this.#eigenpairs = new ModulatedEigenpairs(
      engine,
      scope,
      this.#shape.map((points, d) => ({ points, topK: this.#topK[d] })),
    );
    this.#signs = drawnSigns(this.#shape, settings.draws).map(signs => {
      const atPoints = signs.reduce<number[]>((all, own) => all.flatMap(sign => own.map(other => sign * other)), [1]);
      const atJets = orders.flatMap((_, d) =>
        Array.from(
          { length: jetRows(discretisation, d) * rank },
          (_, at) => signs[d][Math.floor(at / rank) % counts[d]] ?? 1,
        ),
      );
      return {
        grid: scope.keep(engine.stack([this.#shape], Float32Array.from(atPoints))),
        jets: scope.keep(
          engine.stack(
            orders.map((_, d) => [jetRows(discretisation, d), rank]),
            Float32Array.from(atJets),
          ),
        ),
      };
    });
  }

  get refresh(): number {
    return this.settings.refresh;
  }

  /** S as the last refresh left it. */
  current(graph: Graph): ModulatedBasis {
    return this.#eigenpairs.current(graph);
  }

  /** S of the present jets, kept for the steps that follow. */
  refreshed(graph: Graph, nodes: ResidualNodes, start: Start): ModulatedBasis {
    return this.#eigenpairs.refreshed(graph, this.kernels(graph, nodes), start);
  }

  /** K_d, (n_d, n_d) for each axis. */
  kernels(graph: Graph, { pass, jets, ...nodes }: ResidualNodes): Value {
    return this.#signs
      .map(({ grid, jets: own }) => {
        const atFields = this.#atFields(nodes, graph.read(grid), 1);
        const atJets = multiply(vjp(nodes.fields, atFields, [jets])[0], graph.read(own));
        return jetTangentKernel(pass, atJets, this.#shape);
      })
      .reduce(add);
  }

  /** The cotangents at the fields, from the loss's at the residual, preconditioned. */
  cotangents(nodes: Omit<ResidualNodes, 'pass' | 'jets'>, { vectors, scaled }: ModulatedBasis): Value {
    const { combine } = this.settings;
    const preconditioned = precondition(nodes.residuals, vectors, scaled, { combine, topK: this.#topK });
    return this.#atFields(nodes, preconditioned, lossScale(this.grid));
  }

  /** scale weight p dr / d(field) for every field. @param p of the grid's shape. */
  #atFields({ fields, tables }: Pick<ResidualNodes, 'fields' | 'tables'>, p: Value, scale: number): Value {
    const known = tables ? tables.layout.parts.map((_, part) => ({ part })) : [];
    const all = tables ? pieces([tables, p], [...known, { stack: 1, part: 0 }]) : p;
    const { linearised: text } = this.grid.residuals;
    return residuals(fields, all, { text, residuals: 1, scale }).cotangents;
  }

  async state(): Promise<SavedPreconditioner> {
    return { name, topK: this.#topK, state: await this.#eigenpairs.state() };
  }

  /** @returns whether what was saved fits; where it does not, the next refresh from nothing is as that of a new one. */
  restore(saved: SavedPreconditioner | undefined): boolean {
    if (saved?.name === name && this.#eigenpairs.restore(saved)) return true;
    const { vectors } = this.#eigenpairs.tensors;
    vectors.write(startVectors(numbersIn(vectors.layout)));
    return false;
  }
}

/**
 * The grid on whose residual SepPGD acts.
 *
 * @param who is told to want it.
 * @throws InputError a problem that is not one equation of one field, or whose grid goes in blocks.
 */
export function requireEquation(who: string, { problem, grids }: Discretisation): ProblemGrid {
  const [grid, ...blocks] = grids.filter(({ name: own }) => own === equationsGrid);
  const refuse = (what: string, remedy: string) => new InputError(`${who}: ${problem.name} ${what}: ${remedy}`);
  if (!grid) throw refuse('has no equation of a weight above 0', 'leave it out');
  if (grid.count > 1 || problem.fields.length > 1) {
    throw refuse(
      `has ${grid.count} equations of ${problem.fields.length} fields`,
      'it takes one of one field: leave it out',
    );
  }
  if (blocks.length > 0) throw refuse('goes in blocks, and the residual must be whole', 'use fewer points');
  return grid;
}
