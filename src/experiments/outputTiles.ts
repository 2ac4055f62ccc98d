/** A model's output while it is trained, for those who look at it from front to back. */

import { sizeOf } from '../buffer/layout.js';
import { evaluateTiles } from '../model/evaluate.js';
import { planeCount } from '../model/model.js';
import { type Tile, tilesOfRows } from '../model/tiles.js';
import type { Trainer } from '../train/trainer.js';

/** Numbers of an output that are held at once. */
const mostHeld = 2 ** 24;

/** With the present parameters, in tiles of whole rows of the first axis: one, where it is not large. */
export async function* outputTiles(trainer: Trainer, mostNumbers = mostHeld): AsyncGenerator<Tile, void, void> {
  const { engine, model } = trainer;
  const { shape } = model.domain;
  const planes = planeCount(model);
  if (planes * sizeOf(shape) <= mostNumbers) {
    yield { start: shape.map(() => 0), shape, values: await trainer.render() };
    return;
  }
  const parameters = await trainer.parameterTensor.read();
  yield* tilesOfRows(evaluateTiles(engine, model, parameters, model.domain, { mostNumbers }), shape, planes);
}
