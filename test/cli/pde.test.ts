/** `sepnn pde` as a user runs it: what it prints, what it writes, how it goes on, and how it refuses. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { goingOn } from '../../src/cli/pde/command.js';
import { addPdeOptions, courseOf, type PdeOptions, pdeNeeds, settled, waysOf } from '../../src/cli/pde/options.js';
import type { PdeReport } from '../../src/cli/pde/results.js';
import type { RenderReport } from '../../src/cli/render/command.js';
import { flagsOf, idleIn } from '../../src/cli/training/needs.js';
import { fileLines } from '../../src/cli/training/session.js';
import { Command } from '../../src/cli/vendor.js';
import { readProblemFile, writeProblemFile } from '../../src/io/model/problemFile.js';
import { decodeNpy } from '../../src/io/npy.js';
import {
  adapter,
  folder,
  type Refusal,
  requireRefused,
  requireUnwritten,
  root,
  sepnn,
  spawnedSepnn,
  spawnedWithDoomedDevice,
  spawnedWithDoomedDevices,
} from '../helpers/command.js';
import { require, requireBits, requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('pde');
const small = [
  ...['pde', 'heat', '--points', '5,7', '--width', '8', '--rank', '3', '--test-points', '9', '--report-every', '5'],
  ...['--redraw', '4', '--lr', '0.01', ...adapter],
];

async function reportOf(...more: string[]): Promise<PdeReport> {
  const { code, stdout, stderr } = await sepnn(...small, ...more, '--json');
  requireEqual('exit', [code, stderr], [0, '']);
  return JSON.parse(stdout) as PdeReport;
}

test('pde --json prints one object with a curve for every way asked, writes the solution, and a run goes on to the same bits', async () => {
  const whole = await reportOf(
    '--networks',
    'gated',
    '--optimisers',
    'muon:steps=10:rate=2e-3,adam',
    '--steps',
    '15',
    '--out',
    'whole',
  );
  requireEqual(
    'runs',
    whole.runs.map(({ name, optimiser, steps, curve }) => [name, optimiser, steps, curve.map(({ step }) => step)]),
    [
      ['gated-muon-steps-10-rate-2e-3', 'muon', 10, [0, 5, 10]],
      ['gated', 'adam', 15, [0, 5, 10, 15]],
    ],
  );
  for (const { curve, relativeL2, losses, loss, atLeastLoss } of whole.runs) {
    const least = [...curve].sort((one, other) => one.loss - other.loss)[0];
    requireEqual('where the loss is least', [atLeastLoss.step, atLeastLoss.loss], [least.step, least.loss]);
    requireEqual('its error', atLeastLoss.relativeL2, least.relativeL2);
    const end = curve[curve.length - 1];
    require(`the loss fell from ${curve[0].loss} to ${end.loss}`, end.loss < curve[0].loss);
    requireEqual('the last', relativeL2, end.relativeL2);
    requireEqual('grids', Object.keys(losses), ['equations', 'initial', 'x-faces']);
    requireClose('loss', [Object.values(losses).reduce((a, b) => a + b)], [loss], { relative: 1e-12 });
    require('time goes on', end.seconds > curve[1].seconds && curve[0].seconds === 0);
  }
  const { data, shape } = decodeNpy('u', new Uint8Array(readFileSync(join(folder, 'whole', 'gated.u.npy'))));
  requireEqual('shape', shape, [9, 9]);
  let [off, norm] = [0, 0];
  data.forEach((u, i) => {
    const [t, x] = [Math.floor(i / 9) / 8, ((i % 9) - 4) / 4];
    off += (u - Math.exp(-t) * Math.sin(Math.PI * x)) ** 2;
    norm += (Math.exp(-t) * Math.sin(Math.PI * x)) ** 2;
  });
  requireClose('relative L2', [whole.runs[1].relativeL2 as number], [Math.sqrt(off / norm)], { relative: 1e-5 });
  const slice = await sharp(join(folder, 'whole', 'gated.u.png'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  requireEqual('slice', [slice.info.width, slice.info.height], [3 * 9 + 8, 9]);
  requireEqual(
    'the greatest of what is known is white',
    Math.max(...[...Array(9).keys()].map(i => slice.data[(9 + 4 + i) * slice.info.channels])),
    255,
  );
  for (const x of ['step', 'seconds', 'greatest-step', 'greatest-seconds']) {
    require(`${x}.svg`, readFileSync(join(folder, 'whole', `${x}.svg`), 'utf8').includes('gated'));
  }
  await reportOf('--networks', 'gated', '--steps', '7', '--out', 'parts');
  const file = join('parts', 'gated.safetensors');
  const on = await reportOf('--networks', 'gated', '--steps', '15', '--out', 'parts', '--resume', file);
  const errors = ({ curve }: PdeReport['runs'][number]) => curve.map(({ relativeL2 }) => relativeL2);
  requireClose('errors', errors(on.runs[0]), errors(whole.runs[1]), {});
  const stepsOf = ({ curve }: PdeReport['runs'][number]) => curve.map(({ step }) => step);
  requireEqual('no point where it went on', stepsOf(on.runs[0]), stepsOf(whole.runs[1]));
  await requireRefused(
    [
      [['pde', 'stokes'], /pde stokes: there is no such problem: use diffusion, /],
      [
        ['pde', 'heat', '--preconditioners', 'seppgd'],
        /seppgd with --redraw 100: it is made of points that stay: give --redraw 0/,
      ],
      [
        ['pde', 'heat', '--preconditioners', 'seppgd:top-k=3'],
        /--preconditioners seppgd:top-k: seppgd does not take it: use residual, or leave it out/,
      ],
      [
        ['pde', 'heat', '--preconditioners', 'residual:k=3'],
        /residual:k=3: k: use combine, top-k, refresh, as top-k=3/,
      ],
      [
        ['pde', 'heat', '--optimisers', 'adam:k=3'],
        /--optimisers adam:k=3: k: use rate, schedule, steps, last-layers, iterations, damping, as rate=1e-3/,
      ],
      [['pde', 'heat', '--optimisers', 'adam,adam'], /--optimisers adam,adam: names one twice: name each once/],
      [['pde', 'heat', '--points', '2'], /--points 2: use 3 or more/],
      [['pde', 'heat', '--points', '5,6,7'], /heat has the axes t, x: give one number, or 2/],
      [['pde', 'heat', '--networks', 'gated', '--depth', '2'], /depth: 2: gated networks have 3 layers or more/],
      [['ntk', file], /gated.safetensors: is of sepnn pde, and only pde and render read it: give a file of another/],
      [['render', file, '--fields', 'u,w'], /heat: there is no "w": use u, or derivatives by t, x such as u_tt/],
      [['render', file, '--fields', 'u,u'], /--fields u,u: names one twice/],
      [['render', file, '--fields', 'u,,u_x'], /--fields u,,u_x: its entry 2 is empty: give names with one comma/],
      [['render', file, '--fields', 'u_xt,u_tx'], /--fields u_xt,u_tx: u_tx is u_xt: name each derivative once/],
      [['pde', 'heat', '--optimisers', 'adam,'], /--optimisers adam,: its entry 2 is empty/],
      [['pde', join('whole', 'results.json')], /results.json: is no module by its name \(.js, .mjs, .cjs, .ts\): use /],
      [['pde', 'whole'], /pde whole: is no module by its name/],
      [
        ['render', file, '--fields', 'u,u_x', '--out', 'two.png'],
        /two.png: a picture has 2 axes and one field, and this has u, u_x: give an .npy file, or --fields/,
      ],
      [['render', file, '--size', '3,4,5'], /--size 3,4,5: the model has 2 axes/],
      [
        [...small, '--networks', 'plain', '--resume', file],
        /was trained with --networks gated, and this run is with --networks plain: give --networks gated/,
      ],
      [
        [...small, '--seed', '1', '--resume', file],
        /was trained with --seed 0, and this run is with --seed 1: give --seed 0/,
      ],
      [
        [...small, '--optimisers', 'adam:schedule=cosine', '--resume', file],
        /with --schedule constant, and this run is with --schedule cosine: give --schedule constant/,
      ],
      [[...small, '--omega', '2', '--resume', file], /trained without --omega, and .* --omega 2: leave --omega out/],
      [
        [...small, '--redraw', '0', '--preconditioners', 'residual:top-k=2', '--resume', file],
        /with --preconditioners none, and .* --preconditioners residual:top-k=2: give --preconditioners none/,
      ],
      [
        [...small, '--optimisers', 'adam,muon', '--resume', file],
        /is of one run: give one of --networks, --optimisers and --preconditioners/,
      ],
      [[...small, '--resume', join('whole', 'results.json')], /^sepnn: model .*results.json: /],
    ],
    args => sepnn(...args),
  );
});

test('pde with the residual preconditioned: its curve has the name of what differs, and its file what was found', async () => {
  const typed = 'residual:combine=sum:top-k=2:refresh=4';
  const { runs, settings } = await reportOf(
    ...['--preconditioners', typed, '--redraw', '0', '--steps', '5', '--out', 'residual'],
  );
  const name = 'plain-residual-combine-sum-top-k-2-refresh-4';
  requireEqual('run', [runs[0].name, runs[0].preconditioner, settings.preconditioners], [name, 'residual', [typed]]);
  requireEqual('k', runs[0].topK, { asked: 2, chosen: [2, 2] });
  const { state, training } = await readProblemFile(join(folder, 'residual', `${name}.safetensors`));
  requireEqual('settings', training.residualPreconditioner, { topK: 2, combine: 'sum', refresh: 4, draws: 4 });
  requireEqual('found', [state.preconditioner?.name, state.preconditioner?.topK], ['residual-seppgd', [2, 2]]);
});

test('last layers are solved after the steps, in a row of their own, or later from the file of a run that left them alone', async () => {
  const typed = 'adam:last-layers=2:iterations=3';
  const { runs, settings } = await reportOf('--optimisers', `${typed},adam`, '--steps', '6', '--out', 'solved');
  const name = 'plain-adam-last-layers-2-iterations-3';
  requireEqual('settings', settings.optimisers, [typed, 'adam']);
  const placesOf = ({ curve }: PdeReport['runs'][number]) => curve.map(({ step, turn = 0 }) => [step, turn]);
  const steps = [0, 5, 6].map(step => [step, 0]);
  requireEqual(
    'runs',
    runs.map(run => [run.name, run.steps, placesOf(run)]),
    [
      [name, 6, [...steps, [6, 1], [6, 2]]],
      ['plain', 6, steps],
    ],
  );
  requireEqual('the same before', runs[0].curve[2].loss, runs[1].loss);
  require(`the loss fell from ${runs[1].loss} to ${runs[0].loss}`, runs[0].loss < 0.7 * runs[1].loss);
  const file = join('solved', `${name}.safetensors`);
  const { training } = await readProblemFile(join(folder, file));
  requireEqual('recorded', [training.lastLayers, training.steps], [{ turns: 2, iterations: 3, damping: 1e-7 }, 6]);
  const later = join('solved', 'plain.safetensors');
  const on = await reportOf('--optimisers', typed, '--steps', '6', '--out', 'later', '--resume', later);
  const lossesOf = ({ curve }: PdeReport['runs'][number]) => curve.map(({ loss }) => loss);
  requireClose('losses', lossesOf(on.runs[0]), lossesOf(runs[0]), {});
  const again = await reportOf('--out', 'again', '--resume', file);
  requireEqual('as recorded, nothing left', [again.runs[0].name, lossesOf(again.runs[0])], [name, lossesOf(runs[0])]);
  const with_ = (text: string, more: readonly string[] = []) => [...small, '--optimisers', text, ...more];
  const resumed = ['--steps', '6', '--resume', file];
  await requireRefused(
    [
      [with_('adam:last-layers=0'), /--optimisers adam:last-layers 0: use a whole number from 1 to 1000/],
      [with_('adam:last-layers=-2'), /--optimisers adam:last-layers -2: use a whole number/],
      [with_('adam:last-layers=few'), /--optimisers adam:last-layers few: use a whole number/],
      [with_('adam:last-layers=2:iterations=0'), /--optimisers adam:iterations 0: use a whole number/],
      [with_('adam:last-layers=2:damping=0'), /--optimisers adam:damping 0: use a number above 0/],
      [
        with_('adam:damping=1e-3'),
        /--optimisers adam:damping=1e-3: damping is of last-layers: give last-layers=5 too, or leave it out/,
      ],
      [
        with_('adam,adam:last-layers=2', ['--rank', '1025']),
        /--optimisers adam:last-layers=2: a last layer of 1025 by 9: takes up to 1024 each: use a lower rank or width/,
      ],
      [
        with_('adam', resumed),
        /trained with --optimisers adam:last-layers=2:iterations=3, and this run is with --optimisers adam: give --optimisers adam:last-layers=2:iterations=3/,
      ],
      [with_('adam:last-layers=3:iterations=3', resumed), /is with --optimisers adam:last-layers=3:iterations=3: give/],
      [
        with_(typed, ['--steps', '7', '--resume', file]),
        /with --steps 6, and this run is with --steps 7: all of those are made: for more begin anew$/m,
      ],
    ],
    args => sepnn(...args),
  );
});

async function rendered(...args: string[]): Promise<RenderReport> {
  const { code, stdout, stderr } = await sepnn('render', ...args, ...adapter, '--json');
  requireEqual('exit', [code, stderr], [0, '']);
  return JSON.parse(stdout) as RenderReport;
}

const arrayAt = (name: string) => decodeNpy(name, new Uint8Array(readFileSync(join(folder, name))));

test('render of a solution: on the grid of the test it has its bits, fields and slices are planes of it, a picture goes from the least to the greatest', async () => {
  const file = join('drawn', 'plain.safetensors');
  await reportOf('--steps', '3', '--out', 'drawn');
  const whole = await rendered(file, '--size', '9', '--out', 'u.npy');
  requireEqual('shape', [whole.shape, whole.channels, whole.fields], [[9, 9], 1, ['u']]);
  requireClose('bits', arrayAt('u.npy').data, arrayAt(join('drawn', 'plain.u.npy')).data, {});
  const own = await rendered(file, '--fields', 'u_xx,u', '--crop', '1,0,3,5', '--out', 'part.npy');
  requireEqual(
    'of the points of the equations',
    [own.shape, own.fields],
    [
      [5, 2],
      ['u_xx', 'u'],
    ],
  );
  requireEqual('axes', arrayAt('part.npy').shape, [2, 5, 2]);
  await rendered(file, '--size', '5,9', '--slice', '0=1', '--out', 'line.npy');
  requireClose('a line', arrayAt('line.npy').data, arrayAt('u.npy').data.slice(18, 27), {});
  const picture = await rendered(file, '--size', '9', '--fields', 'u', '--out', 'u.png');
  const values = [...arrayAt('u.npy').data];
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  requireEqual('range', picture.range, [least, greatest]);
  const { data, info } = await sharp(join(folder, 'u.png')).raw().toBuffer({ resolveWithObject: true });
  requireClose(
    'pixels',
    values.map((_, i) => data[i * info.channels]),
    values.map(value => (255 * (value - least)) / (greatest - least)),
    { absolute: 0.51 },
  );
});

/** A module that exports a problem, as a host writes one. */
function moduleOf(
  name: string,
  {
    range = '[-1, 1]',
    equations = 'all.u.dt.minus(all.u.dxx)',
    start = 'Math.cos(x)',
    name: last = 'ends',
    ends = 'u',
    weight = 1,
    more = '',
    before = '',
  } = {},
): string {
  const text = `
    import { defineProblem, given } from '${new URL('src/public/pde.ts', pathToFileURL(root)).href}';
    ${before}
    export default () => defineProblem({
      name: 'bar',
      axes: { t: [0, 1], x: ${range} },
      fields: ['u'],
      equations: all => [{ residual: ${equations}, weight: ${weight} }],
      conditions: ({ u }) => [
        { name: 'start', at: { t: 0 }, residual: u.minus(given(({ x }) => ${start})), weight: ${weight} },
        { name: '${last}', at: { x: [-1, 1] }, residual: ${ends}, weight: ${weight} },
      ],
      ${more}
    });`;
  writeFileSync(join(folder, name), text);
  return `./${name}`;
}

