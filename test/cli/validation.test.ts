/** `fit --validate`: points that are neither trained on nor reported as held out tell the best state, which is kept. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { FitReport } from '../../src/cli/fit/command.js';
import type { FitOptions } from '../../src/cli/fit/options.js';
import { untilOf } from '../../src/cli/fit/until.js';
import { type ImageOptions, prepareImage } from '../../src/experiments/image/data.js';
import type { ImageMeasured } from '../../src/experiments/image/task.js';
import { readModel } from '../../src/io/model/modelFile.js';
import type { TrainerState } from '../../src/train/trainer.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireBits, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('validation');

/** How many seeds the inpainting is made with. */
const seeds = Number(process.env.SEPNN_TEST_VALIDATIONS ?? 1);

/** A disc before waves, with a grain that a model may learn and that says nothing of the points left out. */
async function grainyPicture(side: number): Promise<string> {
  let state = 7;
  const grain = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31 - 0.5;
  };
  const data = Uint8Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [(i % side) / side, Math.floor(i / side) / side];
    const disc = Math.hypot(x - 0.5, y - 0.5) < 0.3 ? 30 : -10;
    return 128 + 70 * Math.sin(6 * x + 2) * Math.cos(5 * y) + disc + 30 * grain();
  });
  const path = join(folder, 'grainy.png');
  await sharp(data, { raw: { width: side, height: side, channels: 1 } }).toFile(path);
  return path;
}

test('an inpainting ends within 0.2 dB of the best held-out PSNR of its own run, which lies in its middle', async () => {
  const image = await grainyPicture(48);
  const options = ['--gray', '--rank', '32', '--width', '32', '--top-k', '24', '--combine', 'sum', '--lr', '1e-3'];
  for (let seed = 0; seed < seeds; seed++) {
    const { code, stdout, stderr } = await sepnn(
      ...['fit', image, ...options, '--optimiser', 'adam', '--schedule', 'constant', '--steps', '160'],
      ...[
        '--mask',
        '0.3',
        '--validate',
        '0.2',
        '--patience',
        '60',
        '--seed',
        String(seed),
        '--out',
        'inpainted',
        ...adapter,
      ],
    );
    requireEqual(`exit, ${stderr}`, code, 0);
    const [run] = (JSON.parse(readFileSync(join(folder, 'inpainted', 'metrics.json'), 'utf8')) as FitReport).runs;
    const { curveHeldOut = [], curveValidation = [] } = run;
    const best = (curve: typeof curveHeldOut) => curve.reduce((most, one) => (one[1] > most[1] ? one : most));
    const [step, most] = best(curveHeldOut);
    const what = `seed ${seed}: ${run.psnrHeldOut} of step ${run.steps}, at best ${most} at ${step}`;
    require(what, most - (run.psnrHeldOut as number) <= 0.2);
    require(`${what}: the optimum is at an end`, step > 0 && most - (curveHeldOut.at(-1)?.[1] as number) > 0.2);
    requireEqual('kept', [run.steps, run.psnrValidation as number], best(curveValidation));
    requireEqual('ended', run.ended, { step: run.steps + 60, by: 'patience' });
    require(stdout, / run .*PSNR dB.*validation dB.*held out dB/.test(stdout));
    const line = `SepPGD: the best by its validation, of step ${run.steps}, is kept; the run ended at ${run.ended.step}, where`;
    require(stdout, stdout.includes(`\n${line} nothing better came for long\n`));
    requireEqual('a look every 10 steps', curveHeldOut.length, run.ended.step / 10 + 1);
  }
});

test('points of the validation are neither trained on nor held out, have the noise, and leave the mask as it is', async () => {
  const image = await picture('parts.png', 20, 16);
  const options: ImageOptions = { gray: false, mask: 0.3, noise: 0.1, seed: 3 };
  const before = await prepareImage(image, options);
  const { target, clean, evaluations, ...after } = await prepareImage(image, { ...options, validate: 0.2 });
  const counts = [0, 0, 0];
  const { heldOut, validation } = evaluations;
  for (let i = 0; i < target.length; i++) {
    const has = [target, heldOut, validation].map(values => !Number.isNaN(values[i]));
    requireEqual(`parts of number ${i}`, has.filter(Boolean).length, 1);
    counts[has.indexOf(true)]++;
    if (has[2]) requireEqual(`number ${i}`, [validation[i], validation[i] === clean[i]], [before.target[i], false]);
  }
  requireEqual('counts', counts, [after.trained, after.heldOut, after.validation]);
  requireBits('held out', heldOut, before.evaluations.heldOut);
  require(`${counts}`, Math.abs(counts[2] / (960 - counts[1]) - 0.2) < 0.1);
});

