/** Volumes that no array holds, with tiny limits in their place: outputs from front to back, targets by rows, surfaces by planes. */

import { recordOf } from '../../src/cli/training/record.js';
import { occupancyTask } from '../../src/experiments/occupancy.js';
import { marchingCubes, marchingCubesOf } from '../../src/geometry/marchingCubes.js';
import { modelParameterShapes } from '../../src/model/model.js';
import { type Tile, tilesOfRows } from '../../src/model/tiles.js';
import {
  adam,
  architecture,
  cp,
  defineModel,
  evaluateTiles,
  grid,
  initialParameters,
  mixing,
  renderTiles,
  squaredError,
  Trainer,
} from '../../src/public/node.js';
import { require, requireBits, requireEqual } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { random, randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('volumes');

const network = architecture({ width: 6, omega: 5 });
const shape = [13, 9, 7];
const volume = defineModel({ domain: grid(shape), contraction: cp({ rank: 5 }), network });
const row = 63;

async function all(tiles: AsyncIterable<Tile>): Promise<Tile[]> {
  const found: Tile[] = [];
  for await (const tile of tiles) found.push(tile);
  return found;
}

test('tiles of whole rows, put together from tiles that are cut along every axis, are the rows of the output, plane by plane', async () => {
  const colours = defineModel({
    domain: grid([11, 10]),
    contraction: cp({ rank: 5 }),
    network,
    readout: mixing({ outputs: 3 }),
    members: 2,
  });
  for (const model of [volume, colours]) {
    const whole = model.domain.shape;
    const planes = model.members * model.readout.outputs;
    const parameters = initialParameters(model, 3);
    const [{ values }] = await all(evaluateTiles(engine, model, parameters));
    for (const mostNumbers of [20, 200]) {
      const tiles = () => evaluateTiles(engine, model, parameters, model.domain, { mostNumbers });
      const rows = await all(tilesOfRows(tiles(), whole, planes));
      require(`${mostNumbers}: tiles`, (await all(tiles())).length > rows.length || mostNumbers > 20);
      require(`${mostNumbers}: ${rows.length}`, rows.length > 1);
      const size = values.length / planes;
      for (const { start, shape: own, values: got } of rows) {
        requireEqual('whole rows', [own.slice(1), start.slice(1)], [whole.slice(1), whole.slice(1).map(() => 0)]);
        const each = size / whole[0];
        for (let plane = 0; plane < planes; plane++) {
          const from = plane * size + start[0] * each;
          const length = own[0] * each;
          requireBits(
            `rows from ${start[0]}`,
            got.slice(plane * length, (plane + 1) * length),
            values.slice(from, from + length),
          );
        }
      }
      requireEqual(
        'all of them',
        rows.map(tile => tile.start[0]).concat(whole[0]),
        [0].concat(rows.map(tile => tile.start[0] + tile.shape[0])),
      );
    }
  }
});

test('an occupancy is trained on and judged by rows as it is whole, and its record is the same', async () => {
  const inside = Uint8Array.from({ length: 13 * row }, () => (random() < 0.4 ? 1 : 0));
  const task = occupancyTask(volume, inside, { objective: squaredError(), level: 0.3 });
  const options = { seed: 1 } as unknown as Parameters<typeof recordOf>[0];
  const { target } = recordOf(options, task);
  requireEqual('digest', target, recordOf(options, { ...task, target: Float32Array.from(inside) }).target);
  const common = { model: volume, optimiser: adam({ learningRate: 1e-2 }) };
  const [byRows, whole] = [
    await Trainer.create(engine, { ...common, target: task.target, slabBytes: 4 * 8 * 9 * 5, targetBytes: 0 }),
    await Trainer.create(engine, { ...common, target: Float32Array.from(inside), slabBytes: 4 * 8 * 9 * 5 }),
  ];
  requireBits('losses', await byRows.advance(3), await whole.advance(3));
  const output = await byRows.render();
  const tiles = await all(renderTiles(byRows, { mostNumbers: 100 }));
  require(`${tiles.length} tiles`, tiles.length > 2);
  requireBits('output', Float32Array.from(tiles.flatMap(({ values }) => [...values])), output);
  let [both, either] = [0, 0];
  inside.forEach((one, i) => {
    both += output[i] > 0.3 && one === 1 ? 1 : 0;
    either += output[i] > 0.3 || one === 1 ? 1 : 0;
  });
  requireEqual('IoU', (await task.measure(byRows)).iou, both / either);
  for (const one of [byRows, whole]) one.dispose();
});

test('the output of a training that no array holds comes some rows at a time', async () => {
  const side = 2 ** 15;
  const many = defineModel({
    domain: grid([side, side]),
    contraction: cp({ rank: 1 }),
    network: architecture({ width: 1 }),
  });
  // Of a training there is what this takes of it: its slabs would be 4 GB.
  const parameterTensor = engine.stack(modelParameterShapes(many), initialParameters(many, 0));
  const rows = renderTiles({ engine, model: many, parameterTensor } as Trainer, { mostNumbers: 2 ** 20 });
  for (const at of [0, 64]) {
    const { value } = (await rows.next()) as { value: Tile };
    requireEqual('rows', [value.start, value.shape, value.values.length], [[at, 0], [64, side], 64 * side]);
    require('numbers', value.values.some(x => x !== 0) && value.values.every(Number.isFinite));
  }
  await rows.return();
  parameterTensor.dispose();
});

test('the surface of a volume that comes some planes at a time is that of the whole', async () => {
  const values = Float32Array.from(randoms(13 * row));
  const whole = marchingCubes(values, shape, 0.2);
  require('it has triangles', whole.triangles.length > 100);
  for (const heights of [[13], [1, 1, 11], [5, 3, 4, 1]]) {
    async function* parts() {
      let at = 0;
      for (const height of heights) {
        yield values.slice(at * row, (at + height) * row);
        at += height;
      }
    }
    const surface = await marchingCubesOf(parts(), shape, 0.2);
    requireEqual('positions', [...surface.positions], [...whole.positions]);
    requireEqual('triangles', [...surface.triangles], [...whole.triangles]);
  }
});
