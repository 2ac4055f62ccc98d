/** The loop of a training: what it saves and when, how it is stopped, the best state, and how it goes on to the bit. */

import {
  adam,
  architecture,
  cp,
  defineModel,
  grid,
  type Kept,
  openEngine,
  type RunOptions,
  runTraining,
  sepPgd,
  Trainer,
  type TrainerState,
} from '../../src/public/node.js';
import { require, requireBits, requireEqual, requireThrows } from '../helpers/compare.js';
import { engine } from '../helpers/gpu.js';
import { suite } from '../helpers/suite.js';

const test = suite('runTraining');

const model = defineModel({ domain: grid([6, 5]), contraction: cp({ rank: 3 }), network: architecture({ width: 8 }) });
const target = Float32Array.from({ length: 30 }, (_, i) => Math.sin(i));
const settings = { model, target, optimiser: adam({ learningRate: 1e-3 }), preconditioner: sepPgd({ topK: 2 }) };

type Measured = Readonly<Record<string, number>>;
const measure = (trainer: Trainer): Promise<Measured> => trainer.evaluate();
const loss = ({ training }: Measured) => training;

/** A trainer that is disposed of after `work`. */
async function training<T>(
  work: (trainer: Trainer) => Promise<T>,
  { on = engine, ...options }: Partial<typeof settings> & { on?: typeof engine } = {},
): Promise<T> {
  const trainer = await Trainer.create(on, { ...settings, ...options });
  try {
    return await work(trainer);
  } finally {
    trainer.dispose();
  }
}

/** Has a run make a few steps between two looks at it, however fast the machine. */
function slowed(trainer: Trainer): Trainer {
  return Object.defineProperty(trainer, 'pace', { value: 4 });
}

function requireSameState(what: string, actual: TrainerState, expected: TrainerState): void {
  requireEqual(`${what}: step`, actual.step, expected.step);
  requireBits(`${what}: parameters`, actual.parameters, expected.parameters);
  const moments = expected.optimiser?.state ?? {};
  require('moments', Object.keys(moments).length === 2);
  for (const [name, values] of Object.entries(moments)) {
    requireBits(`${what}: ${name}`, actual.optimiser?.state[name] as Float32Array, values);
  }
}

test('what is saved after any submit ends, gone on from, in the bits of the run that was not interrupted', async () => {
  const saved: Kept<Measured>[] = [];
  const save = async (last: Kept<Measured>) => {
    saved.push(last);
  };
  const options = { steps: 27, reportEvery: 12, measure };
  const whole = await training(trainer => runTraining(slowed(trainer), { ...options, saveEvery: 0, save }));
  const steps = saved.map(({ state }) => state.step);
  require(`${steps}`, steps.length > 4 && steps.filter(step => step % 12 > 0).length > 2);
  requireEqual(
    'saved in order, each once',
    steps,
    [...new Set(steps)].sort((a, b) => a - b),
  );
  requireEqual('the last', steps.at(-1), 27);
  for (const { state, measured } of [saved[0], saved[3], saved.at(-1) as Kept<Measured>]) {
    const rest = await training(async trainer => {
      await trainer.restore(state);
      return runTraining(trainer, options);
    });
    requireSameState(`from ${state.step}`, rest.state, whole.state);
    requireEqual('measured of the saved state', rest.reports[0], [state.step, measured]);
  }
});

test('saves keep their distance, and the end is saved whatever the distance, but not twice', async () => {
  for (const [saveEvery, reportEvery] of [
    [3600, 10],
    [0, 30],
  ]) {
    const saved: number[] = [];
    const save = async ({ state }: Kept<Measured>) => {
      saved.push(state.step);
    };
    await training(trainer => runTraining(trainer, { steps: 30, reportEvery, measure, saveEvery, save }));
    requireEqual('the end', saved.at(-1), 30);
    if (saveEvery > 0) requireEqual('saved', saved, [30]);
    else requireEqual('each once', new Set(saved).size, saved.length);
  }
});

