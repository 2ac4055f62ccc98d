/** Training of networks on a problem: its loss brought down step by step, all of it on the device. */

import { DivergedError, InputError } from '../../errors.js';
import { type Engine, requireEngine } from '../../graph/engine.js';
import { requireCount, requireOptions, requireValue, shown } from '../../host/checks.js';
import { CallQueue } from '../../host/queue.js';
import { requireSeed } from '../../host/random.js';
import { building, type Disposable } from '../../host/scope.js';
import type { Optimiser } from '../../optimiser/optimiser.js';
import type { SavedPreconditioner } from '../../precondition/preconditioner.js';
import { type Losses, lossesOf, runStages, type Stage } from '../../train/stepPlans.js';
import { historyLength, mostSteps, type ParameterState, TrainedParameters } from '../../train/trainedParameters.js';
import type { StepWork } from '../../train/trainer.js';
import { type Discretisation, discretise, equationsGrid, shapeOfRanges } from '../discretisation.js';
import type { AxisPoints } from '../grid.js';
import { type LastLayerOptions, LastLayers, settledLastLayers } from '../lastLayers/lastLayers.js';
import { initialProblemParameters, type JetArchitecture, problemParameters } from '../network.js';
import { type GridPreconditioners, gridPreconditioners } from '../precondition/gridPreconditioners.js';
import { ResidualPreconditioner, type ResidualSepPgd, requireResidualSepPgd } from '../precondition/residualSepPgd.js';
import { type Problem, requireProblem } from '../problem.js';
import { fieldTerm } from '../solution/fields.js';
import { FieldSolver } from '../solution/solver.js';
import { inBlocks } from './blocks.js';
import { PointsOnDevice, type ProblemOnDevice } from './pointsOnDevice.js';
import { type ProblemPlans, problemPlans } from './problemPlans.js';

