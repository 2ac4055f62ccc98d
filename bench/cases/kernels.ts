/** Every kernel of a step with a refresh, timed by itself at one size n = R = W. */

import type { Engine } from '../../src/graph/engine.js';
import type { Roofline } from '../../src/immediate/roofline.js';
import { sepPgd } from '../../src/precondition/sepPgd.js';
import { Trainer } from '../../src/train/trainer.js';
import type { KernelsResult } from '../results.js';
import { preconditionersOf, taskOf } from './setup.js';
import { requireAgreement } from './stepContest.js';
import { trainerOptions } from './steps.js';
import { twinLosses } from './twinStep.js';

export const kernelSizes = { full: [16, 64, 256, 512, 1024], quick: [64, 256] } as const;

/** Steps that are encoded to be timed, and never submitted. */
const encodedSteps = 100;

export async function kernelsCase(engine: Engine, size: number, roofline: Roofline): Promise<KernelsResult> {
  const task = taskOf([size, size], size, size);
  const topK = Math.min(70, size / 2);
  const trainer = await Trainer.create(engine, trainerOptions(task, { preconditioner: sepPgd({ topK }) }));
  const losses = [...(await trainer.advance(1)), (await trainer.evaluate()).training];
  const preconditioners = preconditionersOf([size, size], await trainer.state(), (await trainer.spectra()) ?? []);
  const error = requireAgreement('sepnn', losses, twinLosses({ ...task.setup, preconditioners }, 1));
  const profiles = await trainer.profile();
  const encodeMicroseconds = encoded(engine, trainer);
  trainer.dispose();
  return {
    size,
    topK,
    error,
    encodeMicroseconds,
    dispatches: profiles.map(profile => ({
      ...profile,
      ...(profile.operations > 0
        ? { ceiling: 'FMA', share: profile.gflops / roofline.gflops }
        : { ceiling: 'copy', share: profile.gigabytes / roofline.gigabytes }),
    })),
  };
}

function encoded({ device }: Engine, trainer: Trainer): number {
  const encoder = device.gpu.createCommandEncoder();
  const start = performance.now();
  trainer.encode(encoder, { steps: encodedSteps });
  encoder.finish();
  return (1000 * (performance.now() - start)) / encodedSteps;
}
