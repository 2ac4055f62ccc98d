/** What holds of the training of any model. */

import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { describeModel } from '../../src/model/codec.js';
import { grid } from '../../src/model/domain/grid.js';
import { linspace } from '../../src/model/domain/linspace.js';
import { evaluate } from '../../src/model/evaluate.js';
import type { Model } from '../../src/model/model.js';
import { adam } from '../../src/optimiser/adam.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import { indices } from '../reference/host/grid.js';
import { requireBits, requireClose, requireEqual, type Tolerance } from './compare.js';
import { engine } from './gpu.js';

/** Smooth values of so many outputs, each another one, outputs first. */
export function smooth(points: readonly number[], outputs = 1): Float32Array {
  return Float32Array.from(
    indices([outputs, ...points]),
    ([o, ...index]) => 0.5 + 0.4 * Math.sin(index.reduce((sum, i, d) => sum + i / (d + 2 + o), o)),
  );
}

/**
 * 8 steps, saved to a file, and 7 more on another trainer are 15 bit for bit; the file holds the model, and evaluates to
 * what is rendered, whole and in tiles.
 */
export async function requireGoesOn(path: string, model: Model, target: Float32Array, inTiles: Tolerance = {}) {
  const create = (seed: number) =>
    Trainer.create(engine, {
      model,
      target,
      optimiser: adam({ learningRate: 1e-3 }),
      preconditioner: sepPgd({ topK: 4 }),
      seed,
    });
  const [whole, first, second] = [await create(0), await create(0), await create(99)];
  await whole.advance(15);
  await first.advance(8);
  await writeModel(path, { model, state: await first.state(), training: {} });
  const saved = await readModel(path);
  requireEqual('model', saved.model, model);
  requireEqual('description', describeModel(saved.model), describeModel(model));
  second.restore(saved.state);
  await second.advance(7);
  const { parameters } = await second.state();
  requireBits('parameters', parameters, (await whole.state()).parameters);
  const rendered = await whole.render();
  requireBits('evaluated', await evaluate(engine, model, parameters), rendered);
  const axes = model.domain.shape.map(linspace);
  const tiled = await evaluate(engine, model, parameters, grid(axes), { mostNumbers: 60 });
  requireClose('in tiles', tiled, rendered, inTiles);
  for (const trainer of [whole, first, second]) trainer.dispose();
}

/**
 * Two members are two models apart: the first is what it is alone.
 *
 * @param own numbers of a member that stand behind those of all networks.
 */
export async function requireMembersApart(modelOf: (members: number) => Model, target: Float32Array, own: number) {
  const create = (members: number) =>
    Trainer.create(engine, {
      model: modelOf(members),
      target: members === 1 ? target : Float32Array.from([...target, ...target.map(y => 1 - y)]),
      optimiser: adam({ learningRate: 1e-3 }),
      preconditioner: sepPgd({ topK: 3 }),
    });
  const [alone, both] = [await create(1), await create(2)];
  // The same parameters in the first member of two as alone.
  const [one, two] = [await alone.state(), await both.state()];
  const networks = one.parameters.length - own;
  const parameters = two.parameters.slice();
  parameters.set(one.parameters.subarray(0, networks), 0);
  parameters.set(one.parameters.subarray(networks), 2 * networks);
  both.restore({ ...two, parameters });
  await both.advance(15);
  await alone.advance(15);
  requireClose('first member', (await both.render()).slice(0, target.length), await alone.render(), { absolute: 2e-5 });
  alone.dispose();
  both.dispose();
}
