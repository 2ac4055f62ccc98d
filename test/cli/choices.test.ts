/** What `fit` picks where nobody typed it: by a table, a preset, a quality, a time or a number of parameters. */

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { paper, qualitySteps, recipes, sizes, unmeasured } from '../../src/cli/fit/choices.js';
import { choose } from '../../src/cli/fit/choose.js';
import { endLines, type FitReport } from '../../src/cli/fit/command.js';
import { modelFor } from '../../src/cli/fit/largest.js';
import { type AskedOptions, addFitOptions, chosenNames, type FitOptions } from '../../src/cli/fit/options.js';
import { recordedChoice } from '../../src/cli/fit/recorded.js';
import { untilOf } from '../../src/cli/fit/until.js';
import { whyOf } from '../../src/cli/fit/why.js';
import { Command } from '../../src/cli/vendor.js';
import { readModel } from '../../src/io/model/modelFile.js';
import { parameterCount } from '../../src/model/model.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireBits, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('choices');
const photograph = { width: 128, height: 96, planes: 3 };

/** What `fit` with these words picks for a picture. */
function chosenBy(words: string, of = photograph, recorded?: Readonly<Record<string, unknown>>) {
  const command = addFitOptions(new Command()).parse(words.split(' ').filter(Boolean), { from: 'user' });
  const { preconditioner = 'seppgd', ...asked } = command.opts<AskedOptions>();
  const isTyped = (name: string) => command.getOptionValueSource(name) === 'cli';
  return choose({ preconditioner, ...asked }, isTyped, of, recorded && recordedChoice(command, 'x', recorded));
}

test('a picture of any size gets all that a training takes, the same every time, and what is typed stands', () => {
  for (const side of [2, 96, 97, 192, 193, 384, 385, 16_384]) {
    const of = { width: 2, height: side, planes: 1 };
    const { options, by, usualTopK } = chosenBy('', of);
    const { rank, width, steps, learningRate, schedule, optimiser, combine } = options;
    const row = sizes.find(({ longer }) => side <= longer);
    requireEqual(`${side}`, [by, rank, width], ['table', row?.rank, row?.rank]);
    for (const value of [steps, learningRate, schedule, optimiser, combine, usualTopK])
      require('all', value !== undefined);
    requireEqual('again', chosenBy('', of), chosenBy('', of));
  }
  const typed = '--rank 7 --width 9 --combine sum --top-k 3 --optimiser muon --lr 0.5 --schedule step --warm-up 4';
  const { options, names } = chosenBy(`${typed} --rest-rate 2 --steps 11 --preconditioner seppgd`);
  requireEqual('nothing is left', names, []);
  const { rank, width, combine, topK, optimiser, learningRate, schedule, warmUp, restRate, steps } = options;
  requireEqual('typed', [rank, width, combine, topK, optimiser], [7, 9, 'sum', 3, 'muon']);
  requireEqual('typed', [learningRate, schedule, warmUp, restRate, steps], [0.5, 'step', 4, 2, 11]);
});