test('a signal ends the run after the submit under way, with its state measured, saved, and gone on from to the bit', async () => {
  const options = { steps: 40, reportEvery: 20, measure, loss };
  const whole = await training(trainer => runTraining(trainer, options));
  requireEqual('not stopped', [whole.stopped, whole.state.step], [false, 40]);
  const controller = new AbortController();
  let saved: TrainerState | undefined;
  const stopped = await training(trainer =>
    runTraining(slowed(trainer), {
      ...options,
      signal: controller.signal,
      progress: step => {
        if (step > 3) controller.abort();
      },
      save: async ({ state }) => {
        saved = state;
      },
    }),
  );
  const { step } = stopped.state;
  require(`stopped at ${step}`, stopped.stopped && step > 3 && step < 20);
  requireEqual(
    'reports',
    stopped.reports.map(report => report[0]),
    [0, step],
  );
  requireEqual('saved', saved?.step, step);
  const rest = await training(async trainer => {
    await trainer.restore(stopped.state);
    return runTraining(trainer, { ...options, best: stopped.best });
  });
  requireSameState('the rest', rest.state, whole.state);
  requireEqual('best', rest.best?.state.step, whole.best?.state.step);
  const none = await training(trainer => runTraining(trainer, { ...options, signal: AbortSignal.abort() }));
  requireEqual('before the first step', [none.stopped, none.state.step], [true, 0]);
});

test('the best is the report of the least loss, those before a resumption counted in', async () => {
  const wild = { ...settings, optimiser: adam({ learningRate: (step: number) => (step < 20 ? 1e-3 : 0.5) }) };
  const options = { steps: 40, reportEvery: 5, measure, loss };
  const run = await training(trainer => runTraining(trainer, options), wild);
  const losses = run.reports.map(([, measured]) => measured.training);
  const least = losses.indexOf(Math.min(...losses));
  require(`${losses}`, losses[8] > 4 * losses[least] && least > 0);
  requireEqual('best', [run.best?.state.step, run.best?.loss], [5 * least, losses[least]]);
  const again = await training(async trainer => {
    await trainer.restore(run.state);
    return runTraining(trainer, { ...options, steps: 45, best: run.best });
  }, wild);
  requireEqual('the best of before', again.best?.state.step, 5 * least);
  const unjudged = await training(trainer => runTraining(trainer, { steps: 5, reportEvery: 5, measure }));
  requireEqual('without a loss', unjudged.best, undefined);
});

test('until ends a run with its word, and hears of every submit, of what reports measure and of the best', async () => {
  const heard: (readonly [number, boolean, number | undefined])[] = [];
  const run = await training(trainer =>
    runTraining(slowed(trainer), {
      steps: 40,
      reportEvery: 10,
      measure,
      loss,
      until: (step, measured, best) => {
        heard.push([step, measured !== undefined, best?.state.step]);
        return step >= 20 && measured ? 'enough' : undefined;
      },
    }),
  );
  requireEqual('ended', [run.ended, run.stopped, run.state.step], ['enough', false, 20]);
  requireEqual(
    'with what was measured',
    heard.filter(([, measured]) => measured).map(([step]) => step),
    [0, 10, 20],
  );
  require(`${heard}`, heard.length > 4 && heard.every(([step, , best]) => (best as number) <= step));
  const none = await training(trainer =>
    runTraining(trainer, { steps: 5, reportEvery: 5, measure, until: () => 'at once' }),
  );
  requireEqual('before the first step', [none.ended, none.state.step], ['at once', 0]);
});

test('until that gives something else than a word is refused, with what was reached saved', async () => {
  const untyped = (until: (step: number) => unknown, saved: number[] = []) =>
    training(trainer =>
      runTraining(trainer, {
        steps: 5,
        reportEvery: 5,
        measure,
        save: async ({ state }) => void saved.push(state.step),
        until: until as RunOptions<Measured>['until'],
      }),
    );
  for (const wrong of [false, true, null, 0]) {
    const message = new RegExp(`^until: gave ${wrong}: give a word for why the run is to end, or undefined$`);
    await requireThrows(`${wrong}`, () => untyped(() => wrong), 'InputError', message);
  }
  const saved: number[] = [];
  await requireThrows(
    'late',
    () => untyped(step => (step < 5 ? undefined : true), saved),
    'InputError',
    /^until: gave true/,
  );
  requireEqual('saved', saved, [5]);
});

