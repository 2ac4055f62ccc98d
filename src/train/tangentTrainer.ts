/**
 * Kernel ridge regression with the tangent kernel, by gradient descent on the weights of its features (Luo and Meng,
 * equation 15): a model is linearised at its initial parameters theta_0, h(x) = <grad_theta f(x; theta_0), w>, and w is
 * trained from zero on 1/2 sum (h - Y)^2, where the optimiser's L2 decay is the ridge. The preconditioner of the
 * cotangent is that of theta_0 throughout.
 */

import type { Tensor } from '../buffer/tensor.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import type { Graph, Value } from '../graph/operation.js';
import type { Plan } from '../graph/plan.js';
import type { Numbers } from '../host/arrays.js';
import { requireCount, requireOptions, requireValue } from '../host/checks.js';
import { CallQueue } from '../host/queue.js';
import { building, type Disposable } from '../host/scope.js';
import type { Domain } from '../model/domain/domain.js';
import { initialParameters, type Model, modelParameterShapes, onDomain, parameterCount } from '../model/model.js';
import { parametersOf } from '../model/parameters.js';
import { Linearisation, requireLinearisable } from '../ntk/linearisation.js';
import { squaredError } from '../objective/squaredError.js';
import type { Optimiser } from '../optimiser/optimiser.js';
import type { Preconditioner, PreconditionerState } from '../precondition/preconditioner.js';
import { gradientOf } from './gradient.js';
import { type Losses, lossesOf } from './stepPlans.js';
import { requireTarget, type Target, targetTensor } from './target.js';
import { historyLength, TrainedParameters } from './trainedParameters.js';
import { requireTraining } from './trainerOptions.js';

/** Values Y on a domain: numbers, or also what lies on the device. */
export interface Samples<V extends Target = Numbers> {
  /** Where they lie: of as many axes as the model, of any size. */
  readonly domain: Domain;
  /** (n_1 .. n_D), row-major, for each member. */
  readonly values: V;
}

/** What a `TangentTrainer` trains on what, and how. */
export interface TangentTrainerOptions {
  /** On the domain of the training's samples. */
  readonly model: Model;
  /** Y, as of `Trainer`. */
  readonly target: Target;
  /** Other samples, on domains of any size, of which `evaluate` gives the loss too, by name. */
  readonly evaluations?: Readonly<Record<string, Samples<Target>>>;
  /** Of w: `adam({ learningRate, weightDecay })`, whose decay is the ridge. */
  readonly optimiser: Optimiser;
  /** `sepPgd({ topK })`, `msk` or `iga`; plain gradients where it is absent. */
  readonly preconditioner?: Preconditioner;
  /** Of theta_0, from 0 to 2^32 - 1; 0 by default. */
  readonly seed?: number;
}

const known = {
  model: true,
  target: true,
  evaluations: true,
  optimiser: true,
  preconditioner: true,
  seed: true,
} as const;

type Plans = {
  readonly step: Plan;
  readonly prepare: Plan;
  readonly evaluate: Plan<Record<string, Value>>;
};

/**
 * Trains the weights w of a model linearised at its initial parameters on 1/2 sum (h - Y)^2, h(x) = <grad_theta f(x;
 * theta_0), w>, from w = 0 (Luo and Meng, equation 15). Calls take their turns, as those of `Trainer`.
 */
export class TangentTrainer {
  #prepared = false;
  readonly #calls = new CallQueue('trainer');

  private constructor(
    /** What it runs on, which outlives it. */
    readonly engine: Engine,
    /** What is linearised at its initial parameters, on the domain of the training. */
    readonly model: Model,
    private readonly parameters: TrainedParameters,
    private readonly plans: Plans,
    private readonly made: Disposable,
  ) {}

