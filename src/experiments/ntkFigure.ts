/**
 * Figure 1 of Luo and Meng: the NTK of CP models in the NTK parameterisation, its spread over initialisations, its change
 * in training and its eigenvalues, on a grid over [-1, 1]^2.
 */

import type { Engine } from '../graph/engine.js';
import { within } from '../host/scope.js';
import type { Activation } from '../model/activation.js';
import { type Architecture, architecture } from '../model/architecture.js';
import { coordinatesOf, type Domain } from '../model/domain/domain.js';
import { grid } from '../model/domain/grid.js';
import { forward, networkInput } from '../model/forward.js';
import { modelParameterShapes } from '../model/model.js';
import { denseNtk } from '../ntk/denseNtk.js';
import { limitNtk, randomLimitNtk } from '../ntk/limitNtk.js';
import { normalParameters, ntkCp, ntkJoint } from '../ntk/ntkParameterisation.js';
import { onPoints, pointNtk } from '../ntk/pointNtk.js';
import { squaredError } from '../objective/squaredError.js';
import { sgdStep } from '../ops/optimiser/sgd.js';
import { gradientOf } from '../train/gradient.js';
import { madeRows, type Rows } from './rows.js';
import { eigenvaluesOf, modelSpectra } from './spectra.js';

export interface FigureSettings {
  readonly widths: readonly number[];
  /** R of the first plot; in the others it is the width. */
  readonly rank: number;
  /** Initialisations. */
  readonly seeds: number;
  /** Of each of the two axes. */
  readonly points: number;
  readonly depth: number;
  readonly activation: Activation;
  readonly omega?: number;
  /** Of gradient descent. */
  readonly steps: number;
  /** k of the preconditioner whose eigenvalues are shown. */
  readonly topK: number;
}

/** What initialisations of one width and rank gave. */
export interface Initialisations {
  readonly width: number;
  readonly rank: number;
  /** Relative deviation: sqrt(sum_s |K_s - mean|^2 / (seeds - 1)) / |mean|, Frobenius. */
  readonly spread: number;
  /** The mean of |K_s - K| / |K|, K the kernel of Theorem 2. */
  readonly distance: number;
  /** The mean of |K_s after the steps - K_s| / |K_s| over the first 10. */
  readonly change?: number;
}

export interface Figure {
  readonly fixedRank: readonly Initialisations[];
  /** The spread at infinite width and the fixed rank, of 200 draws of the kernel of Corollary 1. */
  readonly fixedRankLimit: number;
  readonly widthIsRank: readonly Initialisations[];
  /** Of gradient descent on 1/2 sum (Z - Y)^2: half of 1 / the largest eigenvalue of Theorem 2's kernel. */
  readonly rate: number;
  /** Descending, over the first: at the largest width and rank, one initialisation. */
  readonly eigenvalues: {
    readonly sepnn: readonly number[];
    readonly preconditioned: readonly number[];
    readonly infinite: readonly number[];
    readonly mlp: readonly number[];
  };
}

const axes = 2;
const limitDraws = 200;
/** Initialisations that are trained: the change scatters less than the kernel itself. */
const mostTrained = 10;

/**
 * @param done is called after each initialisation, of `figureRuns` in all; what it throws ends the figure.
 * @param rows one a width and rank.
 */
export async function ntkFigure(
  engine: Engine,
  settings: FigureSettings,
  done: () => void,
  rows: Rows = madeRows,
): Promise<Figure> {
  const { widths, rank, seeds, points, topK, depth, activation, omega = 1 } = settings;
  const domain = grid(Array<number>(axes).fill(points));
  const x = coordinatesOf(domain);
  const networkOf = (width: number) => architecture({ width, depth, activation, omega });
  const network = networkOf(widths[0]); // of which infinite width knows all but the width
  const infinite = limitNtk({ network, axes, points: x });
  const [limitValues] = await eigenvaluesOf(engine, [infinite]);
  const rate = 0.5 / limitValues[0];
  const of = async (width: number, own: number, steps: number) => {
    let left = seeds;
    const counted = () => {
      left--;
      done();
    };
    const run = { domain, x, rank: own, seeds, steps, rate, infinite, done: counted };
    const row = await rows.of(`${width}, ${own}, ${steps}`, () => initialisations(engine, networkOf(width), run));
    while (left > 0) counted(); // of a row that was kept
    return row;
  };
  const fixedRank: Initialisations[] = [];
  for (const width of widths) fixedRank.push(await of(width, rank, 0));
  const widthIsRank: Initialisations[] = [];
  for (const width of widths) widthIsRank.push(await of(width, width, settings.steps));
  const random = randomLimitNtk({ network, axes, points: x });
  const draws = Array.from({ length: limitDraws }, (_, seed) => random(rank, seed));
  return {
    fixedRank,
    fixedRankLimit: spreadOf(draws),
    widthIsRank,
    rate,
    eigenvalues: await eigenvaluesAt(engine, networkOf(Math.max(...widths)), domain, topK, limitValues),
  };
}