test('what is typed decides among the recipes: a rate is none for another optimiser, or for points that are left out', () => {
  const recipeOf = (words: string) => {
    const { options, usualTopK } = chosenBy(words);
    const { optimiser, preconditioner, combine, learningRate } = options;
    return [optimiser, preconditioner, preconditioner === 'none' ? '-' : combine, learningRate, usualTopK];
  };
  requireEqual('usual', recipeOf(''), ['shampoo', 'seppgd', 'product', 1e-2, 70]);
  requireEqual('a rate by itself', recipeOf('--lr 2e-3'), ['adam', 'seppgd', 'product', 2e-3, 70]);
  requireEqual('adam', recipeOf('--optimiser adam'), ['adam', 'seppgd', 'product', 1e-3, 70]);
  requireEqual('wide', recipeOf('--optimiser adam --width 500'), ['adam', 'seppgd', 'product', 3e-4, 70]);
  requireEqual('muon', recipeOf('--optimiser muon'), ['muon', 'seppgd', 'product', 3e-3, 70]);
  requireEqual('beside', recipeOf('--optimiser muon --rest adam'), recipeOf('--optimiser muon'));
  requireEqual('another beside', recipeOf('--optimiser muon --rest sgd'), recipeOf('--optimiser sgd').with(0, 'muon'));
  requireEqual('plain', recipeOf('--preconditioner none'), ['adam', 'none', '-', 1e-3, 'auto']);
  requireEqual('plain muon', recipeOf('--preconditioner none --optimiser muon'), ['muon', 'none', '-', 1e-2, 'auto']);
  for (const words of ['--mask 0.3', '--validate 0.1', '--noise 0.1'])
    requireEqual(words, recipeOf(words), ['adam', 'seppgd', 'sum', 3e-4, 10]);
  requireEqual('compared', recipeOf('--mask 0.3 --optimiser muon --compare')[1], 'seppgd');
  for (const words of ['--optimiser sgd', '--model tucker', '--preconditioner iga'])
    requireEqual(words, chosenBy(words).options.learningRate, unmeasured.options.learningRate);
  for (const [words, optimiser] of [
    ['--depth 1', 'adam'],
    ['--depth 1 --mask 0.3 --preconditioner none', 'adam'],
    ['--depth 1 --series 4', 'shampoo'],
    ['--depth 2', 'shampoo'],
    ['--depth 1 --optimiser shampoo', 'shampoo'],
  ])
    requireEqual(words, chosenBy(words).options.optimiser, optimiser);
  requireEqual('no warm-up', chosenBy('--schedule constant').options.warmUp, undefined);
  for (const { measured } of [...recipes, ...sizes]) require('where it was measured', (measured ?? '').length > 10);
});

test('--preset paper is all that the paper chose; what is typed beside it wins', () => {
  const { options, usualTopK, by } = chosenBy('--preset paper');
  const all = { ...paper, preconditioner: 'seppgd' };
  for (const [name, value] of Object.entries(all).filter(([name]) => name !== 'topK'))
    requireEqual(name, options[name as keyof typeof options], value);
  requireEqual('k', [usualTopK, by], [70, 'paper']);
  requireEqual('rates', [options.schedule, options.warmUp, options.clip], ['constant', undefined, undefined]);
  const { options: mixed, names } = chosenBy('--preset paper --steps 7 --optimiser muon --depth 4');
  requireEqual('typed', [mixed.steps, mixed.optimiser, mixed.depth, mixed.rank], [7, 'muon', 4, 500]);
  requireEqual('said', [names.includes('steps'), names.includes('rank'), names.includes('topK')], [false, true, true]);
});

test('--parameters takes the largest model of its kind that stays within', async () => {
  const kinds = [
    '',
    '--model tt',
    '--model tucker',
    '--model mlp --preconditioner none',
    '--channels shared',
    '--width 30',
    '--depth 1 --series 20',
  ];
  for (const words of [...kinds, '--rank 30']) {
    const { options } = chosenBy(`${words} --parameters 50k`);
    const count = (more: number) => {
      const { rank, width } = options;
      const [r, w] = [words === '--rank 30' ? 30 : (rank as number) + more, words === '--width 30' ? 30 : width + more];
      return parameterCount(modelFor(photograph, { ...options, rank: r, width: w }));
    };
    require(`${words}: ${count(0)} and ${count(1)}`, count(0) <= 50_000 && count(1) > 50_000);
  }
  // Where nothing bounds the count: the most that there is.
  requireEqual('most', chosenBy('--model joint-network --depth 2 --parameters 1000000000').options.width, 65_536);
  for (const words of ['--depth 1 --rank 8', '--depth 1 --model joint-network']) {
    await requireThrows(
      words,
      async () => chosenBy(`${words} --parameters 50k`),
      'InputError',
      /: nothing is left to choose/,
    );
  }
  const asked = (text: string) => chosenBy(`--parameters ${text}`).options.parameters;
  requireEqual('in thousands and millions', ['12345', '50k', '1.5M', '0.25k'].map(asked), [
    12_345,
    50_000,
    1.5e6,
    250_000 / 1e3,
  ]);
});

