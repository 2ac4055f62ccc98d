/** The fields of a problem, or derivatives of them, on grids of any size: tile by tile, as models are evaluated. */

import { padded, type Shape, sizeOf, stackOf } from '../../buffer/layout.js';
import type { Tensor } from '../../buffer/tensor.js';
import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import type { Graph, Value } from '../../graph/operation.js';
import { requireArray } from '../../host/arrays.js';
import { requireNumber } from '../../host/checks.js';
import { building, type Disposable } from '../../host/scope.js';
import { halved, mostInTime, stretches, type Tile, tileStarts } from '../../model/tiles.js';
import { contractFields, type FieldTerm } from '../../ops/contraction/contractFields.js';
import { fill } from '../../ops/elementwise/fill.js';
import type { Range } from '../../ops/elementwise/pieces.js';
import { inputJets, jetNetwork } from '../../ops/network/jetNetwork.js';
import type { AxisPoints } from '../grid.js';
import { inputColumns, type JetArchitecture, jetAttributes } from '../network.js';
import type { Problem } from '../problem.js';

/** Numbers of one tile by default. */
const defaultNumbers = 2 ** 24;

export class FieldSolver {
  /** The highest derivative that each network carries here. */
  readonly #orders: readonly number[];
  /** Of the last tile's shape. */
  #plan: TilePlan | undefined;
  #planned = '';

  /** @param parameters as `problemParameterShapes` has them. */
  constructor(
    readonly engine: Engine,
    readonly problem: Problem,
    readonly network: JetArchitecture,
    private readonly parameters: Tensor,
    private readonly fields: readonly FieldTerm[],
  ) {
    const axes = Object.keys(problem.axes);
    this.#orders = problem.fields.flatMap((_, model) =>
      axes.map((_, d) => Math.max(0, ...fields.filter(term => term.model === model).map(({ orders }) => orders[d]))),
    );
  }

  /** All of a grid, field by field, row-major. @throws InputError as `tiles`, or more numbers than an array holds. */
  async whole(axes: AxisPoints): Promise<Float32Array[]> {
    const points = this.#pointsOf(axes);
    const shape = points.map(({ length }) => length);
    const size = sizeOf(shape);
    requireArray(this.fields.length * size);
    let values: Float32Array | undefined;
    for await (const tile of this.tiles(axes)) {
      if (tile.values.length === this.fields.length * size) {
        values = tile.values;
        break;
      }
      values ??= new Float32Array(this.fields.length * size);
      for (const { from, to, length } of stretches(tile, shape, this.fields.length)) {
        values.set(tile.values.subarray(from, from + length), to);
      }
    }
    return this.fields.map((_, i) => (values as Float32Array).slice(i * size, (i + 1) * size));
  }

  /**
   * The fields on a grid, in row-major order of its tiles: their values are (fields, then the tile's shape). However it is
   * tiled, the numbers are the same.
   *
   * @param mostNumbers of a tile, about; never more than the device binds.
   * @throws InputError an axis without points, or a coordinate that is no number.
   */
  async *tiles(axes: AxisPoints, mostNumbers: number = defaultNumbers): AsyncGenerator<Tile, void, void> {
    const points = this.#pointsOf(axes);
    const whole = points.map(({ length }) => length);
    const tile = await this.#tileShape(whole, mostNumbers);
    for (const start of tileStarts(whole, tile)) {
      const shape = tile.map((n, d) => Math.min(n, whole[d] - start[d]));
      if (!this.#plan || this.#planned !== `${shape}`) {
        this.dispose();
        this.#plan = await this.#planOn(shape);
        this.#planned = `${shape}`;
      }
      const there = points.map((own, d) => Float64Array.from({ length: shape[d] }, (_, i) => own[start[d] + i]));
      yield { start, shape, values: await this.#plan.values(there) };
    }
  }

  dispose(): void {
    this.#plan?.dispose();
    this.#plan = undefined;
  }

  #pointsOf(axes: AxisPoints): readonly ArrayLike<number>[] {
    const names = Object.keys(this.problem.axes);
    const missing = names.find(name => !(Number((axes as AxisPoints | undefined)?.[name]?.length) > 0));
    if (missing !== undefined) {
      throw new InputError(`solution: axis ${missing} has no points: give their coordinates, such as linspace(101)`);
    }
    for (const name of names) {
      for (let i = 0; i < axes[name].length; i++) requireCoordinate(`solution: axis ${name} at ${i}`, axes[name][i]);
    }
    return names.map(name => axes[name]);
  }

  /** So that every tensor fits a binding, and every dispatch ends in time. */
  async #tileShape(whole: Shape, mostNumbers: number): Promise<Shape> {
    const { device } = this.engine;
    const mostBound = device.mostBindingBytes / 4;
    const { width, rank } = this.network;
    const shapeFor = (most: number) =>
      halved(whole, tile => {
        const rows = this.#inputShapes(tile).reduce((sum, [n]) => sum + n, 0);
        const stored = stackOf(this.fields.map(() => tile)).length;
        return rows * padded(Math.max(width + 1, rank)) <= mostBound && stored <= Math.min(most, mostBound);
      });
    const tile = shapeFor(mostNumbers);
    if (device.cpu && device.rate === undefined) return tile;
    const dispatches = await this.engine.dispatchesOf(graph => ({
      values: this.#valuesOn(graph, tile, fill(graph, stackOf(this.#inputShapes(tile)), 0)),
    }));
    return shapeFor(Math.min(mostNumbers, mostInTime(device, dispatches, this.fields.length * sizeOf(tile))));
  }

  /** Of the matrix of jets that goes into each network. */
  #inputShapes(shape: Shape): Shape[] {
    const columns = inputColumns(this.network);
    return this.#orders.map((order, i) => [(order + 1) * shape[i % shape.length], columns]);
  }

  #valuesOn(graph: Graph, shape: Shape, input: Value): Value {
    const orders = this.#orders;
    const jets = jetNetwork(graph.read(this.parameters), input, jetAttributes(this.network, orders));
    const points = shape.map((n): Range => [0, n]);
    return contractFields(jets, { axes: shape.length, scale: 1, orders, points, fields: this.fields });
  }

  #planOn(shape: Shape): Promise<TilePlan> {
    return building(async scope => {
      const input = scope.keep(this.engine.stack(this.#inputShapes(shape)));
      const plan = scope.keep(
        await this.engine.compile(graph => ({ values: this.#valuesOn(graph, shape, graph.read(input)) })),
      );
      return {
        values: async points => {
          input.write(
            Float32Array.from(
              this.#orders.flatMap((order, i) => [
                ...inputJets(points[i % points.length], order, this.network.frequencies),
              ]),
            ),
          );
          await plan.run();
          return plan.outputs.values.read();
        },
        dispose: () => scope.dispose(),
      };
    });
  }
}

/** One that float32 has only 0 for will do. */
function requireCoordinate(name: string, value: number): void {
  if (!Number.isFinite(value) || !Number.isFinite(Math.fround(value))) requireNumber(name, value);
}

/** The fields on grids of one shape. */
interface TilePlan extends Disposable {
  /** @param points of each axis. */
  values(points: readonly ArrayLike<number>[]): Promise<Float32Array>;
}
