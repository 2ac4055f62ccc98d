/** What encoding costs by itself, on Dawn's backend that takes every command and runs none. */

import { isDiverged } from '../../src/errors.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { openEngine } from '../../src/public/node.js';
import { Trainer } from '../../src/train/trainer.js';
import { spreadOf } from '../contest.js';
import { taskOf } from './setup.js';
import { trainerOptions } from './steps.js';

const [size, rank, topK] = [128, 150, 10];
const steps = 500;
const rounds = 7;

/** Microseconds per SepPGD step, its share of refreshes and of the submit included. */
export async function encodeMicroseconds(): Promise<number> {
  const engine = await openEngine({ adapter: 'auto', dawn: ['backend=null'] });
  const task = taskOf([size, size], rank, rank);
  const trainer = await Trainer.create(engine, trainerOptions(task, { preconditioner: sepPgd({ topK }) }));
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    // What that backend leaves in memory may look like a loss that is no number: the steps were encoded all the same.
    await trainer.advance(steps).catch(error => {
      if (!isDiverged(error)) throw error;
    });
    times.push((1000 * (performance.now() - start)) / steps);
  }
  trainer.dispose();
  await engine.dispose();
  return spreadOf(times).median;
}