test('--parameters by itself is a decoder on Fourier series, never above so many, of which rank and terms get alike', () => {
  for (const [width, height, planes] of [
    [128, 96, 3],
    [97, 64, 1],
    [300, 1, 3],
    [2, 2, 1],
  ]) {
    const of = { width, height, planes };
    const most = 3 * width * height * planes;
    for (const parameters of [30, 200, 500, 1499, 5000, 20_000, 90_000].filter(number => number <= most)) {
      const { options, names } = chosenBy(`--parameters ${parameters}`, of);
      const name = `${width} x ${height} x ${planes}, ${parameters}`;
      const { rank, series = 0, decoder, depth, decoderActivation, channels, preconditioner } = options;
      const kind = [depth, decoderActivation, channels, preconditioner];
      requireEqual(name, kind, [1, 'sine', 'shared', 'none']);
      const count = (more: Partial<typeof options>) => parameterCount(modelFor(of, { ...options, ...more }));
      const R = rank as number;
      const counts = [count({}), count({ rank: R + 1 }), count({ rank: series + 1, series: series + 1 })];
      require(`${name}: ${counts}`, counts[0] <= parameters && (counts[1] > parameters || R === 8 * series));
      const isFull = series + 1 > Math.max(Math.min(width, height) / 2, Math.max(width, height) / 16);
      require(`${name}: ${series} terms, R = ${R}, ${counts}`, R >= series && (isFull || counts[2] > parameters));
      for (const chosen of ['rank', 'series', 'decoder', 'depth', 'channels']) require(chosen, names.includes(chosen));
      require(`${decoder} units`, decoder !== undefined && decoder * R < parameters);
    }
    const { options } = chosenBy(`--parameters ${most + 36}`, of);
    requireEqual('more than a series has a use for', [options.decoder, options.depth], [undefined, 3]);
  }
});

test('with --parameters what is typed stands: another model or optimiser has no decoder, and what a decoder has keeps it', () => {
  const kindOf = (words: string): unknown[] => {
    const { decoder, preconditioner, optimiser } = chosenBy(`--parameters 20k ${words}`).options;
    return [decoder, preconditioner, optimiser];
  };
  const usual = [32, 'none', 'muon'];
  requireEqual('by itself', kindOf(''), usual);
  const agreeing = [
    '--preconditioner none',
    '--optimiser muon',
    '--depth 1',
    '--channels shared',
    '--schedule constant',
  ];
  for (const words of [
    ...agreeing,
    '--steps 9',
    '--quality 30',
    '--seconds 9',
    '--weight-decay 1',
    '--seed 3',
    '--clip 1',
  ])
    requireEqual(words, kindOf(words), usual);
  const ratesOf = (words: string) => {
    const { interleave, learningRate, restRate, momentum, steps } = chosenBy(`--parameters ${words}`).options;
    return [interleave, learningRate, restRate, momentum, steps];
  };
  requireEqual('in batches', ratesOf('5k'), [2, 0.12, 0.06, 0.98, 1600]);
  requireEqual('many for the picture', ratesOf('20k'), [undefined, 0.25, 0.1, undefined, 300]);
  requireEqual('of others', ratesOf('5k --interleave 3 --steps 9'), [3, 0.12, 0.06, 0.98, 9]);
  requireEqual('its own, typed', ratesOf('5k --momentum 0.98'), [2, 0.12, 0.06, 0.98, 1600]);
  requireEqual('asked for', ratesOf('20k --interleave 2,2'), [[2, 2], 0.12, 0.06, 0.98, 1600]);
  requireEqual('asked for, typed', ratesOf('20k --interleave 2 --momentum 0.9'), [2, 0.12, 0.06, 0.9, 1600]);
  requireEqual('none', ratesOf('5k --interleave 1'), [1, 0.25, 0.1, undefined, 300]);
  const long = { width: 300, height: 23, planes: 3 };
  requireEqual('narrow', chosenBy('--parameters 2k', long).options.interleave, undefined);
  requireEqual('asked for, narrow', chosenBy('--parameters 2k --interleave 2', long).options.learningRate, 0.12);
  requireEqual('few steps', ratesOf('5k --steps 300'), [undefined, 0.25, 0.1, undefined, 300]);
  // Rates that are typed are of the whole grid, where those of batches would not do.
  requireEqual('rate', ratesOf('5k --optimiser muon --lr 0.1'), [undefined, 0.1, 0.1, undefined, 300]);
  requireEqual('momentum', ratesOf('5k --momentum 0.9'), [undefined, 0.25, 0.1, 0.9, 300]);
  for (const words of [
    ...['--rank 9', '--width 9', '--depth 2', '--activation relu', '--omega 9', '--fourier 2', '--series 9 --depth 1'],
    ...[
      '--channels apart',
      '--top-k 5',
      '--combine sum',
      '--refresh 5',
      '--modulation sqrt',
      '--preconditioner seppgd',
    ],
    ...['--optimiser adam', '--lr 1e-3', '--model tt', '--mask 0.3', '--noise 0.1', '--validate 0.1', '--compare'],
    '--preset paper',
  ]) {
    requireEqual(words, kindOf(words)[0], undefined);
  }
  requireEqual('typed', kindOf('--decoder 7').slice(0, 2), [7, 'seppgd']);
});