  /**
   * Linearises a model at its initial parameters and compiles the training of w.
   *
   * @throws InputError an option out of range, samples of the wrong size, or a model that cannot be linearised.
   */
  static async create(engine: Engine, options: TangentTrainerOptions): Promise<TangentTrainer> {
    requireEngine(engine);
    requireOptions('TangentTrainer', options, known);
    const { model, target, evaluations = {}, optimiser, preconditioner: given, seed = 0 } = options;
    requireTraining(options);
    requireLinearisable(model);
    requireTarget('target', model, target);
    for (const [name, one] of Object.entries(evaluations)) requireSamples(`evaluations: ${name}`, model, one);
    const samples: Record<string, Samples<Target>> = {
      ...evaluations,
      training: { domain: model.domain, values: target },
    };
    return building(async scope => {
      const preconditioner = await given?.start(engine, scope, model);
      const start = scope.keep(engine.stack(modelParameterShapes(model), initialParameters(model, seed)));
      const parameters = new TrainedParameters(engine, scope, parametersOf(model), optimiser);
      const places: Record<string, Place> = {};
      for (const [name, { domain, values }] of Object.entries(samples)) {
        const there = onDomain(model, domain);
        const linearisation = scope.keep(await Linearisation.create(engine, there, start));
        places[name] = { linearisation, target: await targetTensor(engine, scope, there, values) };
      }
      const plans = await compilePlans(engine, parameters, places, preconditioner);
      for (const plan of Object.values<Plan>(plans)) scope.keep(plan);
      return new TangentTrainer(engine, model, parameters, plans, scope);
    });
  }

  /** Steps made so far. */
  get step(): number {
    return this.parameters.step;
  }

  /** Finds the preconditioner, which `advance` else does before the first step. */
  prepare(): Promise<void> {
    return this.#calls.add(() => this.#prepare());
  }

  /**
   * Makes `count` steps, in submits as those of `Plan.run`.
   *
   * @param count from 1 to 1024.
   * @returns the loss at each step, before its update.
   * @throws DivergedError at a loss that is not finite.
   */
  advance(count: number): Promise<Float32Array> {
    return this.#calls.add(async () => {
      requireCount('advance', count, 1, historyLength);
      if (!this.#prepared) await this.#prepare();
      return this.parameters.advance(count, () => this.plans.step.run({ times: count }));
    });
  }

  /** The loss of the present weights on the training's samples, `training`, and on those of `evaluations`. */
  evaluate(): Promise<Losses<'training'>> {
    return this.#calls.add(() => lossesOf(this.engine, [{ plan: this.plans.evaluate }]));
  }

  /** w, in the order of the model's parameters. */
  weights(): Promise<Float32Array> {
    return this.#calls.add(() => this.parameters.tensor.read());
  }

  /** Starts anew from w = 0: at once where no call is under way. */
  restart(): Promise<void> {
    return this.#calls.add(() => {
      this.parameters.restore({ step: 0, parameters: new Float32Array(parameterCount(this.model)) });
    });
  }

  /** Frees its memory on the device; the engine stays. Harmless a second time. */
  dispose(): void {
    this.#calls.end();
    this.made.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #prepare(): Promise<void> {
    await this.plans.prepare.run();
    this.#prepared = true;
  }
}

/** @throws InputError what is no samples of the model's kind. */
function requireSamples(name: string, model: Model, samples: Samples<Target>): void {
  requireOptions(name, samples, { domain: true, values: true });
  const { domain, values } = samples;
  requireValue(`${name}: domain`, domain, 'part', 'give grid([128, 128])');
  const there = onDomain(model, domain);
  requireLinearisable(there);
  requireTarget(name, there, values);
}

/** Where the linearised model is evaluated, and what it should give there. */
interface Place {
  readonly linearisation: Linearisation;
  readonly target: Tensor;
}

function compilePlans(
  engine: Engine,
  parameters: TrainedParameters,
  places: Readonly<Record<string, Place>>,
  preconditioner: PreconditionerState | undefined,
): Promise<Plans> {
  const objective = squaredError();
  const goalAt = (graph: Graph, { linearisation, target }: Place) => {
    const w = graph.read(parameters.tensor);
    const output = linearisation.output(w);
    return { w, output, ...objective.goal(output, graph.read(target)) };
  };
  return engine.compile({
    step: graph => {
      const goal = goalAt(graph, places.training);
      const gradient = gradientOf(goal, goal.output, goal.w, preconditioner?.current(graph));
      parameters.update(graph, goal.loss, gradient, true);
    },
    prepare: graph => {
      preconditioner?.refreshed?.(graph, places.training.linearisation.factors(graph), { cold: true });
    },
    evaluate: graph =>
      Object.fromEntries(Object.entries(places).map(([name, place]) => [name, goalAt(graph, place).loss])),
  });
}
