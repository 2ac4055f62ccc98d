/** How many steps a training makes in a time, on this device at this moment. */

import { type Measured, type RunSettings, type TrainingTask, trainerOf } from '../../experiments/trainingRun.js';
import type { Engine } from '../../graph/engine.js';

/** Of the time, after which no further turn is measured. */
const share = 0.1;
/** Left over for what was slow by chance: a run whose time is over before its rate has come down ends badly. */
const margin = 0.05;

/** What the measurement left of a time, and the steps that it lasts for. */
export interface Pace {
  readonly steps: number;
  readonly seconds: number;
}

/**
 * Times some steps of the same training, which are let go; what the driver compiles, and what a tuner measures first, is
 * not counted.
 *
 * @param settings those of the run, whose `steps` do not matter.
 * @param seconds of the run, this measurement counted in.
 */
export async function paceOf<M extends Measured>(
  engine: Engine,
  task: TrainingTask<M>,
  settings: RunSettings<M>,
  seconds: number,
): Promise<Pace> {
  const since = (moment: number) => (performance.now() - moment) / 1000;
  const { reportEvery } = settings;
  const trainer = await trainerOf(engine, task, settings);
  try {
    // A multiple of a step with a refresh and those without, so that each weighs what it does in the run.
    const turn = trainer.refresh === undefined ? 10 : Math.min(50, trainer.refresh);
    const report = async () => {
      await task.measure(trainer);
      await trainer.state();
    };
    await trainer.advance(turn);
    await report();
    const begun = performance.now();
    let made = 0;
    do {
      await trainer.advance(turn);
      made += turn;
    } while (since(begun) < share * seconds && made < reportEvery);
    const training = since(begun) / made;
    const reporting = performance.now();
    await report();
    const each = training + since(reporting) / reportEvery;
    const left = Math.max(0, seconds - since(begun));
    return { steps: Math.max(1, Math.floor(((1 - margin) * left) / each)), seconds: left };
  } finally {
    trainer.dispose();
  }
}