/** Which networks are trained on which problem, on what points, and how. */
export interface ProblemTrainerOptions {
  /** What `defineProblem` gives. */
  readonly problem: Problem;
  /** `jetArchitecture({ width, rank })`. */
  readonly network: JetArchitecture;
  /** Of the equations, on every axis or by the axes' names; from 3 to 4096. */
  readonly points: number | Readonly<Record<string, number>>;
  /** `shampoo({ learningRate })`, `adam`, `muon`, `sgd`. */
  readonly optimiser: Optimiser;
  /** Points are drawn anew every so many steps, from 1; where it is absent they stand at equal distances. */
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
  /**
   * Of fields of a grid at a time, from 16: larger grids go in blocks, and on a GPU those that take too long. What a device
   * binds by default, and at the most.
   */
  readonly slabBytes?: number;
  /** Of the parameters and of the points, from 0 to 2^32 - 1; 0 by default. */
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

const firstDrawing = 0;

/**
 * Trains networks on a problem, step by step on the device; `create` makes it. Calls take their turns, as those of
 * `Trainer`.
 */
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
    /** What it runs on, which outlives it. */
    readonly engine: Engine,
    /** What it trains on, as its options have it. */
    readonly problem: Problem,
    /** What it trains: one such network for each field and axis. */
    readonly network: JetArchitecture,
    private readonly points: PointsOnDevice,
    private readonly redraw: number | undefined,
    private readonly parameters: TrainedParameters,
    private readonly plans: ProblemPlans,
    private readonly lastLayers: LastLayers | undefined,
    private readonly made: Disposable,
  ) {}

  /**
   * Compiles a training on a problem and makes what it keeps on the device.
   *
   * @throws InputError an option out of range, or a function of the coordinates that gives no number.
   */
  static async create(engine: Engine, options: ProblemTrainerOptions): Promise<ProblemTrainer> {
    requireEngine(engine);
    requireOptions('ProblemTrainer', options, known);
    const { problem, network, points, optimiser, redraw, preconditioners, seed = 0 } = options;
    const { residualPreconditioner, slabBytes = engine.device.mostBindingBytes } = options;
    requireProblem(problem);
    if (typeof network?.gated !== 'boolean') {
      throw new InputError(`network: ${shown(network)} is none: give jetArchitecture({ width: 64 })`);
    }
    requireValue('optimiser', optimiser, 'start', 'give adam({ learningRate: 1e-3 }) or shampoo({ .. })');
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
    const discretisation = await inBlocks(engine, discretise(problem, points), network.rank, slabBytes, {
      residual: residualPreconditioner !== undefined,
      changes: settled !== undefined,
      preconditioned: grid => preconditioners?.(grid.name, shapeOfRanges(grid.points)) !== undefined,
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
      const all: ProblemOnDevice = { engine, discretisation, network, points: onDevice, parameters };
      const plans = await problemPlans(scope, {
        ...all,
        preconditioners:
          preconditioners &&
          (await gridPreconditioners(engine, scope, discretisation, network, parameters.tensor, preconditioners)),
        residual:
          residualPreconditioner &&
          new ResidualPreconditioner(engine, scope, discretisation, network.rank, residualPreconditioner),
      });
      // Between points drawn at random are gaps that the layers would fill at will.
      const even =
        settled && redraw !== undefined
          ? new PointsOnDevice(engine, scope, discretisation, network, undefined)
          : undefined;
      even?.write(0);
      const lastLayers = settled && (await LastLayers.create(scope, { ...all, points: even ?? onDevice }, settled));
      return new ProblemTrainer(engine, problem, network, onDevice, redraw, parameters, plans, lastLayers, scope);
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
  get work(): StepWork {
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
  evaluate(): Promise<Losses<'equations'>> {
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
  solution<F extends string>(
    axes: AxisPoints,
    fields: readonly F[] = this.problem.fields as readonly F[],
  ): Promise<Readonly<Record<F, Float32Array>>> {
    return this.#calls.add(async () => {
      if (!Array.isArray(fields)) throw new InputError(`solution: fields: ${shown(fields)}: give a list such as ['u']`);
      if (fields.length === 0) throw new InputError('solution: no fields: give one or more');
      const terms = fields.map(field => fieldTerm(this.problem, field));
      if (this.#solved !== `${fields}`) {
        this.#solver?.dispose();
        this.#solver = new FieldSolver(this.engine, this.problem, this.network, this.parameters.tensor, terms);
        this.#solved = `${fields}`;
      }
      const values = await (this.#solver as FieldSolver).whole(axes);
      return Object.fromEntries(fields.map((field, i) => [field, values[i]])) as Record<F, Float32Array>;
    });
  }

  /** All that a later run goes on with exactly, copied to the host. */
  state(): Promise<Required<ParameterState> & ProblemState> {
    return this.#calls.add(async () => {
      // What it starts from would be taken for what it found.
      await this.#prepare();
      return {
        ...(await this.parameters.state()),
        ...(this.plans.refreshing && { preconditioner: await this.plans.refreshing.residual.state() }),
      };
    });
  }

  /** Goes on from a state: at once where no call is under way. @throws InputError one of another network or optimiser. */
  restore(state: ProblemState): Promise<void> {
    return this.#calls.add(() => this.#restore(state));
  }

  /** Frees its memory on the device; the engine stays. Harmless a second time. */
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
    this.#prepared = this.plans.refreshing?.residual.restore(state.preconditioner) ?? false;
  }

  /** Finds the residual's preconditioner from nothing where no state brought one. */
  async #prepare(): Promise<void> {
    if (this.#prepared || !this.plans.refreshing) return;
    this.#draw(this.step);
    await this.plans.refreshing.prepare.run();
    this.#prepared = true;
  }

  #losses(): Promise<Losses<'equations'>> {
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
    const every = this.redraw ?? this.plans.refreshing?.residual.refresh;
    for (let t = this.step; t < end; ) {
      const isRefresh = this.plans.refreshing && t % this.plans.refreshing.residual.refresh === 0;
      const next = isRefresh ? t + 1 : nextOf(t, every, end);
      const at = t;
      const plan = isRefresh ? this.plans.refreshing.step : this.plans.step;
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
