/** Training of networks on a problem: its loss brought down step by step, all of it on the device. */

import type { Tensor } from '../buffer/tensor.js';
import { DivergedError, InputError } from '../errors.js';
import type { CotangentMap } from '../graph/differentiate.js';
import type { Engine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import type { Plan } from '../graph/plan.js';
import { requireCount, requireOptions, requireValue, shown } from '../host/checks.js';
import { CallQueue } from '../host/queue.js';
import { Random, requireSeed } from '../host/random.js';
import { building, type Disposable, keepAll, type Scope } from '../host/scope.js';
import { contractFields } from '../ops/contraction/contractFields.js';
import { add } from '../ops/elementwise/linearCombination.js';
import { inputJets, type JetPass, jetPass } from '../ops/network/jetNetwork.js';
import { residuals } from '../ops/objective/residuals.js';
import { vjp } from '../ops/vjp.js';
import type { Optimiser } from '../optimiser/optimiser.js';
import type { SavedPreconditioner } from '../precondition/preconditioner.js';
import { lossesOf, runStages, type Stage } from '../train/stepPlans.js';
import { historyLength, mostSteps, type ParameterState, TrainedParameters } from '../train/trainedParameters.js';
import {
  type Discretisation,
  discretise,
  equationsGrid,
  inSlabs,
  lossScale,
  type ProblemGrid,
  shapeOfRanges,
} from './discretisation.js';
import type { AxisPoints } from './grid.js';
import { type LastLayerOptions, LastLayers, settledLastLayers } from './lastLayers/lastLayers.js';
import {
  initialProblemParameters,
  inputColumns,
  type JetArchitecture,
  jetAttributes,
  problemParameters,
} from './network.js';
import { type GridPreconditioners, gridPreconditioners } from './precondition/gridPreconditioners.js';
import { ResidualPreconditioner, type ResidualSepPgd, requireResidualSepPgd } from './precondition/residualSepPgd.js';
import { type Problem, requireProblem } from './problem.js';
import { fieldTerm } from './solution/fields.js';
import { FieldSolver } from './solution/solver.js';
import { gridTables } from './tables.js';

export interface ProblemTrainerOptions {
  readonly problem: Problem;
  readonly network: JetArchitecture;
  /** Of the equations, on every axis or by the axes' names; 3 or more. */
  readonly points: number | Readonly<Record<string, number>>;
  readonly optimiser: Optimiser;
  /** Points are drawn anew every so many steps; where it is absent they stand at equal distances. */
  readonly redraw?: number;
  /**
   * What preconditions the cotangents on each grid, made once from the initial parameters; nothing by default. It wants
   * points that are not drawn anew, and none of the equations beside `residualPreconditioner`.
   */
  readonly preconditioners?: GridPreconditioners;
  /** What preconditions the cotangent at the equation's residual: `residualSepPgd`; nothing by default. It wants points as they do. */
  readonly residualPreconditioner?: ResidualSepPgd;
  /** How `solveLastLayers` goes about it, which is there where this is given, `{}` by default settings. */
  readonly lastLayers?: LastLayerOptions;
  /** Of fields of a grid at a time: larger grids go in slabs of their first axis. What a device binds by default. */
  readonly slabBytes?: number;
  /** Of the parameters and of the points, 0 by default. */
  readonly seed?: number;
}

const known = {
  problem: true,
  network: true,
  points: true,
  optimiser: true,
  redraw: true,
  preconditioners: true,
  residualPreconditioner: true,
  lastLayers: true,
  slabBytes: true,
  seed: true,
} as const;

/** A state from which a training goes on exactly. */
export interface ProblemState extends ParameterState {
  /** Of the residual's preconditioner; one of another name or k is found anew. */
  readonly preconditioner?: SavedPreconditioner;
}

type Plans = {
  readonly step: Plan;
  /** The loss of every grid, by its name. */
  readonly evaluate: Plan<Record<string, Value>>;
};

/** What a residual's preconditioner needs beside. */
interface Refreshing {
  readonly residual: ResidualPreconditioner;
  /** A step with a refresh. */
  readonly step: Plan;
  /** The preconditioner from nothing. */
  readonly prepare: Plan;
}

const firstDrawing = 0;

/** Calls take their turns, as those of `Trainer`. */
export class ProblemTrainer {
  /** Which drawing of the points lies on the device. */
  #drawn = firstDrawing;
  /** Of the fields that were asked for last. */
  #solver: FieldSolver | undefined;
  #solved = '';
  /** Whether the residual's preconditioner was found. */
  #prepared = false;
  readonly #calls = new CallQueue('trainer');

  private constructor(
    readonly engine: Engine,
    readonly problem: Problem,
    readonly network: JetArchitecture,
    private readonly points: PointsOnDevice,
    private readonly redraw: number | undefined,
    private readonly parameters: TrainedParameters,
    private readonly plans: Plans,
    private readonly refreshing: Refreshing | undefined,
    private readonly lastLayers: LastLayers | undefined,
    private readonly made: Disposable,
  ) {}

  /** @throws InputError an option out of range, or a function of the coordinates that gives no number. */
  static async create(engine: Engine, options: ProblemTrainerOptions): Promise<ProblemTrainer> {
    requireOptions('ProblemTrainer', options, known);
    const { problem, network, points, optimiser, redraw, preconditioners, seed = 0 } = options;
    const { residualPreconditioner, slabBytes = engine.device.mostBindingBytes } = options;
    requireProblem(problem);
    requireValue('optimiser', optimiser, ['start'], 'give adam({ learningRate: 1e-3 }) or shampoo({ .. })');
    if (preconditioners !== undefined && typeof preconditioners !== 'function') {
      throw new InputError(`preconditioners: ${shown(preconditioners)}: give a function of a grid and its shape`);
    }
    if (residualPreconditioner !== undefined) requireResidualSepPgd(residualPreconditioner);
    requireCount('slabBytes', slabBytes, 16, engine.device.mostBindingBytes);
    requireSeed(seed);
    if (redraw !== undefined) requireCount('redraw', redraw, 1, mostSteps);
    if ((preconditioners ?? residualPreconditioner) && redraw !== undefined) {
      throw new InputError('preconditioners: are made of points that stay: leave redraw out');
    }
    const settled = options.lastLayers === undefined ? undefined : settledLastLayers(options.lastLayers, network);
    const discretisation = inSlabs(discretise(problem, points), slabBytes, {
      residual: residualPreconditioner !== undefined,
      changes: settled !== undefined,
    });
    if (residualPreconditioner && preconditioners) requireApart(discretisation, preconditioners);
    return building(async scope => {
      const initial = initialProblemParameters(problem, network, seed);
      const parameters = new TrainedParameters(engine, scope, problemParameters(problem, network), optimiser, initial);
      const onDevice = new PointsOnDevice(
        engine,
        scope,
        discretisation,
        network,
        redraw === undefined ? undefined : seed,
      );
      // Before anything is compiled: what gives no numbers is refused here.
      onDevice.write(firstDrawing);
      const made =
        preconditioners &&
        (await gridPreconditioners(engine, scope, discretisation, network, parameters.tensor, preconditioners));
      const residual =
        residualPreconditioner &&
        new ResidualPreconditioner(engine, scope, discretisation, network.rank, residualPreconditioner);
      const step = (refreshing: boolean) => (graph: Graph) => {
        const at = graph.read(parameters.tensor);
        const { jets, pass, grids } = gridLosses(graph, discretisation, network, onDevice, at);
        // Each grid's way back follows its way there, so that no two need memory at a time.
        const found = grids.map(({ grid, lossIn }) => {
          const { loss, ...nodes } = lossIn();
          if (grid === residual?.grid) {
            const all = { pass, jets, ...nodes };
            const basis = refreshing ? residual.refreshed(graph, all, { cold: false }) : residual.current(graph);
            return { loss, cotangent: vjp(nodes.fields, residual.cotangents(nodes, basis), [jets])[0] };
          }
          const own = made?.get(grid.name)?.current(graph);
          const maps = new Map<Value, CotangentMap>(own && [[nodes.fields, cotangent => own.transform(cotangent)]]);
          return { loss, cotangent: vjp(loss, 1, [jets], maps)[0] };
        });
        const cotangent = found.map(one => one.cotangent).reduce(add);
        const loss = found.map(one => one.loss).reduce(add);
        parameters.update(graph, loss, vjp(jets, cotangent, [at])[0], true);
      };
      const plans = keepAll(
        scope,
        await engine.compile({
          step: step(false),
          evaluate: graph => {
            const losses: Record<string, Value> = {};
            for (const { grid, lossIn } of gridLosses(
              graph,
              discretisation,
              network,
              onDevice,
              graph.read(parameters.tensor),
            ).grids) {
              const { loss } = lossIn();
              losses[grid.name] = losses[grid.name] ? add(losses[grid.name], loss) : loss;
            }
            return losses;
          },
        }),
      );
      const refreshing =
        residual &&
        keepAll(
          scope,
          await engine.compile({
            step: step(true),
            prepare: graph => {
              const { jets, pass, grids } = gridLosses(
                graph,
                discretisation,
                network,
                onDevice,
                graph.read(parameters.tensor),
              );
              const own = grids.find(({ grid }) => grid === residual.grid) as GridLoss;
              residual.refreshed(graph, { pass, jets, ...own.lossIn() }, { cold: true });
            },
          }),
        );
      // Between points drawn at random are gaps that the layers would fill at will.
      const even =
        settled && redraw !== undefined
          ? new PointsOnDevice(engine, scope, discretisation, network, undefined)
          : undefined;
      even?.write(0);
      const lastLayers =
        settled &&
        (await LastLayers.create(engine, scope, discretisation, network, even ?? onDevice, parameters.tensor, settled));
      return new ProblemTrainer(
        engine,
        problem,
        network,
        onDevice,
        redraw,
        parameters,
        plans,
        residual && refreshing && { residual, ...refreshing },
        lastLayers,
        scope,
      );
    });
  }

  /** Steps made so far. */
  get step(): number {
    return this.parameters.step;
  }

  /** Steps that take a quarter of a second or so, by what the last ones took: 1 before any was made, and at most 1024. */
  get pace(): number {
    return this.parameters.pace;
  }

  /** What one step takes. */
  get work() {
    const { dispatches, work } = this.plans.step;
    return { dispatches: dispatches.length, ...work };
  }

  /**
   * Makes `count` steps, with points drawn anew where it is time.
   *
   * @param count from 1 to 1024.
   * @returns the loss at each step, before its update.
   * @throws DivergedError at a loss that is not finite. The parameters are then lost: `restore` a state from before.
   */
  advance(count: number): Promise<Float32Array> {
    return this.#calls.add(async () => {
      requireCount('advance', count, 1, historyLength);
      await this.#prepare();
      return this.parameters.advance(count, () => runStages(this.engine, this.#stages(count)));
    });
  }

  /**
   * Solves the last layers of all networks by least squares, one after the other while the others stay, on points at equal
   * distances, where the loss does not rise. It wants several turns, and best at the end: early on they hold networks in a
   * poor minimum.
   *
   * @throws InputError a trainer that was made without `lastLayers`.
   */
  solveLastLayers(): Promise<void> {
    return this.#calls.add(async () => {
      if (!this.lastLayers) throw new InputError('solveLastLayers: give lastLayers: {} to ProblemTrainer.create');
      await this.lastLayers.turn();
    });
  }

  /** What each grid adds to the loss of the present parameters, by name. @throws DivergedError one that is not finite. */
  evaluate(): Promise<Readonly<Record<string, number>>> {
    return this.#calls.add(async () => {
      const losses = await this.#losses();
      const bad = Object.values(losses).find(loss => !Number.isFinite(loss));
      if (bad !== undefined) throw new DivergedError(this.step, bad);
      return losses;
    });
  }

  /**
   * Which grids' losses are no longer finite where a step's loss was not, by going there once more from a state before:
   * the same steps give the same bits. The parameters are lost.
   */
  diverging(from: ProblemState, step: number): Promise<readonly string[]> {
    return this.#calls.add(async () => {
      this.#restore(from);
      await this.#prepare();
      while (this.step < step) {
        const count = Math.min(historyLength, step - this.step);
        this.parameters.schedule(count);
        await runStages(this.engine, this.#stages(count));
        this.parameters.step += count;
      }
      const losses = await this.#losses();
      return Object.keys(losses).filter(name => !Number.isFinite(losses[name]));
    });
  }

  /**
   * The fields on a grid of any points, by their names, row-major. A grid of the same shape once more takes no time to compile.
   *
   * @param fields all by default, without derivatives; also u_t or u_xx.
   * @throws InputError no field, a field that there is not, or an axis without points.
   */
  solution(
    axes: AxisPoints,
    fields: readonly string[] = this.problem.fields,
  ): Promise<Readonly<Record<string, Float32Array>>> {
    return this.#calls.add(async () => {
      if (fields.length === 0) throw new InputError('solution: no fields: give one or more');
      const terms = fields.map(field => fieldTerm(this.problem, field));
      if (this.#solved !== `${fields}`) {
        this.#solver?.dispose();
        this.#solver = new FieldSolver(this.engine, this.problem, this.network, this.parameters.tensor, terms);
        this.#solved = `${fields}`;
      }
      const values = await (this.#solver as FieldSolver).whole(axes);
      return Object.fromEntries(fields.map((field, i) => [field, values[i]]));
    });
  }

  state(): Promise<Required<ParameterState> & ProblemState> {
    return this.#calls.add(async () => {
      // What it starts from would be taken for what it found.
      await this.#prepare();
      return {
        ...(await this.parameters.state()),
        ...(this.refreshing && { preconditioner: await this.refreshing.residual.state() }),
      };
    });
  }

  /** Goes on from a state: at once where no call is under way. @throws InputError one of another network or optimiser. */
  restore(state: ProblemState): Promise<void> {
    return this.#calls.add(() => this.#restore(state));
  }

  dispose(): void {
    this.#calls.end();
    this.#solver?.dispose();
    this.made.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #restore(state: ProblemState): void {
    this.parameters.restore(state);
    this.#prepared = this.refreshing?.residual.restore(state.preconditioner) ?? false;
  }

  /** Finds the residual's preconditioner from nothing where no state brought one. */
  async #prepare(): Promise<void> {
    if (this.#prepared || !this.refreshing) return;
    this.#draw(this.step);
    await this.refreshing.prepare.run();
    this.#prepared = true;
  }

  #losses(): Promise<Record<string, number>> {
    return lossesOf(this.engine, [{ plan: this.plans.evaluate, load: () => this.#draw(this.step) }]);
  }

  #draw(step: number): void {
    const drawing = this.redraw === undefined ? 0 : Math.floor(step / this.redraw);
    if (drawing === this.#drawn) return;
    this.points.write(drawing);
    this.#drawn = drawing;
  }

  /** The steps from now on, with points drawn anew or the residual's preconditioner refreshed where it is time. */
  *#stages(count: number): Generator<Stage, void, void> {
    const end = this.step + count;
    const every = this.redraw ?? this.refreshing?.residual.refresh;
    for (let t = this.step; t < end; ) {
      const isRefresh = this.refreshing && t % this.refreshing.residual.refresh === 0;
      const next = isRefresh ? t + 1 : nextOf(t, every, end);
      const at = t;
      const plan = isRefresh ? this.refreshing.step : this.plans.step;
      yield { plan, times: next - t, load: () => this.#draw(at) };
      t = next;
    }
  }
}

/** @throws InputError a preconditioner of the equations' fields, beside that of their residual. */
function requireApart({ grids }: Discretisation, preconditioners: GridPreconditioners): void {
  const equations = grids.find(({ name }) => name === equationsGrid);
  const own = equations && preconditioners(equationsGrid, shapeOfRanges(equations.points));
  if (!own) return;
  throw new InputError(
    `preconditioners: ${own.name} of ${equationsGrid} beside residualPreconditioner: both are of the same cotangent: leave one out`,
  );
}

/** The next multiple of a period after step t, or the end where that is before it or there is none. */
function nextOf(t: number, period: number | undefined, end: number): number {
  return period === undefined ? end : Math.min(end, (Math.floor(t / period) + 1) * period);
}

/** The inputs of networks and the tables of grids, which change with every drawing of the points. */
class PointsOnDevice {
  readonly input: Tensor;
  /** One for each grid; undefined where it has no tables. */
  readonly tables: readonly (Tensor | undefined)[];

  /** @param seed of the drawings; where it is absent the points stand at equal distances. */
  constructor(
    engine: Engine,
    scope: Scope,
    private readonly of: Discretisation,
    private readonly network: JetArchitecture,
    private readonly seed: number | undefined,
  ) {
    const { counts, orders, grids } = of;
    const columns = inputColumns(network);
    this.input = scope.keep(engine.stack(orders.map((order, i) => [(order + 1) * counts[i % counts.length], columns])));
    this.tables = grids.map(({ residuals: { tables }, points }) => {
      const shape = shapeOfRanges(points);
      return tables.length > 0 ? scope.keep(engine.stack(tables.map(() => shape))) : undefined;
    });
  }

  /** @param drawing which of the points in their order, from 0. */
  write(drawing: number): void {
    const { orders, counts, grids } = this.of;
    const random = this.seed === undefined ? undefined : new Random(drawingSeed(this.seed, drawing));
    const points = this.of.points(random);
    this.input.write(
      Float32Array.from(
        orders.flatMap((order, i) => [...inputJets(points[i % counts.length], order, this.network.frequencies)]),
      ),
    );
    grids.forEach((grid, i) => {
      this.tables[i]?.write(gridTables(this.of, grid, points));
    });
  }
}

/** A seed for each drawing, apart from those of other seeds. */
function drawingSeed(seed: number, drawing: number): number {
  return (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(drawing + 1, 0x85ebca6b)) >>> 1;
}

/** What makes a grid's loss, its weighted squares in the mean over its points, and what that is made of. */
interface GridLoss {
  readonly grid: ProblemGrid;
  lossIn(): {
    readonly loss: Value;
    readonly fields: Value;
    readonly tables: Value | undefined;
    readonly residuals: Value;
  };
}

/** The jets of all networks, and every grid or slab of one. */
function gridLosses(
  graph: Graph,
  { problem, orders, grids }: Discretisation,
  network: JetArchitecture,
  { input, tables }: PointsOnDevice,
  parameters: Value,
): { readonly jets: Value; readonly pass: JetPass; readonly grids: readonly GridLoss[] } {
  const axes = Object.keys(problem.axes).length;
  const { jets, pass } = jetPass(parameters, graph.read(input), jetAttributes(network, orders));
  return {
    jets,
    pass,
    grids: grids.map((grid, i) => ({
      grid,
      lossIn: () => {
        const { points, fields: terms, residuals: compiled, count } = grid;
        const fields = contractFields(jets, { axes, scale: 1, orders, points, fields: terms });
        const table = tables[i];
        const known = table && graph.read(table);
        const found = residuals(fields, known, { text: compiled.text, residuals: count, scale: lossScale(grid) });
        return { loss: found.loss, fields, tables: known, residuals: found.residuals };
      },
    })),
  };
}
