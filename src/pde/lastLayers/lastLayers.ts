/**
 * The last layers of all networks solved by alternating least squares. A field is linear in the last layer of each of its
 * networks while the others stay, so the loss of the equations linearised in the fields (Gauss-Newton) is a quadratic form of
 * that layer alone. It is brought down by conjugate gradients that never form the normal equations: the device takes a
 * direction to the fields of all grids and back, the host does the rest in float64. Their preconditioner is the Kronecker
 * product nearest to the normal equations: a Gram matrix of the features by one of the other axes' factor matrices.
 */

import { sizeOf } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Value } from '../../graph/operation.js';
import type { Plan } from '../../graph/plan.js';
import { requireCount, requireNumber, requireOptions } from '../../host/checks.js';
import { keepAll, type Scope } from '../../host/scope.js';
import type { SlotText } from '../../kernel/kernel.js';
import { contractFields } from '../../ops/contraction/contractFields.js';
import { eigh, mostForEigh } from '../../ops/eigen/eigh.js';
import { add } from '../../ops/elementwise/linearCombination.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import { matmul } from '../../ops/linear/matmul.js';
import { jetFeatures } from '../../ops/network/jetNetwork.js';
import { residuals } from '../../ops/objective/residuals.js';
import { vjp } from '../../ops/vjp.js';
import { type Discretisation, lossScale, type ProblemGrid, shapeOfRanges } from '../discretisation.js';
import { inputColumns, type JetArchitecture, jetAttributes, problemParameterShapes } from '../network.js';
import { conjugateGradients } from './conjugateGradients.js';
import { dampedInverse, gram, type KroneckerTerm, meanDiagonal, nearestProduct, timesTransposed } from './kronecker.js';
import { quadraticForm, squaredSlope } from './linearised.js';

export interface LastLayerOptions {
  /** Of conjugate gradients for each network, 40 by default. */
  readonly iterations?: number;
  /** What is added to the diagonal of the normal equations, as a share of its mean; 1e-7 by default. */
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

/** W + 1, or the inputs and 1 where there is no layer before the last. */
function featureColumns(network: JetArchitecture): number {
  return network.depth === 1 ? inputColumns(network) : network.width + 1;
}

/** Where points of a problem lie on the device. */
export interface ProblemPoints {
  readonly input: Tensor;
  readonly tables: readonly (Tensor | undefined)[];
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
    private readonly tensors: Tensors,
    private readonly plans: Plans,
  ) {}

  /**
   * @param scope that disposes of what is made here.
   * @param parameters of all networks, which a turn updates.
   */
  static async create(
    engine: Engine,
    scope: Scope,
    discretisation: Discretisation,
    network: JetArchitecture,
    points: ProblemPoints,
    parameters: Tensor,
    settings: Required<LastLayerOptions>,
  ): Promise<LastLayers> {
    const tensors = tensorsOf(engine, scope, discretisation, network);
    const plans = await plansOf(engine, scope, discretisation, network, points, parameters, tensors);
    return new LastLayers(settings, discretisation, network, tensors, plans);
  }

