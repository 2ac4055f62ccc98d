/** A problem on the device: its points, which may be drawn anew. */

import type { Tensor } from '../../buffer/tensor.js';
import type { Engine } from '../../graph/engine.js';
import { Random } from '../../host/random.js';
import type { Scope } from '../../host/scope.js';
import { inputJets } from '../../ops/network/jetNetwork.js';
import type { TrainedParameters } from '../../train/trainedParameters.js';
import { type Discretisation, jetRows, shapeOfRanges } from '../discretisation.js';
import { inputColumns, type JetArchitecture } from '../network.js';
import { gridTables } from '../tables.js';

/** A problem with its networks on the device. */
export interface ProblemOnDevice {
  readonly engine: Engine;
  readonly discretisation: Discretisation;
  readonly network: JetArchitecture;
  readonly points: PointsOnDevice;
  readonly parameters: TrainedParameters;
}

/** The inputs of networks and the tables of grids, which change with every drawing of the points. */
export class PointsOnDevice {
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
    const columns = inputColumns(network);
    this.input = scope.keep(engine.stack(of.orders.map((_, i) => [jetRows(of, i), columns])));
    this.tables = of.grids.map(({ residuals: { tables }, points }) => {
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