test('a problem of a host in a module is solved and drawn by its module alone, and what none can be is told in one line', async () => {
  const bar = moduleOf('bar.mjs', { ends: 'u.minus(Math.cos(1))' });
  const sizes = [
    '--points',
    '4',
    '--width',
    '4',
    '--rank',
    '2',
    '--steps',
    '2',
    '--test-points',
    '3',
    '--report-every',
    '2',
  ];
  const { code, stderr } = await sepnn('pde', bar, ...sizes, '--out', 'own', ...adapter, '--json');
  requireEqual('exit', [code, stderr], [0, '']);
  const file = join('own', 'plain-shampoo.safetensors');
  const { shape } = await rendered(file, '--problem', bar, '--out', 'own.npy');
  requireEqual('shape', shape, [4, 4]);
  writeFileSync(join(folder, 'none.mjs'), 'export default 3;');
  writeFileSync(join(folder, 'broken.mjs'), 'export default (;');
  const unmade = "{ name: 'own', axes: {}, exact: {}, fields: [], equations: [5], conditions: [] }";
  writeFileSync(join(folder, 'unmade.mjs'), `export default ${unmade};`);
  const rest = 'Math.cos(Math.PI * x)';
  const kink = await sepnn(
    'pde',
    moduleOf('kink.mjs', { ends: 'u.dx' }),
    ...sizes,
    ...adapter,
    '--out',
    'kink',
    '--json',
  );
  const remark =
    'sepnn: bar: conditions start and ends differ where they meet, by 0.841 in u_x: the solution has a kink there\n';
  requireEqual('an insulated rod', [kink.code, kink.stderr], [0, remark]);
  const cases: Refusal[] = [
    [['pde', moduleOf('a.mjs', { range: '[1, 1]' })], /bar: axis x goes from 1 to 1: use a range with a length/],
    [['pde', moduleOf('b.mjs', { equations: 'all.u.dxxxxx' })], /bar: u.dxxxxx: networks carry .* up to order 4/],
    [['pde', moduleOf('c.mjs', { equations: 'all.v' })], /bar: there is no v: use t, x, u/],
    [['pde', moduleOf('d.mjs')], /bar: conditions start and ends contradict each other where they meet, by 0.5/],
    [['pde', moduleOf('e.mjs', { weight: 0 })], /bar: every weight is 0/],
    [
      ['pde', moduleOf('nan.mjs', { ends: "u.minus(given(() => '0'))" }), ...sizes],
      /^sepnn: bar: condition ends: a function of the coordinates is "0" at t = 0\.\d+, x = -1: let it give a number/,
    ],
    [['pde', bar, '--data', '1'], /bar: its solution is not known: there are no data/],
    [['pde', './none.mjs'], /none.mjs: its default export is 3: give a module whose default export is what/],
    [
      ['pde', './unmade.mjs'],
      /unmade.mjs: its default export is an object: give a module whose default export is what/,
    ],
    [['pde', './broken.mjs'], /broken.mjs: cannot be run \(.*\): (mend that first|node .* shows where)/],
    [['pde', './absent.mjs'], /absent.mjs: there is no such file: give a module/],
    [
      [
        'pde',
        moduleOf('throws.mjs', {
          ends: 'u.dx',
          start: rest,
          equations: "all.u.dt.plus(given(() => { throw new Error('inner') }))",
        }),
        ...sizes,
      ],
      /^sepnn: a function of the coordinates throws "inner" at t = 0\.\d+, x = -?\d.*: let it give a number\n$/,
    ],
    [
      ['pde', moduleOf('exact.mjs', { ends: 'u.dx', start: rest, more: 'exact: { u: () => { throw 5 } },' }), ...sizes],
      /^sepnn: a function of the coordinates throws 5 at t = 0\.\d+, x = -?\d.*: let it give a number\n$/,
    ],
    [
      ['pde', moduleOf('word.mjs', { ends: 'u.dx', start: rest, more: "exact: { u: () => '1' }," }), ...sizes],
      /^sepnn: bar: exact: u: is "1" at t = 0, x = -1: let it give a number, or NaN where none is known\n$/,
    ],
    [
      [
        'pde',
        moduleOf('unmakes.mjs', { ends: 'u.dx', start: rest, more: "reference: () => { throw new Error('no') }," }),
        ...sizes,
      ],
      /^sepnn: bar: reference: throws "no": give a function that makes it\n$/,
    ],
    [
      ['render', file],
      /own.plain-shampoo.safetensors: is of "module:bar", a problem of your own: give its module by --problem/,
    ],
    [
      ['render', file, '--problem', './absent.mjs'],
      /^sepnn: --problem .\/absent.mjs: there is no such file: give a module/,
    ],
    [['render', file, '--problem', 'heat'], /--problem heat: is "heat", and .* is of "module:bar": give that/],
    [['pde', 'heat', ...sizes, '--resume', file], /trained with problem module:bar, .* problem heat: give problem/],
  ];
  await requireRefused(cases, args => sepnn(...args, ...adapter));
});

