/**
 * A trained model's output on any domain. Evaluating a part of a domain is evaluating on another one, so that a tile is
 * nothing but a smaller domain.
 */

import { type Shape, sizeOf, stackOf } from '../buffer/layout.js';
import type { Tensor } from '../buffer/tensor.js';
import { InputError } from '../errors.js';
import { type Engine, requireEngine } from '../graph/engine.js';
import { type Numbers, requireArray } from '../host/arrays.js';
import { requireCount, requireOptions, shown } from '../host/checks.js';
import { building, type Disposable } from '../host/scope.js';
import { fill } from '../ops/elementwise/fill.js';
import type { Domain } from './domain/domain.js';
import { onPart } from './fits.js';
import { forward, inputSource } from './forward.js';
import {
  type Model,
  modelParameterShapes,
  networkInputs,
  networkPoints,
  onDomain,
  parameterCount,
  planeCount,
  toHost,
} from './model.js';
import { mostInTime, stretches, type Tile, tileShape, tileStarts } from './tiles.js';

/** How much of an output is computed at once. */
export interface EvaluateOptions {
  /** Numbers of the output computed at once, about: from 1, 2^24 by default, and never more than the device binds. */
  readonly mostNumbers?: number;
}

export const usualNumbers = 2 ** 24;

/**
 * The output of a model on a domain.
 *
 * @param parameters [W | b] of every layer, network by network, then the contraction's and the readout's own, as
 *   `Trainer.state` and `readModel` give them.
 * @param domain any of as many axes, the model's own by default.
 * @returns (members, outputs, then the domain's shape), row-major. However it is tiled, the numbers are the same.
 * @throws InputError parameters or a domain that do not fit the model, a model past the device's limits, or an output of
 * more than 2^29 numbers.
 */
export async function evaluate(
  engine: Engine,
  model: Model,
  parameters: Numbers,
  domain: Domain = model.domain,
  options: EvaluateOptions = {},
): Promise<Float32Array> {
  const planes = planeCount(model);
  const numbers = planes * sizeOf(domain.shape);
  requireArray(numbers);
  let whole: Float32Array | undefined;
  for await (const tile of evaluateTiles(engine, model, parameters, domain, options)) {
    if (tile.values.length === numbers) return tile.values;
    whole ??= new Float32Array(numbers);
    for (const { from, to, length } of stretches(tile, domain.shape, planes)) {
      whole.set(tile.values.subarray(from, from + length), to);
    }
  }
  return whole as Float32Array;
}

/**
 * The output of a model on a domain tile by tile, in row-major order, for outputs that the host need not hold whole.
 *
 * @param parameters as for `evaluate`.
 * @param domain any of as many axes, the model's own by default.
 * @throws InputError as `evaluate`, at the first tile.
 */
export async function* evaluateTiles(
  engine: Engine,
  model: Model,
  parameters: Numbers,
  domain: Domain = model.domain,
  options: EvaluateOptions = {},
): AsyncGenerator<Tile, void, void> {
  requireEngine(engine);
  requireOptions('evaluate', options, { mostNumbers: true });
  const { mostNumbers = usualNumbers } = options;
  requireCount('mostNumbers', mostNumbers, 1, Number.MAX_SAFE_INTEGER);
  if (domain.axes !== model.domain.axes) {
    throw new InputError(`domain: has ${domain.axes} axes, and the model has ${model.domain.axes}`);
  }
  const count = parameterCount(model);
  if (parameters?.length !== count) {
    throw new InputError(`parameters: takes ${count} numbers, got ${parameters?.length ?? shown(parameters)}`);
  }
  const whole = onDomain(model, domain);
  const held = engine.stack(modelParameterShapes(model), parameters);
  let plan: TilePlan | undefined;
  let planned = '';
  try {
    const tile = await tileInTime(engine, whole, mostNumbers, held);
    for (const start of tileStarts(domain.shape, tile)) {
      const shape = tile.map((points, axis) => Math.min(points, domain.shape[axis] - start[axis]));
      const there = domain.part(start, shape);
      if (!plan || planned !== `${shape}`) {
        plan?.dispose();
        plan = await tilePlan(engine, onDomain(model, there), held);
        planned = `${shape}`;
      }
      yield { start, shape, values: await plan.output(there) };
    }
  } finally {
    plan?.dispose();
    held.dispose();
  }
}

/** The shape of the tiles, of which each dispatch ends in time on the device at hand (kernel/pace.ts). */
async function tileInTime(engine: Engine, whole: Model, mostNumbers: number, parameters: Tensor): Promise<Shape> {
  const { device } = engine;
  const tile = tileShape(whole, mostNumbers, device);
  if (device.cpu && device.rate === undefined) return tile;
  const there = onPart(whole, tile);
  const dispatches = await engine.dispatchesOf(graph => {
    const inputs = networkPoints(there).map(points => [points, networkInputs(there) + 1]);
    return { output: forward(graph, there, graph.read(parameters), fill(graph, stackOf(inputs), 0)).output };
  });
  const most = mostInTime(device, dispatches, planeCount(there) * sizeOf(tile));
  return tileShape(whole, Math.min(mostNumbers, most), device);
}

/** The output of a model on domains of one shape. */
interface TilePlan extends Disposable {
  output(domain: Domain): Promise<Float32Array>;
}

function tilePlan(engine: Engine, model: Model, parameters: Tensor): Promise<TilePlan> {
  return building(async scope => {
    const source = inputSource(engine, scope, model);
    const plan = scope.keep(
      await engine.compile(graph => ({
        output: forward(graph, model, graph.read(parameters), source.input(graph)).output,
      })),
    );
    return {
      async output(domain) {
        source.write(domain);
        await plan.run();
        return toHost(model, await plan.outputs.output.read());
      },
      dispose: () => scope.dispose(),
    };
  });
}
