/** What the device does where last layers are solved: the tensors that stay there, and the plans between them. */

import type { Tensor } from '../../buffer/tensor.js';
import type { Value } from '../../graph/operation.js';
import type { Plan } from '../../graph/plan.js';
import { keepAll, type Scope } from '../../host/scope.js';
import type { SlotText } from '../../kernel/kernel.js';
import { contractFields } from '../../ops/contraction/contractFields.js';
import { eigh } from '../../ops/eigen/eigh.js';
import { pieces } from '../../ops/elementwise/pieces.js';
import { matmul } from '../../ops/linear/matmul.js';
import { jetFeatures } from '../../ops/network/jetNetwork.js';
import { residuals } from '../../ops/objective/residuals.js';
import { vjp } from '../../ops/vjp.js';
import { jetRows, lossScale, type ProblemGrid, shapeOfRanges } from '../discretisation.js';
import { featureColumns, jetAttributes, problemParameterShapes } from '../network.js';
import { summed } from '../training/blocks.js';
import type { ProblemOnDevice } from '../training/pointsOnDevice.js';
import { quadraticForm, squaredSlope } from './linearised.js';

export interface LastLayerTensors {
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

export interface LastLayerPlans {
  /** Features and last layers from the parameters. */
  readonly begin: Plan;
  /** Parameters from the last layers. */
  readonly end: Plan;
  readonly eigen: Plan<Record<'leftValues' | 'leftVectors' | 'rightValues' | 'rightVectors', Value>>;
  readonly networks: readonly SolvedNetwork[];
}

/** A network on which the loss depends. */
export interface SolvedNetwork {
  /** Its place among all. */
  readonly p: number;
  /**
   * Jets and what is known of the grids where the last layers stand, the loss and its gradient by this network's, and the
   * squared slopes of its fields that have no constant one.
   */
  readonly linearise: Plan<Record<'loss' | 'gradient' | ReturnType<typeof squareOf>, Value>>;
  /** Those of its fields that have; 0 of the others. */
  readonly constants: readonly (readonly number[])[];
  /** The normal equations times `direction`. */
  readonly apply: Plan<Record<'image', Value>>;
}

export function lastLayerTensors(
  scope: Scope,
  { engine, discretisation: of, network }: ProblemOnDevice,
): LastLayerTensors {
  const columns = featureColumns(network);
  const { rank } = network;
  const stack = (shapes: readonly (readonly number[])[]) => scope.keep(engine.stack(shapes));
  return {
    features: stack(of.orders.map((_, p) => [jetRows(of, p), columns])),
    layers: stack(of.orders.map(() => [rank, columns])),
    jets: stack(of.orders.map((_, p) => [jetRows(of, p), rank])),
    known: of.grids.map(({ fields, residuals: { tables }, points }) =>
      stack([...fields, ...tables].map(() => shapeOfRanges(points))),
    ),
    direction: stack([[rank, columns]]),
    left: stack([[columns, columns]]),
    right: stack([[rank, rank]]),
  };
}

/** @param scope that disposes of them. @param tensors by which they hand on to each other and to the host. */
export async function lastLayerPlans(
  scope: Scope,
  onDevice: ProblemOnDevice,
  tensors: LastLayerTensors,
): Promise<LastLayerPlans> {
  const { engine, network } = onDevice;
  const { input, tables } = onDevice.points;
  const { tensor: parameters } = onDevice.parameters;
  const { problem, orders, grids } = onDevice.discretisation;
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
    const atLayer = (cotangent: Value, features: Value) =>
      matmul(pieces([cotangent], [{ part: p }]), pieces([features], [{ part: p }]), {
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
          const squares: Record<string, Value> = {};
          const { loss, cotangent } = summed(grids, (one, i) => {
            const { fields, residuals: compiled, count } = one;
            const at = contractFields(jets, { ...grid(one), fields });
            const table = tables[i] && graph.read(tables[i]);
            const together = table
              ? pieces([at, table], [...wholes(fields.length), ...wholes(compiled.tables.length, 1)])
              : at;
            graph.assign(tensors.known[i], together);
            const lossOf = (text: SlotText) =>
              residuals(at, table, { text, residuals: count, scale: lossScale(one) }).loss;
            const own = lossOf(compiled.text);
            slopes[i].forEach((slope, f) => {
              if (typeof slope !== 'number') squares[squareOf(i, f)] = lossOf(slope);
            });
            return { loss: own, cotangent: vjp(own, 1, [jets])[0] };
          });
          return { loss, gradient: atLayer(cotangent, features), ...squares };
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
          const changing = [...grids.entries()].filter(([, one]) => changedOf(one).length > 0);
          const { cotangent } = summed(changing, ([i, one]) => {
            const { fields, residuals: compiled, count } = one;
            const changes = changedOf(one);
            const at = contractFields(jets, { ...grid(one), fields: changes.map(f => fields[f]) });
            const { loss } = residuals(at, graph.read(tensors.known[i]), {
              text: quadraticForm(compiled, changes),
              residuals: count,
              scale: lossScale(one),
            });
            return { cotangent: vjp(loss, 1, [jets])[0] };
          });
          return { image: atLayer(cotangent, features) };
        },
      }),
    );
    networks.push({ p, linearise, apply, constants });
  }
  return { begin: begin as Plan, end: end as Plan, eigen, networks };
}

/** The name of a field's squared slope among outputs. */
export function squareOf(grid: number, field: number) {
  return `square ${grid}.${field}` as const;
}