test('a run that goes on between two reports has the best that it was given, however good its first state', async () => {
  const options = { steps: 20, reportEvery: 20, measure, loss };
  const before = await training(trainer => runTraining(trainer, { ...options, steps: 15 }));
  const given = { state: { ...before.state, step: 0 }, loss: 1e9 };
  const goOn = (reportEvery: number) =>
    training(async trainer => {
      await trainer.restore(before.state);
      return runTraining(trainer, {
        ...options,
        steps: 15 + reportEvery,
        reportEvery,
        best: given,
        until: () => 'now',
      });
    });
  requireEqual('between', (await goOn(20)).best?.loss, 1e9);
  requireEqual('at a report', (await goOn(5)).best?.state.step, 15);
});

test('a loss that is no longer finite leaves the state of the last report, which is what is saved last', async () => {
  const wild = { ...settings, optimiser: adam({ learningRate: (step: number) => (step < 20 ? 1e-3 : 1e38) }) };
  const saved: number[] = [];
  const run = await training(
    trainer =>
      runTraining(trainer, {
        steps: 60,
        reportEvery: 10,
        measure,
        saveEvery: 0,
        save: async ({ state }) => {
          saved.push(state.step);
        },
      }),
    wild,
  );
  require('failure', run.failure !== undefined && !run.stopped);
  require(`${saved}, ${run.state.step}`, saved.at(-1) === run.state.step &&
    run.state.parameters.every(Number.isFinite));
});

test('a device that is lost ends the run with its error, after the state of the last report was saved', async () => {
  const doomed = await openEngine({ adapter: 'embedded' });
  const saved: number[] = [];
  const options: RunOptions<Measured> = {
    steps: 10_000,
    reportEvery: 7,
    measure,
    progress: step => {
      if (step > 7) doomed.device.gpu.destroy();
    },
    save: async ({ state }) => {
      saved.push(state.step);
    },
  };
  const work = training(trainer => runTraining(trainer, options), { on: doomed });
  await requireThrows('lost', () => work, 'DeviceLostError', /the GPU device was lost/);
  requireEqual(
    'saved',
    saved.map(step => step >= 7 && step % 7),
    [0],
  );
  await doomed.dispose();
});

test('options that are unknown or out of range are refused before a step is made', async () => {
  const usual = { steps: 3, reportEvery: 1, measure };
  const cases: readonly (readonly [wrong: object, message: RegExp])[] = [
    [{ every: 1 }, /^runTraining: option every is unknown: use steps, reportEvery, /],
    [{ steps: 1.5 }, /^steps: 1\.5: use a whole number from 0/],
    [{ steps: '3' }, /^steps: "3": use a whole number/],
    [{ reportEvery: 0 }, /^reportEvery: 0: use a whole number from 1/],
    [{ saveEvery: Number.NaN }, /^saveEvery: NaN: use a number that float32 holds from 0$/],
    [{ saveEvery: -1 }, /^saveEvery: -1: use/],
    [{ measure: undefined }, /^measure: undefined: give a function$/],
    [{ save: 'model' }, /^save: "model": give a function$/],
    [{ loss: 3 }, /^loss: 3: give a function$/],
    [{ until: 5 }, /^until: 5: give a function$/],
    [{ signal: true }, /^signal: true is none: give that of an AbortController$/],
  ];
  await training(async trainer => {
    for (const [wrong, message] of cases) {
      const options = { ...usual, ...wrong } as RunOptions<Measured>;
      await requireThrows(String(message), () => runTraining(trainer, options), 'InputError', message);
    }
    requireEqual('steps', trainer.step, 0);
  });
});