test('a run goes on with the settings of its file where none are typed, and with no other problem than its own', async () => {
  const ends = 'u.minus(Math.cos(1))';
  const unlike = { before: 'const k = 1;', start: 'Math.cos(k * x)' };
  const bar = moduleOf('changing.mjs', { ends, ...unlike });
  const words = ['pde', bar, '--points', '4,5', '--width', '4', '--rank', '2', '--test-points', '3', '--redraw', '0'];
  const way = ['--optimisers', 'muon', '--preconditioners', 'residual:combine=sum', '--steps', '1'];
  requireEqual('exit', (await sepnn(...words, ...way, '--out', 'changing', ...adapter, '--json')).code, 0);
  const file = join('changing', 'plain-muon-residual-combine-sum.safetensors');
  const made = await sepnn('pde', bar, '--out', 'changing', '--resume', file, ...adapter, '--json');
  requireEqual('steps of the file', (JSON.parse(made.stdout) as PdeReport).runs[0].steps, 1);
  const on = ['pde', bar, '--steps', '2', '--out', 'changing', '--resume', file, ...adapter, '--json'];
  const { code, stdout, stderr } = await sepnn(...on);
  requireEqual('exit', [code, stderr], [0, '']);
  const { runs } = JSON.parse(stdout) as PdeReport;
  requireEqual('run', [runs[0].name, runs[0].steps], ['plain-muon-residual-combine-sum', 2]);
  const changes: readonly (readonly [Parameters<typeof moduleOf>[1], string])[] = [
    [{ range: '[-1, 1.5]' }, 'axis x was "-1 to 1" and is "-1 to 1.5"'],
    [{ before: 'const k = 1.001;' }, 'condition start is another'],
    [{ start: 'Math.cos(x)' }, 'condition start is another'],
    [{ equations: 'all.u.dt.minus(all.u.dxx.times(2))' }, 'equation equation1 is another'],
    [{ equations: 'all.u.dt.minus(all.u.dxx).plus(all.x)' }, 'equation equation1 is another'],
    [{ weight: 2 }, 'equation equation1 is another, condition start is another, condition ends is another'],
    [{ name: 'edges' }, 'condition ends is gone, condition edges is new'],
    [{ more: 'exact: { u: () => 1 },' }, 'solution of u is new'],
  ];
  for (const [i, [change, said]] of changes.entries()) {
    const other = moduleOf(`changed${i}.mjs`, { ends, ...unlike, ...change });
    const line = `is of module:bar as it was before its module was changed: ${said}: give the module as it was, or begin anew`;
    await requireRefused([[['pde', other, ...on.slice(2)], new RegExp(`${line}\n$`)]], args => sepnn(...args));
  }
  const drawn: Refusal = [['render', file, '--problem', './changed0.mjs'], /axis x was "-1 to 1" and is "-1 to 1.5"/];
  await requireRefused([drawn], args => sepnn(...args));
  const saved = await readProblemFile(join(folder, file));
  const { digest: _, ...older } = saved.training;
  await writeProblemFile(join(folder, file), { ...saved, training: older });
  requireEqual('exit of a file of a version before', (await sepnn('pde', './changed1.mjs', ...on.slice(2))).code, 0);
  await writeProblemFile(join(folder, file), { ...saved, training: { ...saved.training, width: 'wide', out: 'x' } });
  await requireRefused([[on, /--resume .*: records --width wide: use a whole number/]], args => sepnn(...args));
});