export function figureRuns({ widths, seeds }: FigureSettings): number {
  return 2 * widths.length * seeds;
}

interface RunSettings {
  readonly domain: Domain;
  readonly x: Float64Array;
  readonly rank: number;
  readonly seeds: number;
  readonly steps: number;
  readonly rate: number;
  readonly infinite: Float64Array;
  readonly done: () => void;
}

/** The kernels of all seeds at one width and rank, and with `steps` again after training. */
function initialisations(engine: Engine, network: Architecture, run: RunSettings): Promise<Initialisations> {
  const { domain, x, rank, seeds, steps, rate, infinite, done } = run;
  const model = ntkCp({ domain, rank, network });
  const single = onPoints(model, x);
  return within(async scope => {
    const parameters = scope.keep(engine.stack(modelParameterShapes(model)));
    const moment = scope.keep(engine.stack(modelParameterShapes(model)));
    const learningRate = scope.keep(engine.tensor([1], [rate]));
    const input = scope.keep(await networkInput(engine, model));
    const inputs = scope.keep(await networkInput(engine, single));
    const target = scope.keep(engine.tensor(domain.shape, targetAt(x)));
    const objective = squaredError();
    const plans = await engine.compile({
      kernel: graph => ({ ntk: pointNtk(graph, single, graph.read(parameters), inputs) }),
      step: graph => {
        const before = graph.read(parameters);
        const { output } = forward(graph, model, before, input);
        const gradient = gradientOf(objective.goal(output, graph.read(target)), output, before);
        const how = { momentum: 0, weightDecay: 0 };
        const next = sgdStep(before, graph.read(moment), gradient, graph.read(learningRate), how);
        graph.assign(parameters, next.parameters);
        graph.assign(moment, next.moment);
      },
    });
    scope.keep(plans.kernel);
    scope.keep(plans.step);
    const kernel = async () => {
      await plans.kernel.run();
      return Float64Array.from(await plans.kernel.outputs.ntk.read());
    };
    const kernels: Float64Array[] = [];
    const changes: number[] = [];
    for (let seed = 0; seed < seeds; seed++) {
      parameters.write(normalParameters(model, seed));
      const before = await kernel();
      kernels.push(before);
      if (steps > 0 && seed < mostTrained) {
        await plans.step.run({ times: steps });
        changes.push(distance(await kernel(), before));
      }
      done();
    }
    return {
      width: network.width,
      rank,
      spread: spreadOf(kernels),
      distance: mean(kernels.map(one => distance(one, infinite))),
      ...(steps > 0 && { change: mean(changes) }),
    };
  });
}

/** sin(pi x) sin(pi y), point by point. */
function targetAt(x: Float64Array): Float64Array {
  return Float64Array.from({ length: x.length / axes }, (_, i) =>
    x.slice(i * axes, (i + 1) * axes).reduce((product, one) => product * Math.sin(Math.PI * one), 1),
  );
}

async function eigenvaluesAt(
  engine: Engine,
  network: Architecture,
  domain: Domain,
  topK: number,
  infinite: Float32Array,
): Promise<Figure['eigenvalues']> {
  const model = ntkCp({ domain, rank: network.width, network });
  const parameters = normalParameters(model, 0);
  const [{ before, after }] = await modelSpectra(engine, { model, parameters, preconditioner: { topK } });
  const mlp = ntkJoint({ domain, network });
  const [kernel] = await denseNtk(engine, mlp, normalParameters(mlp, 0));
  const [ofMlp] = await eigenvaluesOf(engine, [Float64Array.from(kernel)]);
  const overFirst = (values: Float32Array) => Array.from(values, value => value / values[0]);
  return {
    sepnn: overFirst(before),
    preconditioned: overFirst(after as Float32Array),
    infinite: overFirst(infinite),
    mlp: overFirst(ofMlp),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function norm(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}

/** |a - b| / |b|. */
function distance(a: Float64Array, b: Float64Array): number {
  return norm(a.map((value, i) => value - b[i])) / norm(b);
}

function spreadOf(kernels: readonly Float64Array[]): number {
  const average = kernels[0].map((_, at) => mean(kernels.map(kernel => kernel[at])));
  const squares = kernels.map(kernel => norm(kernel.map((value, at) => value - average[at])) ** 2);
  return Math.sqrt(squares.reduce((sum, value) => sum + value, 0) / (kernels.length - 1)) / norm(average);
}