  /** Solves the last layer of each network in turn on the points given to `create`; no step of it raises the loss there. */
  async turn(): Promise<void> {
    const { tensors, plans, of } = this;
    await plans.begin.run();
    const features = splitBy(
      await tensors.features.read(),
      of.orders.map((_, p) => rowsOf(of, p) * featureColumns(this.network)),
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
        return output ? (2 * (await output.read())[0]) / numberOfPoints(grid) : constants[i][f];
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

/**
 * The normal equations of one network's last layer as a sum of Kronecker products, each field's slope taken for the root of
 * its mean square and products of different fields left out.
 */
function normalTerms(
  { problem, orders, counts, grids }: Discretisation,
  network: JetArchitecture,
  p: number,
  squares: Linearised['squares'],
  features: readonly Float64Array[],
  layers: readonly Float64Array[],
): KroneckerTerm[] {
  const axes = Object.keys(problem.axes).length;
  const [rank, columns] = [network.rank, featureColumns(network)];
  const model = Math.floor(p / axes);
  const others = orders.flatMap((_, q) => (q !== p && Math.floor(q / axes) === model ? [q] : []));
  const jets = new Map(others.map(q => [q, timesTransposed(features[q], layers[q], columns)]));
  const grams = new Map<string, Float64Array>();
  const gramOf = (values: Float64Array, width: number, q: number, order: number, [from, to]: readonly number[]) => {
    const key = [q, width, order, from, to].join();
    const first = order * counts[q % axes];
    const found = grams.get(key) ?? gram(values.subarray((first + from) * width, (first + to) * width), width);
    grams.set(key, found);
    return found;
  };
  return grids.flatMap(({ fields, points }, i) =>
    fields.flatMap((field, f): KroneckerTerm[] => {
      if (field.model !== model || squares[i][f] === 0) return [];
      const right = new Float64Array(rank * rank).fill(1);
      for (const [q, values] of jets) {
        const own = gramOf(values, rank, q, field.orders[q % axes], points[q % axes]);
        for (let at = 0; at < right.length; at++) right[at] *= own[at];
      }
      const left = gramOf(features[p], columns, p, field.orders[p % axes], points[p % axes]);
      return [{ left, right, weight: squares[i][f] }];
    }),
  );
}

interface Tensors {
  /** ((order + 1) n, W + 1) for each network. */
  readonly features: Tensor;
  /** [W | b] of each network's last layer, (R, W + 1). */
  readonly layers: Tensor;
  /** ((order + 1) n, R) for each network. */
  readonly jets: Tensor;
  /** The fields of each grid, and then its tables. */
  readonly known: readonly Tensor[];
  /** (R, W + 1). */
  readonly direction: Tensor;
  /** (W + 1, W + 1) and (R, R). */
  readonly left: Tensor;
  readonly right: Tensor;
}

interface Plans {
  /** Features and last layers from the parameters. */
  readonly begin: Plan;
  /** Parameters from the last layers. */
  readonly end: Plan;
  readonly eigen: Plan<Record<'leftValues' | 'leftVectors' | 'rightValues' | 'rightVectors', Value>>;
  readonly networks: readonly SolvedNetwork[];
}

/** A network on which the loss depends. */
interface SolvedNetwork {
  /** Its place among all. */
  readonly p: number;
  /**
   * Jets and what is known of the grids where the last layers stand, the loss and its gradient by this network's, and the
   * squared slopes of its fields that have no constant one.
   */
  readonly linearise: Plan<Record<'loss' | 'gradient' | ReturnType<typeof squareOf>, Value>>;
  /** `Linearised.squares` of its fields that have; 0 of the others. */
  readonly constants: readonly (readonly number[])[];
  /** The normal equations times `direction`. */
  readonly apply: Plan<Record<'image', Value>>;
}

function tensorsOf(engine: Engine, scope: Scope, of: Discretisation, network: JetArchitecture): Tensors {
  const columns = featureColumns(network);
  const { rank } = network;
  const stack = (shapes: readonly (readonly number[])[]) => scope.keep(engine.stack(shapes));
  return {
    features: stack(of.orders.map((_, p) => [rowsOf(of, p), columns])),
    layers: stack(of.orders.map(() => [rank, columns])),
    jets: stack(of.orders.map((_, p) => [rowsOf(of, p), rank])),
    known: of.grids.map(({ fields, residuals: { tables }, points }) =>
      stack([...fields, ...tables].map(() => shapeOfRanges(points))),
    ),
    direction: stack([[rank, columns]]),
    left: stack([[columns, columns]]),
    right: stack([[rank, rank]]),
  };
}

async function plansOf(
  engine: Engine,
  scope: Scope,
  of: Discretisation,
  network: JetArchitecture,
  { input, tables }: ProblemPoints,
  parameters: Tensor,
  tensors: Tensors,
): Promise<Plans> {
  const { problem, orders, grids } = of;
  const axes = Object.keys(problem.axes).length;
  const all = problemParameterShapes(problem, network);
  const matrices = all.length / orders.length;
  const lastOf = (p: number) => p * matrices + network.depth - 1;
  const wholes = (count: number, stack = 0) => Array.from({ length: count }, (_, part) => ({ stack, part }));
  const { begin, end, eigen } = keepAll(
    scope,
    await engine.compile({
      begin: graph => {
        const at = graph.read(parameters);
        graph.assign(tensors.features, jetFeatures(at, graph.read(input), jetAttributes(network, orders)));
        graph.assign(
          tensors.layers,
          pieces(
            [at],
            orders.map((_, p) => ({ part: lastOf(p) })),
          ),
        );
      },
      end: graph => {
        const taken = all.map((_, part) => {
          const p = Math.floor(part / matrices);
          return part === lastOf(p) ? { stack: 1, part: p } : { stack: 0, part };
        });
        graph.assign(parameters, pieces([graph.read(parameters), graph.read(tensors.layers)], taken));
      },
      eigen: graph => {
        const [left, right] = [tensors.left, tensors.right].map(one => eigh(graph.read(one)));
        return {
          leftValues: left.values,
          leftVectors: left.vectors,
          rightValues: right.values,
          rightVectors: right.vectors,
        };
      },
    }),
  );

  const networks: SolvedNetwork[] = [];
  for (const p of orders.keys()) {
    const model = Math.floor(p / axes);
    const changedOf = ({ fields }: ProblemGrid) => fields.flatMap((field, f) => (field.model === model ? [f] : []));
    if (grids.every(one => changedOf(one).length === 0)) continue;
    const grid = ({ points }: ProblemGrid) => ({ axes, scale: 1, orders, points, by: p });
    /** What of a cotangent at the jets reaches this network's last layer. */
    const atLayer = (cotangents: readonly Value[], features: Value) =>
      matmul(pieces([cotangents.reduce(add)], [{ part: p }]), pieces([features], [{ part: p }]), {
        transposeLeft: true,
      });
    const slopes = grids.map(one => {
      const changed = changedOf(one);
      return one.fields.map((_, f) => (changed.includes(f) ? squaredSlope(one.residuals, f) : 0));
    });
    const constants = grids.map((one, i) =>
      slopes[i].map(slope => (typeof slope === 'number' ? 2 * lossScale(one) * slope : 0)),
    );
    const { linearise, apply } = keepAll(
      scope,
      await engine.compile({
        linearise: graph => {
          const features = graph.read(tensors.features);
          const jets = matmul(features, graph.read(tensors.layers), { transposeRight: true });
          graph.assign(tensors.jets, jets);
          const found = grids.map((one, i) => {
            const { fields, residuals: compiled, count } = one;
            const at = contractFields(jets, { ...grid(one), fields });
            const table = tables[i] && graph.read(tables[i]);
            const together = table
              ? pieces([at, table], [...wholes(fields.length), ...wholes(compiled.tables.length, 1)])
              : at;
            graph.assign(tensors.known[i], together);
            const lossOf = (text: SlotText) =>
              residuals(at, table, { text, residuals: count, scale: lossScale(one) }).loss;
            const loss = lossOf(compiled.text);
            const squares = slopes[i].flatMap((slope, f) =>
              typeof slope === 'number' ? [] : [[squareOf(i, f), lossOf(slope)] as const],
            );
            return { loss, cotangent: vjp(loss, 1, [jets])[0], squares };
          });
          return {
            loss: found.map(({ loss }) => loss).reduce(add),
            gradient: atLayer(
              found.map(({ cotangent }) => cotangent),
              features,
            ),
            ...Object.fromEntries(found.flatMap(({ squares }) => squares)),
          };
        },
        apply: graph => {
          const features = graph.read(tensors.features);
          const changed = matmul(pieces([features], [{ part: p }]), graph.read(tensors.direction), {
            transposeRight: true,
          });
          const jets = pieces(
            [graph.read(tensors.jets), changed],
            orders.map((_, q) => (q === p ? { stack: 1, part: 0 } : { stack: 0, part: q })),
          );
          const found = grids.flatMap((one, i) => {
            const { fields, residuals: compiled, count } = one;
            const changes = changedOf(one);
            if (changes.length === 0) return [];
            const at = contractFields(jets, { ...grid(one), fields: changes.map(f => fields[f]) });
            const { loss } = residuals(at, graph.read(tensors.known[i]), {
              text: quadraticForm(compiled, changes),
              residuals: count,
              scale: lossScale(one),
            });
            return vjp(loss, 1, [jets]);
          });
          return { image: atLayer(found, features) };
        },
      }),
    );
    networks.push({ p, linearise, apply, constants });
  }
  return { begin: begin as Plan, end: end as Plan, eigen, networks };
}

/** The name of a field's squared slope among outputs. */
function squareOf(grid: number, field: number) {
  return `square ${grid}.${field}` as const;
}

/** Of this slab. */
function numberOfPoints({ points }: ProblemGrid): number {
  return sizeOf(shapeOfRanges(points));
}

/** Rows of a network's jets. */
function rowsOf({ orders, counts }: Discretisation, p: number): number {
  return (orders[p] + 1) * counts[p % counts.length];
}

function splitBy(values: Float32Array, sizes: readonly number[]): Float64Array[] {
  let first = 0;
  return sizes.map(size => {
    first += size;
    return Float64Array.from(values.subarray(first - size, first));
  });
}