test('a module that cannot be run, or never finishes, is told of in one line, with the whole reason and the file', async () => {
  writeFileSync(join(folder, 'hang.mjs'), 'await new Promise(() => {}); export default 3;');
  const texts: Readonly<Record<string, readonly [text: string, said: string]>> = {
    'cut.mjs': ["import { x } from '", '(Invalid or unexpected token): node ./cut.mjs shows where'],
    'names.mjs': [
      "import { notThere } from 'node:fs';",
      "(The requested module 'node:fs' does not provide an export named 'notThere', names.mjs:1): mend that first",
    ],
    'lacks.mjs': [
      "import 'a-package-that-nobody-has-installed-here';",
      `(Cannot find package 'a-package-that-nobody-has-installed-here' imported from ${join(folder, 'lacks.mjs')}): mend that first`,
    ],
    'throws.mjs': [
      "\nthrow new Error('a first line that is as long as many,\\nand a second');",
      '(a first line that is as long as many, and a second, throws.mjs:2): mend that first',
    ],
    'throws.cjs': ["\n\nthrow new Error('required');", '(required, throws.cjs:3): mend that first'],
    'cut.cjs': ['\nconst = 3;', "(Unexpected token '=', cut.cjs:2): mend that first"],
  };
  for (const [name, [text, said]] of Object.entries(texts)) {
    writeFileSync(join(folder, name), text);
    const { code, stderr } = await spawnedSepnn('pde', `./${name}`);
    requireEqual(name, [code, stderr], [2, `sepnn: pde ./${name}: cannot be run ${said}\n`]);
  }
  mkdirSync(join(folder, 'holds.mjs'));
  await requireRefused([[['pde', './holds.mjs'], /holds\.mjs: it is a folder: give a module/]], args => sepnn(...args));
  const message = /^sepnn: pde .\/hang.mjs: its module never finished: give a module/;
  await requireRefused([[['pde', './hang.mjs'], message]], args => spawnedSepnn(...args));
});

