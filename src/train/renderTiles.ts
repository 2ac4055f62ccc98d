/** A model's output while it is trained, for those who look at it from front to back, or have no array for it. */

import { sizeOf } from '../buffer/layout.js';
import { requireOptions } from '../host/checks.js';
import { type EvaluateOptions, evaluateTiles, usualNumbers } from '../model/evaluate.js';
import { planeCount } from '../model/model.js';
import { type Tile, tilesOfRows } from '../model/tiles.js';
import type { Trainer } from './trainer.js';

/**
 * The output with the present parameters in tiles of whole rows of the first axis, from the first to the last: as
 * `Trainer.render` gives it at once, and for any number of points.
 *
 * @throws InputError as `evaluate`, at the first tile.
 */
export async function* renderTiles(trainer: Trainer, options: EvaluateOptions = {}): AsyncGenerator<Tile, void, void> {
  requireOptions('renderTiles', options, { mostNumbers: true });
  const { engine, model } = trainer;
  const { shape } = model.domain;
  const planes = planeCount(model);
  if (planes * sizeOf(shape) <= (options.mostNumbers ?? usualNumbers)) {
    yield { start: shape.map(() => 0), shape, values: await trainer.render() };
    return;
  }
  const parameters = await trainer.parameterTensor.read();
  yield* tilesOfRows(evaluateTiles(engine, model, parameters, model.domain, options), shape, planes);
}
