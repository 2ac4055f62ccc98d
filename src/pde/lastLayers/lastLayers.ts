/**
 * The last layers of all networks solved by alternating least squares. A field is linear in the last layer of each of its
 * networks while the others stay, so the loss of the equations linearised in the fields (Gauss-Newton) is a quadratic form of
 * that layer alone. It is brought down by conjugate gradients that never form the normal equations: the device takes a
 * direction to the fields of all grids and back, the host does the rest in float64. Their preconditioner is the Kronecker
 * product nearest to the normal equations: a Gram matrix of the features by one of the other axes' factor matrices.
 */

import { sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { requireCount, requireNumber, requireOptions } from '../../host/checks.js';
import type { Scope } from '../../host/scope.js';
import { mostForEigh } from '../../ops/eigen/eigh.js';
import { type Discretisation, jetRows, shapeOfRanges } from '../discretisation.js';
import { featureColumns, type JetArchitecture } from '../network.js';
import type { ProblemOnDevice } from '../training/pointsOnDevice.js';
import { conjugateGradients } from './conjugateGradients.js';
import { dampedInverse, meanDiagonal, nearestProduct } from './kronecker.js';
import {
  type LastLayerPlans,
  type LastLayerTensors,
  lastLayerPlans,
  lastLayerTensors,
  type SolvedNetwork,
  squareOf,
} from './lastLayerPlans.js';
import { normalTerms } from './normalEquations.js';

/** How last layers are solved by least squares. */
export interface LastLayerOptions {
  /** Of conjugate gradients for each network, from 1 to 1000; 40 by default. */
  readonly iterations?: number;
  /** What is added to the diagonal of the normal equations, as a share of its mean: above 0, 1e-7 by default. */
  readonly damping?: number;
}

/** How they are solved where nothing else is said. */
export const usualLastLayers = { iterations: 40, damping: 1e-7 } as const;

const known = { iterations: true, damping: true } as const;

/**
 * @param who begins an error's line.
 * @throws InputError an option out of range, or networks too large for their preconditioner.
 */
export function settledLastLayers(
  options: LastLayerOptions,
  network: JetArchitecture,
  who = 'lastLayers',
): Required<LastLayerOptions> {
  requireOptions(who, options, known);
  const { iterations = usualLastLayers.iterations, damping = usualLastLayers.damping } = options;
  requireCount(`${who}: iterations`, iterations, 1, 1000);
  requireNumber(`${who}: damping`, damping, { above: 0 });
  const size = Math.max(featureColumns(network), network.rank);
  if (size > mostForEigh) {
    throw new InputError(
      `${who}: a last layer of ${network.rank} by ${featureColumns(network)}: takes up to ${mostForEigh} each: use a lower rank or width`,
    );
  }
  return { iterations, damping };
}

/** What is known of one network's least squares where all last layers stand. */
interface Linearised {
  readonly loss: number;
  readonly gradient: Float64Array;
  /** What a point adds to the loss by weight (dR/df)^2, in the mean over a grid's points: by grids and their fields. */
  readonly squares: readonly (readonly number[])[];
}

/** How far a step is shortened where it does not bring the loss down: by 4, and after 3 times it is left out. */
const shares = [1, 1 / 4, 1 / 16];

export class LastLayers {
  private constructor(
    private readonly settings: Required<LastLayerOptions>,
    private readonly of: Discretisation,
    private readonly network: JetArchitecture,
    private readonly tensors: LastLayerTensors,
    private readonly plans: LastLayerPlans,
  ) {}

  /** @param scope that disposes of what is made here. @param onDevice whose parameters a turn updates. */
  static async create(
    scope: Scope,
    onDevice: ProblemOnDevice,
    settings: Required<LastLayerOptions>,
  ): Promise<LastLayers> {
    const tensors = lastLayerTensors(scope, onDevice);
    const plans = await lastLayerPlans(scope, onDevice, tensors);
    return new LastLayers(settings, onDevice.discretisation, onDevice.network, tensors, plans);
  }

  /** Solves the last layer of each network in turn on the points given to `create`; no step of it raises the loss there. */
  async turn(): Promise<void> {
    const { tensors, plans, of } = this;
    await plans.begin.run();
    const features = splitBy(
      await tensors.features.read(),
      of.orders.map((_, p) => jetRows(of, p) * featureColumns(this.network)),
    );
    const size = this.network.rank * featureColumns(this.network);
    const layers = splitBy(
      await tensors.layers.read(),
      of.orders.map(() => size),
    );
    for (const solved of plans.networks) {
      const { p, linearise } = solved;
      const before = await this.#linearised(solved);
      if (!Number.isFinite(before.loss)) return;
      const step = await this.#stepOf(solved, before, features, layers);
      const own = layers[p];
      for (const share of [...shares, 0]) {
        layers[p] = own.map((value, at) => value + share * step[at]);
        tensors.layers.write(Float32Array.from(layers.flatMap(layer => [...layer])));
        if (share === 0) break;
        await linearise.run();
        if ((await linearise.outputs.loss.read())[0] <= before.loss) break;
      }
    }
    await plans.end.run();
  }

  async #linearised({ linearise, constants }: SolvedNetwork): Promise<Linearised> {
    await linearise.run();
    const { outputs } = linearise;
    const found = this.of.grids.map((grid, i) =>
      grid.fields.map(async (_, f) => {
        const output = outputs[squareOf(i, f)];
        return output ? (2 * (await output.read())[0]) / sizeOf(shapeOfRanges(grid.points)) : constants[i][f];
      }),
    );
    const [[loss], gradient, own] = await Promise.all([
      outputs.loss.read(),
      outputs.gradient.read(),
      Promise.all(found.map(slopes => Promise.all(slopes))),
    ]);
    return { loss, gradient: Float64Array.from(gradient), squares: own };
  }

  /** The step of one last layer: (N + damping I)^-1 of minus the gradient, N being the normal equations. */
  async #stepOf(
    { p, apply }: SolvedNetwork,
    { gradient, squares }: Linearised,
    features: readonly Float64Array[],
    layers: readonly Float64Array[],
  ): Promise<Float64Array> {
    const { tensors, plans, settings, network } = this;
    const terms = normalTerms(this.of, network, p, squares, features, layers);
    const [rows, columns] = [network.rank, featureColumns(network)];
    const damping = settings.damping * meanDiagonal(terms, rows, columns);
    if (!(damping > 0)) return new Float64Array(gradient.length);
    const { left, right, weight } = nearestProduct(terms, rows);
    tensors.left.write(Float32Array.from(left));
    tensors.right.write(Float32Array.from(right));
    await plans.eigen.run();
    const { outputs } = plans.eigen;
    const inverse = dampedInverse(
      weight,
      { values: await outputs.leftValues.read(), vectors: await outputs.leftVectors.read() },
      { values: await outputs.rightValues.read(), vectors: await outputs.rightVectors.read() },
      damping,
    );
    const times = async (direction: Float64Array): Promise<Float64Array> => {
      tensors.direction.write(Float32Array.from(direction));
      await apply.run();
      const image = await apply.outputs.image.read();
      return direction.map((value, at) => image[at] + damping * value);
    };
    const wanted = gradient.map(value => -value);
    return conjugateGradients(times, wanted, inverse, settings.iterations);
  }
}

function splitBy(values: Float32Array, sizes: readonly number[]): Float64Array[] {
  let first = 0;
  return sizes.map(size => {
    first += size;
    return Float64Array.from(values.subarray(first - size, first));
  });
}