test('of a run that another schedule keeps from being made longer the line names the schedule, and not its steps', async () => {
  const { files } = await reportOf('--optimisers', 'adam', '--steps', '2', '--out', 'constant');
  const words = [...small, '--optimisers', 'adam', '--steps', '4', '--schedule', 'cosine', '--resume', files.plain];
  const line = /with --schedule constant, and this run is with --schedule cosine: give --schedule constant$/m;
  await requireRefused([[words, line]], args => sepnn(...args));
});

test('a run that is stopped before its first step writes nothing, and names a file only where there is one', async () => {
  const stopping = moduleOf('stopping.mjs', {
    ends: 'u.minus(Math.cos(1))',
    more: "exact: { u: ({ t }) => (t === 0 && globalThis.stopsAtTest && process.emit('SIGTERM', 'SIGTERM'), 1) },",
  });
  const stop = globalThis as { stopsAtTest?: boolean };
  const words = ['pde', stopping, '--points', '4', '--width', '4', '--rank', '2', '--test-points', '3', ...adapter];
  stop.stopsAtTest = true;
  const begun = await sepnn(...words, '--out', 'unstepped', '--json');
  requireEqual('exit', [begun.code, begun.stdout], [143, '']);
  requireUnwritten('unstepped');
  require(begun.stderr, /no step was made: to begin again: sepnn pde [^\n]*--json\n$/.test(begun.stderr));
  stop.stopsAtTest = false;
  const steps = ['--optimisers', 'adam', '--schedule', 'constant', '--steps'];
  const options = [...words.slice(2), ...steps];
  requireEqual('exit', (await sepnn('pde', stopping, ...options, '1', '--out', 'stepped')).code, 0);
  const file = join('stepped', 'plain.safetensors');
  stop.stopsAtTest = true;
  const went = await sepnn('pde', stopping, ...options, '2', '--out', 'unstepped', '--resume', file);
  requireEqual('exit', went.code, 143);
  require(went.stderr, /stopped at step 1 of 2: to go on: [^\n]*--resume stepped.plain.safetensors\n$/.test(
    went.stderr,
  ));
});