test('a validation ends a run where it is looked at, and nowhere else, however short the patience', () => {
  const until = untilOf({ steps: 20, validate: 0.05 } as FitOptions);
  const measured = { psnr: 1 } as ImageMeasured;
  const best = (step: number) => ({ state: { step } as TrainerState, loss: 1 });
  requireEqual('before the first look', until(9, undefined, best(0)), undefined);
  requireEqual('a better one', until(10, measured, best(10)), undefined);
  requireEqual('between two looks', until(19, undefined, best(10)), undefined);
  requireEqual('none better', until(20, measured, best(10)), 'patience');
});

const small = [
  ...['--rank', '8', '--width', '8', '--top-k', '3', '--combine', 'sum', '--gray', '--optimiser', 'adam'],
  ...['--schedule', 'constant', '--lr', '1e-2', '--steps', '300', '--patience', '40', '--validate', '0.2'],
  ...['--noise', '0.2', '--json', ...adapter],
];

test('a run that is stopped keeps its best beside its last, and gone on from ends with the bytes of one that was not', async () => {
  const image = await picture('stopped.png', 16, 12);
  const file = (out: string, name = 'model.safetensors') => join(folder, out, name);
  const fit = (out: string, ...more: string[]) => sepnn('fit', image, ...small, '--out', out, ...more);
  const whole = await fit('whole');
  requireEqual('exit', [whole.code, whole.stderr], [0, '']);
  const { ended, steps } = (JSON.parse(whole.stdout) as FitReport).runs[0];
  require(`ended ${JSON.stringify(ended)}, best ${steps}`, ended.by === 'patience' && steps > 0 && ended.step < 300);
  requireEqual('the model is the best', (await readModel(file('whole'))).state.step, steps);
  const timer = setInterval(() => {
    if (!existsSync(file('stopped', 'model.best.safetensors'))) return;
    clearInterval(timer);
    process.emit('SIGINT', 'SIGINT');
  }, 1);
  const stopped = await fit('stopped', '--save-every', '0');
  clearInterval(timer);
  requireEqual('stopped', stopped.code, 130);
  const [last, best] = await Promise.all([
    readModel(file('stopped')),
    readModel(file('stopped', 'model.best.safetensors')),
  ]);
  require(`last ${last.state.step}, best ${best.state.step}`, last.state.step > best.state.step);
  const rest = await fit('stopped', '--save-every', '0', '--resume', 'stopped/model.safetensors');
  requireEqual('exit', [rest.code, rest.stderr], [0, '']);
  require('other bytes', readFileSync(file('stopped')).equals(readFileSync(file('whole'))));
  requireEqual('ended', (JSON.parse(rest.stdout) as FitReport).runs[0].ended, ended);
  requireEqual('files', readdirSync(join(folder, 'stopped')).length, 4);
});

test('what --validate cannot do is refused', async () => {
  const image = await picture('refused.png', 4, 4);
  const cases: Refusal[] = [
    [['--validate', '0'], /^sepnn: --validate 0: use a number above 0, up to 0\.99$/m],
    [['--validate', '1'], /^sepnn: --validate 1: use a number above 0, up to 0\.99$/m],
    [
      ['--validate', '0.0001'],
      /^sepnn: --validate 0\.0001: holds out 0 of 16 pixels: use a fraction that splits them$/m,
    ],
    [['--patience', '5'], /^sepnn: --patience 5: there is no validation to wait for: give --validate 0\.05 too$/m],
  ];
  await requireRefused(cases, args => sepnn('fit', image, ...adapter, '--out', 'refused', ...args));
  requireUnwritten('refused');
});
