/** Images of which a device cannot hold even one in a fleet: each trained by itself, in slabs, to the same result. */

import { isDiverged } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { mostPlaces } from '../../train/fleet/batchSize.js';
import type { FleetJob, FleetReport, FleetResult } from '../../train/fleet/fleetOptions.js';
import { runTraining } from '../../train/runTraining.js';
import { Trainer } from '../../train/trainer.js';
import type { FleetPlan } from './plan.js';

/** Places of a fleet of such models, at the most; none where not even one can be bound. */
export function placesOn(
  { device }: Pick<Engine, 'device'>,
  { model, preconditioner }: Pick<FleetPlan, 'model' | 'preconditioner'>,
): number {
  return mostPlaces(model, device, preconditioner !== undefined);
}

const reportEvery = 25;

/** As `FleetTrainer.train` of one place, but for the losses on the way. */
export async function* trainSingly(
  engine: Engine,
  { model, optimiser, preconditioner, steps }: Pick<FleetPlan, 'model' | 'optimiser' | 'preconditioner' | 'steps'>,
  jobs: AsyncIterable<FleetJob>,
  { signal, onReport }: { readonly signal: AbortSignal; onReport(report: Pick<FleetReport, 'running'>): void },
): AsyncGenerator<Omit<FleetResult, 'losses'>> {
  for await (const { id, target, seed = 0 } of jobs) {
    const options = { model, target, optimiser, seed, ...(preconditioner && { preconditioner }) };
    const trainer = await Trainer.create(engine, options);
    try {
      await trainer.evaluate(); // of initial parameters whose loss is not finite, no run is made
      const run = await runTraining(trainer, {
        ...{ steps, reportEvery, signal },
        measure: async () => (await trainer.evaluate()).training,
        progress: (step, loss = Number.NaN) => onReport({ running: [{ id, step, steps, loss }] }),
      });
      if (run.stopped) return;
      const { step, parameters } = run.state;
      const result = { id, steps: step, loss: run.measured, parameters, output: await trainer.render() };
      yield run.failure ? { ...result, failedAt: run.failure.step } : result;
    } catch (error) {
      if (!isDiverged(error)) throw error;
      yield { id, steps: 0, loss: error.loss, parameters: new Float32Array(), failedAt: error.step };
    } finally {
      trainer.dispose();
    }
  }
}