test('a file whose reports are no curve is not gone on from', async () => {
  const { state, training } = await readProblemFile(join(folder, 'drawn', 'plain.safetensors'));
  const [report] = training.reports as readonly object[];
  const cases: readonly (readonly [unknown, string])[] = [
    [7, '7'],
    [[5, null], 'damaged: entry 1 is 5'],
    [[{ ...report, step: 1e9 }], 'damaged: entry 1 has step 1000000000'],
    [[report, report], 'damaged: entry 2 has step 0'],
    [[{ ...report, turn: 1 }], 'damaged: entry 1 has step 0 and turn 1'],
    [
      [
        { ...report, step: state.step },
        { ...report, step: state.step, turn: 2 },
      ],
      'damaged: entry 2 has step 3 and turn 2',
    ],
    [[{ ...report, seconds: 'x' }], 'damaged: entry 1 has seconds "x"'],
    [[{ ...report, relativeL2: 'x' }], 'damaged: entry 1 has relativeL2 "x"'],
    [[{ ...report, losses: [1] }], 'damaged: entry 1 has losses a list'],
  ];
  for (const [reports, message] of cases) {
    await writeProblemFile(join(folder, 'reports.safetensors'), { state, training: { ...training, reports } });
    const line = new RegExp(
      `^sepnn: model reports.safetensors: its reports are ${message}: give a file that sepnn pde`,
    );
    await requireRefused([[[...small, '--resume', 'reports.safetensors'], line]], args => sepnn(...args));
  }
});

test('a file that a bit is turned over in, or that has more steps than are asked for, is not gone on from', async () => {
  const made = await reportOf('--steps', '3', '--out', 'turned');
  const file = made.files.plain;
  const before: Refusal = [
    [...small, '--steps', '2', '--out', 'turned', '--resume', file],
    /^sepnn: --steps 2: turned\/plain\.safetensors has made 3 steps: ask for as many, or for more\n$/,
  ];
  await requireRefused([before], args => sepnn(...args));
  const bytes = readFileSync(join(folder, file));
  for (const [at, what] of [
    [bytes.length - 40, 'tensor [a-zA-Z.]+'],
    [bytes.indexOf('width') + 8, 'its metadata'],
  ] as const) {
    bytes[at] ^= 1;
    writeFileSync(join(folder, 'turned', 'off.safetensors'), bytes);
    bytes[at] ^= 1;
    const line = new RegExp(
      `^sepnn: model turned/off\\.safetensors: ${what} has another sum than when it was written: `,
    );
    const on = [...small, '--steps', '4', '--out', 'turned', '--resume', 'turned/off.safetensors'];
    const drawn = ['render', 'turned/off.safetensors', ...adapter];
    await requireRefused(
      [on, drawn].map((args): Refusal => [args, line]),
      args => sepnn(...args),
    );
  }
});

test('a file of pde that says of itself what it is not is refused by render', async () => {
  const path = join(folder, 'drawn', 'plain.safetensors');
  const saved = await readProblemFile(path);
  const cases: [Readonly<Record<string, unknown>>, RegExp][] = [
    [{ problem: 'stokes' }, /there is no such problem/],
    [{ network: 'gated' }, /parameters: \d+ numbers, and its networks have \d+/],
    [{ width: 'wide' }, /width: "wide"/],
    [{ activation: 'relu' }, /activation relu: use tanh, sine, cosine/],
    [{ points: [5, -1] }, /points: -1/],
  ];
  for (const [change, message] of cases) {
    await writeProblemFile(join(folder, 'changed.safetensors'), {
      ...saved,
      training: { ...saved.training, ...change },
    });
    await requireRefused([[['render', 'changed.safetensors'], message]], args => sepnn(...args, ...adapter));
  }
});