test('--quality takes the steps that the table has for it, and those of a file that is gone on from are its own', () => {
  const [first, , last] = sizes[1].reaches;
  const stepsOf = (words: string) => chosenBy(words).options.steps;
  requireEqual('little', stepsOf(`--quality ${first[1]}`), first[0]);
  requireEqual('much', stepsOf(`--quality ${last[1]}`), last[0]);
  require('more', stepsOf('--quality 200') > last[0]);
  requireEqual('typed', stepsOf('--quality 200 --steps 5'), 5);
  // Of other networks than the table's it says nothing.
  for (const words of [
    '--parameters 5k',
    '--parameters 5k --depth 2',
    '--rank 20',
    '--width 20',
    '--activation relu',
  ]) {
    requireEqual(words, chosenBy(words).reaches, undefined);
    const most = Math.max(qualitySteps, stepsOf(words));
    for (const quality of [first[1], 200]) requireEqual(words, stepsOf(`${words} --quality ${quality}`), most);
  }
  const { options } = chosenBy('--seed 3 --optimiser muon');
  const gone = chosenBy(
    '--resume x',
    { ...photograph, width: 500 },
    JSON.parse(JSON.stringify({ ...options, topK: 12 })),
  );
  requireEqual('by', gone.by, 'resume');
  for (const name of chosenNames.filter(name => name !== 'topK')) requireEqual(name, gone.options[name], options[name]);
  requireEqual('k', gone.options.topK, 12);
});

test('what a file records is read as though it were typed: a file may hold anything', async () => {
  for (const [recorded, message] of [
    [{ rank: 'abc' }, /^--resume x: records --rank abc: use a whole number/],
    [{ rank: [] }, /^--resume x: records --rank /],
    [{ width: -3 }, /^--resume x: records --width -3: use a whole number/],
    [{ optimiser: 'foo' }, /^--resume x: records --optimiser foo: use adam/],
    [{ optimiser: 'constructor' }, /^--resume x: records --optimiser constructor: use adam/],
    [{ preconditioner: {} }, /^--resume x: records --preconditioner \[object Object\]: use /],
    [{ schedule: null }, /^--resume x: records --schedule null: use constant/],
    [{ learningRate: -1 }, /^--resume x: records --learning-rate -1: use a number above 0/],
    [{ topK: true }, /^--resume x: records --top-k true: use /],
    [{ steps: 1e99 }, /^--resume x: records --steps 1e\+99: use /],
  ] as const) {
    await requireThrows(`${message}`, async () => chosenBy('--resume x', photograph, recorded), 'InputError', message);
  }
  await requireThrows(
    'another size',
    async () => chosenBy('--resume x --parameters 10', photograph, { rank: 6, parameters: 500 }),
    'InputError',
    /^--parameters 10 with --resume: the file has a model of its own/,
  );
  const { options } = chosenBy('--resume x', photograph, { rank: [3, 4], topK: [5, 6], learningRate: 1e-7 });
  requireEqual('as it was', [options.rank, options.topK, options.learningRate], [[3, 4], [5, 6], 1e-7]);
});

const image = await picture('chosen.png', 16, 12);
const fit = async (out: string, ...more: string[]) => {
  const { code, stdout, stderr } = await sepnn('fit', image, '--out', out, ...more, ...adapter);
  requireEqual(`exit: ${stderr}`, code, 0);
  return { stdout, stderr };
};