test('shampoo along a cosine trains where nothing else is typed, and adam where a rate is', async () => {
  const words = 'pde heat --points 5 --width 8 --rank 3 --test-points 5 --steps 2'.split(' ');
  const tiny = [...words, ...adapter];
  const waysOf = async (...more: string[]) => {
    const { code, stdout } = await sepnn(...tiny, ...more, '--out', 'usual', '--json');
    requireEqual('exit', code, 0);
    const { runs, settings } = JSON.parse(stdout) as PdeReport;
    return [runs.map(({ optimiser }) => optimiser), settings.schedule];
  };
  requireEqual('by itself', await waysOf(), [['shampoo'], 'cosine']);
  const goingOn = ['--schedule', 'constant', '--resume', join('usual', 'plain-shampoo.safetensors')];
  const { code, stderr } = await sepnn(...tiny, ...goingOn, '--out', 'constant');
  requireEqual('exit of another schedule', code, 2);
  require(stderr, /^sepnn: --resume [^\n]*with --schedule cosine, [^\n]* give --schedule cosine\n$/.test(stderr));
  requireEqual('a schedule', await waysOf('--schedule', 'linear'), [['shampoo'], 'linear']);
  requireEqual('a rate', await waysOf('--lr', '1e-3'), [['adam'], 'constant']);
});

test('paths stand apart from names of any length, below each other', () => {
  const lines = fileLines({ 'plain, u': 'a', 'plain-seppgd, slice of u': 'b' }, 24);
  requireEqual('lines', lines, ['plain, u:                 a', 'plain-seppgd, slice of u: b']);
});

test('a loss that diverges ends with exit 1, names the grid and says that nothing is kept where no report came before', async () => {
  const wild = ['--activation', 'sine', '--omega', '2000', '--lr', '10', '--steps', '40', '--out', 'wild'];
  const { code, stderr } = await sepnn(...small, ...wild, '--json');
  requireEqual('exit', code, 1);
  require(`"${stderr}"`, /^sepnn: the loss became .* at step \d+: .*equations.* diverged; nothing is kept: lower/.test(
    stderr,
  ));
});

test('what a disk does not take is told all the same', async () => {
  mkdirSync(join(folder, 'full', 'step.svg', 'in the way'), { recursive: true });
  const { code, stdout, stderr } = await sepnn(...small, '--steps', '1', '--out', 'full', '--json');
  requireEqual('exit', code, 1);
  require(stderr, /^sepnn: full\/step\.svg: cannot be written [^\n]*\n$/.test(stderr));
  requireEqual('told', (JSON.parse(stdout) as PdeReport).runs[0].steps, 1);
});

test('a state that a disk does not take ends no training: it is kept elsewhere, told of, and gone on from', async () => {
  mkdirSync(join(folder, 'part', 'plain-muon.safetensors', 'in the way'), { recursive: true });
  const both = ['--optimisers', 'adam,muon', '--save-every', '0', '--out', 'part', '--json', '--steps'];
  const { code, stdout, stderr } = await sepnn(...small, ...both, '2');
  requireEqual('exit', code, 1);
  const why = 'sepnn: part/plain-muon\\.safetensors: cannot be written \\([^\\n]*\\)';
  const where = 'the state of step (\\d) is in (\\S+/sepnn-rescue-\\S+)';
  const goesOn = `${why}: ${where}, and training goes on\\n`;
  const words = new RegExp(`^${goesOn}${why}: ${where}: to go on: sepnn pde heat (.*) --resume \\4\\n$`).exec(stderr);
  requireEqual(`"${stderr}": step`, words?.[3], '2');
  const told = JSON.parse(stdout) as PdeReport;
  requireEqual(
    'told',
    told.runs.map(({ name, steps }) => [name, steps]),
    [
      ['plain', 2],
      ['plain-muon', 2],
    ],
  );
  requireEqual('written', JSON.parse(readFileSync(join(folder, 'part', 'results.json'), 'utf8')), told);
  const rescue = words?.[4] as string;
  const on = await reportOf('--optimisers', 'muon', '--steps', '3', '--out', 'rescued', '--resume', rescue);
  requireEqual('steps', on.runs[0].steps, 3);
  rmSync(rescue);
});

const lost = 'sepnn: the GPU device was lost \\(destroyed\\): ';
const goesOn = (file: string) => `to go on from what was saved last: sepnn pde heat .* --resume ${file}`;

test('where a device is lost, a run goes on from what was saved last on another, to the same bits', async () => {
  const words = ['--steps', '1500', '--report-every', '50', '--save-every', '0', '--json'];
  const file = 'relived/plain.safetensors';
  const again = await spawnedWithDoomedDevice(30, join(folder, file), ...small, ...words, '--out', 'relived');
  requireEqual('exit', again.code, 0);
  const step = Number(new RegExp(`^${lost}once more on another, from step (\\d+)\n$`).exec(again.stderr)?.[1]);
  require(again.stderr, step >= 0 && step < 1500); // NaN where another line was told
  const whole = await reportOf(...words, '--out', 'unharmed');
  const curveOf = ({ runs: [{ curve }] }: PdeReport) => curve.map(({ seconds: _, ...point }) => point);
  requireEqual('curve', curveOf(JSON.parse(again.stdout) as PdeReport), curveOf(whole));
  const [other, own] = [file, 'unharmed/plain.safetensors'].map(path => readProblemFile(join(folder, path)));
  requireBits('parameters', (await other).state.parameters, (await own).state.parameters);
});