test('fit without options says what it picked in one line; --quality ends at the PSNR and says when', async () => {
  const { stdout, stderr } = await fit('quality', '--gray', '--quality', '25');
  const line =
    /^sepnn: chosen for 16 x 12: R = W = 96, shampoo 1e-2 cosine, SepPGD product k = 6, 100 steps \(a photograph .*\); what is typed stands, --preset paper is the paper$/m;
  require(stderr, line.test(stderr));
  require(stdout, /^SepPGD: --quality 25: reached: [\d.]+ dB at step \d+ after [\d.]+ s$/m.test(stdout));
  const model = await readModel(join(folder, 'quality', 'model.safetensors'));
  const { quality, steps, optimiser, schedule } = model.training;
  requireEqual('recorded', [quality, steps, optimiser, schedule], [25, 100, 'shampoo', 'cosine']);
  const none = JSON.parse(
    (await fit('none', '--gray', '--quality', '90', '--steps', '20', '--json')).stdout,
  ) as FitReport;
  const [run] = none.runs;
  requireEqual('not reached', [run.ended, run.curve.length], [{ step: 20, by: 'steps' }, 3]);
  requireEqual('choice', [none.choice.by, none.choice.names.includes('rank')], ['table', true]);
  require(none.choice.why, none.choice.why.startsWith('chosen for 16 x 12: R = W = 96'));
});

test('fit --parameters says what decoder it picked, goes on from its file without another word, and is drawn at any size', async () => {
  const whole = JSON.parse((await fit('within', '--parameters', '400', '--steps', '20', '--json')).stdout) as FitReport;
  const { rank, series, decoder, decoderActivation, depth, channels, preconditioner } = whole.settings;
  requireEqual('settings', [decoder, decoderActivation, depth], [16, 'sine', 1]);
  requireEqual('settings', [channels, preconditioner, whole.runs[0].preconditioner], ['shared', 'none', 'none']);
  const line = `: R = ${rank}, a series of ${series} terms, a decoder of 16 units (`;
  require(whole.choice.why, whole.choice.why.includes(line));
  const file = 'within/model.safetensors';
  const { model, state } = await readModel(join(folder, file));
  require(`${whole.choice.why}: ${state.parameters.length}`, whole.choice.why.includes(
    `(${parameterCount(model)} par`,
  ));
  require(`${state.parameters.length}`, state.parameters.length === parameterCount(model) &&
    parameterCount(model) <= 400);
  await fit('within-half', '--parameters', '400', '--schedule', 'constant', '--steps', '10');
  await fit('within-whole', '--parameters', '400', '--schedule', 'constant', '--steps', '20');
  const { stderr } = await fit('within-rest', '--steps', '20', '--resume', 'within-half/model.safetensors');
  require(stderr, stderr.includes(`as in the file: R = ${rank}, a series of ${series} terms, a decoder of 16 units`));
  const [once, twice] = await Promise.all(
    ['within-whole', 'within-rest'].map(out => readModel(join(folder, out, 'model.safetensors'))),
  );
  requireBits('parameters', twice.state.parameters, once.state.parameters);
  const drawn = await sepnn('render', file, '--size', '32x24', '--out', 'within.png', ...adapter);
  requireEqual('render', [drawn.code, drawn.stderr.includes('sepnn:')], [0, false]);
}, 120);

test('--seconds chooses steps for the time, ends in it, and its file has them: typed, they give the same bits', async () => {
  const small = ['--gray', '--rank', '8', '--width', '8', '--json'];
  const start = performance.now();
  const report = JSON.parse((await fit('timed', ...small, '--seconds', '0.8')).stdout) as FitReport;
  const took = (performance.now() - start) / 1000;
  const [{ ended, seconds }] = report.runs;
  const steps = report.settings.steps as number;
  require(`${JSON.stringify(ended)} of ${steps}`, ended.step <= steps && ['steps', 'seconds'].includes(ended.by));
  require(`${seconds} s of ${took}`, seconds < 0.8 + 0.3 && ended.step > 1);
  const file = 'timed/model.safetensors';
  const early = { costs: { preconditioner: 'none' }, ended: { step: 7, by: 'seconds' } } as unknown as Parameters<
    typeof endLines
  >[0];
  const [line] = endLines(early, { steps: 9 });
  require(line, /: its seconds were over at step 7 of 9$/.test(line));
  requireEqual('recorded', (await readModel(join(folder, file))).training.steps, steps);
  if (ended.step < steps) await fit('timed', ...small, '--seconds', '0.8', '--resume', file);
  await fit('typed', ...small, '--steps', String(steps));
  const [timed, typed] = await Promise.all(
    ['timed', 'typed'].map(out => readModel(join(folder, out, 'model.safetensors'))),
  );
  requireEqual('steps', timed.state.step, steps);
  requireBits('parameters', timed.state.parameters, typed.state.parameters);
});

test('a time that is over before the first step has one made all the same', () => {
  const until = untilOf({ steps: 9 } as FitOptions, 0);
  requireEqual(
    'steps 4 and 5',
    [until(4, undefined, undefined), until(5, undefined, undefined)],
    [undefined, 'seconds'],
  );
});

test('--seconds with --tune: what is measured first is told and not counted, and known to the run after it', async () => {
  const { SEPNN_CACHE } = process.env;
  process.env.SEPNN_CACHE = mkdtempSync(join(tmpdir(), 'sepnn-timed-'));
  const words = ['--gray', '--rank', '4', '--series', '4', '--depth', '1', '--preconditioner', 'none'];
  try {
    const { stderr } = await fit('tuned', ...words, '--optimiser', 'sgd', '--lr', '1e-3', '--seconds', '3', '--tune');
    const report = JSON.parse(readFileSync(join(folder, 'tuned', 'metrics.json'), 'utf8')) as FitReport;
    requireEqual('told', stderr.match(/^sepnn: --tune: times \d+ matrix products/gm)?.length, 1);
    const [{ ended, seconds }] = report.runs;
    require(`${seconds} s, ${JSON.stringify(ended)}`, seconds < 3 + 2 && ended.step > 1);
  } finally {
    if (SEPNN_CACHE === undefined) delete process.env.SEPNN_CACHE;
    else process.env.SEPNN_CACHE = SEPNN_CACHE;
  }
}, 300);

test('--seconds with --quality: the time chooses the steps, and the quality ends them; what is promised goes by the steps', async () => {
  const words = ['--gray', '--rank', '8', '--width', '8', '--seconds', '4', '--quality', '3', '--json'];
  const { settings, runs } = JSON.parse((await fit('both', ...words)).stdout) as FitReport;
  requireEqual('ended', [runs[0].ended.by, runs[0].ended.step <= (settings.steps as number)], ['quality', true]);
  const choice = chosenBy('--seconds 5');
  const model = modelFor(photograph, choice.options);
  const [[least, psnr]] = choice.reaches as NonNullable<typeof choice.reaches>;
  const whyIn = (steps: number) => whyOf(choice, { ...choice.options, steps }, photograph, model);
  require(whyIn(least), whyIn(least).includes(`a photograph came to ${psnr} dB in ${least}`));
  require(whyIn(least - 1), !whyIn(least - 1).includes('a photograph'));
});

test('asks that contradict each other, or that nothing meets, are refused', async () => {
  const cases: Refusal[] = [
    [['--preset', 'mine'], /--preset mine: use paper$/m],
    [['--quality', '0'], /--quality 0: use a number above 0, up to 300$/m],
    [['--seconds', '-1'], /--seconds -1: use a number above 0/],
    [
      ['--seconds', '5', '--steps', '9'],
      /--seconds 5 with --steps 9: the time chooses the steps: leave one of them out$/m,
    ],
    [['--parameters', '200kk'], /--parameters 200kk: use a whole number from 1 to 1000000000, such as 200k or 1\.5M$/m],
    [['--parameters', '0.5'], /--parameters 0\.5: use a whole number/],
    [['--parameters', '3'], /--parameters 3: the smallest model has \d+: use that or more$/m],
    [
      ['--parameters', '9k', '--model', 'mlp', '--width', '4'],
      /--parameters 9000 with --width: nothing is left to choose: leave one out$/m,
    ],
    [
      ['--parameters', '9k', '--rank', '3', '--width', '4'],
      /--parameters 9000 with --rank and --width: nothing is left to choose: leave one out$/m,
    ],
  ];
  await requireRefused(cases, args => sepnn('fit', image, ...adapter, '--out', 'refused', ...args));
  requireUnwritten('refused');
});