test('where two devices are lost, the command to go on from what was saved last is told', async () => {
  const file = 'lost/plain.safetensors';
  const { code, stdout, stderr } = await spawnedWithDoomedDevices(
    ...([2, 20, join(folder, file)] as const),
    ...small,
    ...['--steps', '100000', '--save-every', '0', '--out', 'lost', '--json'],
  );
  requireEqual('exit', [code, stdout], [1, '']);
  require(`"${stderr}"`, new RegExp(`^${lost}once more on another, from step \\d+\n${lost}${goesOn(file)}\n$`).test(
    stderr,
  ));
  const { step } = (await readProblemFile(join(folder, file))).state;
  const on = await reportOf('--steps', String(step + 1), '--out', 'found', '--resume', file);
  requireEqual('steps', on.runs[0].steps, step + 1);
});

test('where devices are lost within turns through the last layers, the turns before are kept', async () => {
  const file = 'lostTurn/plain-adam-last-layers-1000.safetensors';
  const turns = ['--optimisers', 'adam:last-layers=1000', '--steps', '2', '--out', 'lostTurn', '--json'];
  const until = { file: join(folder, file), holds: 'turn\\":' }; // a name in JSON that is within JSON
  const { code, stdout, stderr } = await spawnedWithDoomedDevices(2, 20, until, ...small, ...turns);
  requireEqual('exit', [code, stdout], [1, '']);
  require(`"${stderr}"`, new RegExp(`^${lost}once more on another, from step 2\n${lost}${goesOn(file)}\n$`).test(
    stderr,
  ));
  const { state, training } = await readProblemFile(join(folder, file));
  const { turn } = (training.reports as readonly { turn?: number }[]).at(-1) ?? {};
  require(`step ${state.step}, turn ${turn}`, state.step === 2 && turn !== undefined && turn < 1000);
}, 60);

function optionsOf(words: readonly string[]): PdeOptions {
  const command = addPdeOptions(new Command('pde')).parse([...words], { from: 'user' });
  return settled(command.opts<PdeOptions>(), option => command.getOptionValueSource(option) === 'cli');
}

test('the command line that goes on with a stopped run asks for it alone, along its own course', () => {
  for (const words of [
    'heat',
    'heat --networks plain,gated',
    'heat --optimisers muon:last-layers=3:damping=1e-6,adam',
    'heat --networks plain,gated --optimisers adam:rate=2e-3,shampoo:schedule=cosine:steps=30 --schedule linear',
    'heat --preset paper --schedule cosine',
    'heat --optimisers adam:rate=2e-3,shampoo --lr 1e-3 --steps 9',
    'heat --optimisers adam,muon --resume old.safetensors --redraw 0 --preconditioners none,residual:top-k=2',
  ]) {
    const options = optionsOf(words.split(' '));
    for (const way of waysOf(options)) {
      const file = join(options.out, `${way.name}.safetensors`);
      const line = goingOn(['pde', ...words.split(' ')], way, options, file);
      const again = optionsOf(line.split(' ').slice(2));
      const [own, ...more] = waysOf(again);
      requireEqual(line, [own.name, courseOf(own, again), more.length], [way.name, courseOf(way, options), 0]);
      requireEqual(line, again.resume, file);
      const idle = idleIn(again, pdeNeeds).filter(name => flagsOf(name).some(flag => line.includes(`${flag} `)));
      requireEqual(line, idle, []);
    }
  }
});

test('a grid, networks or preconditioners that cannot be are refused before a device is opened', async () => {
  const cases: Refusal[] = [
    [['klein-gordon-4d', '--test-points', '1024'], /--test-points 1024: klein-gordon-4d has 4 axes: use 90 or fewer/],
    [
      ['helmholtz', '--width', '65536', '--rank', '65536'],
      /--rank 65536 --width 65536 --depth 4: \d+ parameters: use less/,
    ],
    [['heat-6d', '--points', '64'], /--points 64,64,64,64,64,64: 68719476736 points in all: use 1073741824 or fewer/],
    [
      ['heat', '--optimisers', 'adam:rate=1e-3,muon:rate=1e-2', '--lr', '0.1'],
      /--learning-rate 0\.1: each of --optimisers has its own: leave it out$/m,
    ],
    [['heat', '--optimisers', 'adam:steps=5', '--steps', '9'], /--steps 9: each of --optimisers has its own: leave/],
    [['heat-6d', '--test-points', '21'], /--test-points 21: heat-6d has 6 axes: use 20 or fewer/],
    [
      ['navier-stokes-3d', '--redraw', '0', '--preconditioners', 'none,residual'],
      /--preconditioners residual: navier-stokes-3d has \d equations of 3 fields: it takes one of one field: leave it out/,
    ],
    [
      ['heat', '--redraw', '0', '--preconditioners', 'none,seppgd', '--networks', 'plain,gated'],
      /--preconditioners seppgd: takes conditions on the values of one field of plain networks, and initial of heat is/,
    ],
  ];
  await requireRefused(cases, args => sepnn('pde', ...args, ...adapter, '--out', 'unheld'));
  requireUnwritten('unheld');
});
