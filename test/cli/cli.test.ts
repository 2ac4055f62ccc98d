/** The command as a user runs it: what it prints, what it writes, and how it refuses. */

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { kernelFiles } from '../../scripts/kernels.js';
import type { SelfTest } from '../../src/cli/doctor/selfTest.js';
import type { FitReport } from '../../src/cli/fit/command.js';
import { addFitOptions, type FitOptions } from '../../src/cli/fit/options.js';
import type { RenderReport } from '../../src/cli/render/command.js';
import { Command } from '../../src/cli/vendor.js';
import { readModel, writeModel } from '../../src/io/model/modelFile.js';
import { architecture } from '../../src/model/architecture.js';
import { cp } from '../../src/model/contraction/cp.js';
import { grid } from '../../src/model/domain/grid.js';
import { defineModel, initialParameters } from '../../src/model/model.js';
import {
  adapter,
  folder,
  picture,
  type Refusal,
  requireRefused,
  requireUnwritten,
  root,
  runCommand,
  sepnn,
  spawnedSepnn,
} from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('command');
const { version: packageVersion } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

/** What the table would choose, and the tests of other things do not depend on. */
const chosen = ['--optimiser', 'adam', '--lr', '1e-4', '--schedule', 'constant', '--combine', 'sum'];
const quick = [...chosen, '--rank', '12', '--width', '12', '--steps', '40', '--report-every', '20', ...adapter];
const small = [...quick, '--top-k', '4'];
const runFields = [
  ...[
    'curve',
    'ended',
    'gpuBytes',
    'loss',
    'msPerStep',
    'mse',
    'preconditioner',
    'psnr',
    'refreshMs',
    'seconds',
    'steps',
  ],
  'topK',
];

let training: Promise<{ readonly image: string; readonly file: string }> | undefined;

/** An image and the model that `fit` made of it, for the tests that only look at one. */
function trained(): NonNullable<typeof training> {
  training ??= (async () => {
    const image = await picture('trained.png', 24, 20);
    const { code, stderr } = await sepnn('fit', image, ...small, '--json', '--out', 'trained');
    requireEqual('exit', [code, stderr], [0, '']);
    return { image, file: 'trained/model.safetensors' };
  })();
  return training;
}

test('fit --compare --json prints one object with everything in it, and writes what it names', async () => {
  const image = await picture('colours.png', 24, 20);
  const { code, stdout, stderr } = await spawnedSepnn('fit', image, ...small, '--compare', '--json', '--out', 'first');
  requireEqual('exit', [code, stderr], [0, '']);
  const report = JSON.parse(stdout) as FitReport;
  requireEqual('stdout', stdout, `${JSON.stringify(report)}\n`);
  const fields = ['adapter', 'shape', 'channels', 'settings', 'choice', 'runs', 'files'];
  requireEqual('fields', Object.keys(report), fields);
  requireEqual('shape', [report.shape, report.channels], [[20, 24], 3]);
  requireEqual('adapter', Object.keys(report.adapter).sort(), ['architecture', 'description', 'kind', 'vendor']);
  requireEqual(
    'runs',
    report.runs.map(run => run.preconditioner),
    ['none', 'seppgd'],
  );
  for (const run of report.runs) {
    requireEqual('fields of a run', Object.keys(run).sort(), runFields);
    requireEqual('fields of topK', Object.keys(run.topK), ['asked', 'chosen', 'used', 'resolved']);
    requireEqual('steps', run.steps, 40);
    requireEqual(
      'steps of the curve',
      run.curve.map(([step]) => step),
      [0, 20, 40],
    );
    requireClose('PSNR', [run.psnr, run.curve[2][1]], [10 * Math.log10(1 / run.mse), run.psnr], { absolute: 1e-6 });
    requireClose('loss', [run.loss], [(run.mse * 3 * 480) / 2], { relative: 1e-6 });
    for (const value of [run.seconds, run.msPerStep, run.gpuBytes]) require('a cost', value > 0);
    require('it learnt', run.psnr > run.curve[0][1] + 1);
  }
  requireEqual(
    'k',
    report.runs.map(run => run.topK.asked),
    [0, 4],
  );
  require('refresh', report.runs[0].refreshMs === 0 && report.runs[1].refreshMs > 0);
  const { width, height } = await sharp(join(folder, report.files.reconstruction)).metadata();
  requireEqual('pictures beside each other', [width, height], [3 * 24 + 2 * 4, 20]);
  require('curves', readFileSync(join(folder, report.files.curves), 'utf8').startsWith('<svg'));
  requireEqual('metrics', JSON.parse(readFileSync(join(folder, report.files.metrics), 'utf8')), report);
  requireEqual('files', Object.keys(report.files), ['reconstruction', 'curves', 'metrics', 'model']);
  requireEqual('nothing half-written', readdirSync(join(folder, 'first')).length, 4);
});

test('fit prints a table and paths, and a bar on stderr', async () => {
  const image = await picture('gray.jpg', 16, 16);
  const { code, stdout, stderr } = await sepnn('fit', image, ...small, '--gray', '--size', '12x10', '--out', 'second');
  requireEqual('exit', code, 0);
  for (const part of [
    'SepPGD',
    'PSNR dB',
    '12 x 10, 1 channel',
    'second/reconstruction.png',
    'second/model.safetensors',
  ]) {
    require(`"${part}" is missing in ${stdout}`, stdout.includes(part));
  }
  require(`stderr: ${stderr}`, /step 40\/40 \| PSNR [\d.]+ dB/.test(stderr));
});

test('fit --top-k auto says what it chose on stderr, in the table and in the JSON, and goes on with it exactly', async () => {
  const image = await picture('chosen.png', 40, 20);
  const auto = [...quick, '--top-k', 'auto', '--gray'];
  const spoken = await sepnn('fit', image, ...auto, '--out', 'chosen');
  const line = /^sepnn: --top-k auto: (\d+) and (\d+) of 20 and 40 eigenpairs$/m.exec(spoken.stderr);
  require(`stderr: ${spoken.stderr}`, line !== null);
  const chosen = line.slice(1).map(Number);
  require(`${chosen} (auto) in ${spoken.stdout}`, spoken.stdout.includes(`${chosen.join(', ')} (auto)`));
  const run = async (out: string, ...more: string[]) => {
    const { code, stdout, stderr } = await sepnn('fit', image, ...auto, '--json', '--out', out, ...more);
    requireEqual(`${out}: exit`, [code, stderr], [0, '']);
    const [{ topK }] = (JSON.parse(stdout) as FitReport).runs;
    requireEqual('topK', topK, { asked: 'auto', chosen, used: Math.min(...chosen), resolved: topK.resolved });
    return readModel(join(folder, out, 'model.safetensors'));
  };
  await run('chosen-half', '--steps', '20');
  const rest = await run('chosen-rest', '--resume', 'chosen-half/model.safetensors');
  const whole = await readModel(join(folder, 'chosen', 'model.safetensors'));
  requireClose('parameters', rest.state.parameters, whole.state.parameters, {});
});

test('fit --mask reports held-out pixels, --noise judges by the clean image, both with the same seed twice', async () => {
  const image = await picture('masked.png', 20, 20);
  const options = [...small, '--mask', '0.3', '--noise', '0.1', '--gray', '--json'];
  const runs = await Promise.all(['a', 'b'].map(out => sepnn('fit', image, ...options, '--out', out)));
  const [first, second] = runs.map(({ stdout }) => JSON.parse(stdout) as FitReport);
  const [run] = first.runs;
  requireEqual('fields of a run', Object.keys(run).sort(), [...runFields, 'curveHeldOut', 'psnrHeldOut'].sort());
  require('held out', Number.isFinite(run.psnrHeldOut) && run.psnrHeldOut !== run.psnr);
  require('the loss holds the noise too', run.loss > (run.mse * 280) / 2);
  requireEqual('the same twice', second.runs[0].curve, run.curve);
});

test('fit --resume goes on exactly: 20 steps and 20 more, of another process, are 40', async () => {
  const image = await picture('resumed.png', 24, 20);
  const run = async (command: typeof sepnn, out: string, ...more: string[]) => {
    const { code, stderr } = await command('fit', image, ...small, '--json', '--out', out, ...more);
    requireEqual(`${out}: exit`, [code, stderr], [0, '']);
    return readModel(join(folder, out, 'model.safetensors'));
  };
  const whole = await run(sepnn, 'whole');
  await run(sepnn, 'half', '--steps', '20');
  const rest = await run(spawnedSepnn, 'rest', '--resume', 'half/model.safetensors');
  requireEqual('step', rest.state.step, 40);
  requireClose('parameters', rest.state.parameters, whole.state.parameters, {});
});

test('where an optional package is not installed, one line says which, and what does without it still runs', async () => {
  const image = await picture('unread.png', 16, 16);
  cpSync(`${root}dist`, join(folder, 'bare'), { recursive: true });
  const program = join(folder, 'bare', 'cli.js');
  const version = await runCommand(program, ['--version']);
  requireEqual('version', [version.code, version.stdout], [0, `${packageVersion}\n`]);
  const fit = await runCommand(program, ['fit', image, ...small]);
  requireEqual('fit: code', fit.code, 2);
  require(`fit: ${fit.stderr}`, /^sepnn: images need the package sharp .*: npm install sharp\n$/.test(fit.stderr));
  const bench = await runCommand(program, ['bench', '--against', 'none', '--adapter', 'auto']);
  requireEqual('bench: code', bench.code, 1);
  require(`bench: ${bench.stderr}`, /^sepnn: the package webgpu .*: npm install webgpu\n$/.test(bench.stderr));
  const doctor = await runCommand(program, ['doctor']);
  requireEqual('doctor: code', [doctor.code, doctor.stdout], [1, '']);
  require(`doctor: ${doctor.stderr}`, /^sepnn: the package webgpu .*: npm install webgpu\n$/.test(doctor.stderr));
});

test('bad input ends with exit 2 and one line that names it, the value and the remedy, and writes nothing', async () => {
  const image = await picture('good.png', 16, 16);
  const one = await picture('one.png', 1, 1);
  const write = (name: string, data: string | Uint8Array) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  const empty = write('empty.png', '');
  const text = write('text.png', 'no image');
  const png = readFileSync(image);
  const cut = write('cut.png', png.subarray(0, png.length - 40));
  const jpeg = await picture('whole.jpg', 64, 64);
  const cutJpeg = write('cut.jpg', readFileSync(jpeg).subarray(0, 600));
  const enormous = await sharp({
    create: { width: 20_000, height: 20_000, channels: 3, background: 'red' },
    limitInputPixels: false,
  })
    .png()
    .toFile(join(folder, 'huge.png'))
    .then(() => join(folder, 'huge.png'));
  const cases: Refusal[] = [
    [[join(folder, 'missing.png')], /missing\.png: cannot be read \(there is no such file/],
    [[folder], /cannot be read|it is a folder/],
    [[empty], /empty\.png: is empty/],
    [['/dev/null'], /image \/dev\/null: is a pipe or a device: write it to a file first$/m],
    [[text], /text\.png: is no image that can be read: give a PNG, JPEG, WebP/],
    [[cut], /cut\.png: is damaged or cut short/],
    [[cutJpeg], /cut\.jpg: is damaged or cut short/],
    [[one], /one\.png: has 1 x 1 pixels: use one of 2 x 2 or more/],
    [[enormous], /huge\.png: has 20000 x 20000 pixels: use one of at most 64 million/],
    [[image, '--top-k', 'automatic'], /--top-k automatic: use a whole number from 1 to 16384, or auto$/m],
    [[image, '--top-k', '17'], /--top-k 17: the shorter axis has 16 points: use 1 to 16/],
    [
      [image, '--rank', '60000', '--width', '60000'],
      /--rank 60000 --width 60000.*bytes, and the adapter binds at most \d+: use less/,
    ],
    [[image, '--parameters', '1000M'], /--parameters 1000000000: the parameters take \d+ bytes.*: use less/],
    [[image, '--rank', '3,4'], /--rank 3,4: 2 numbers for --model cp: give one$/m],
    [[image, '--model', 'tt', '--rank', '3,4'], /--rank 3,4: 2 numbers for --model tensor-train: give one$/m],
    [[image, '--model', 'tucker', '--rank', '3,4,5'], /--rank 3,4,5: 3 numbers for --model tucker: give one, or 2$/m],
    [[image, '--model', 'tucker', '--rank', '3,,5'], /--rank 3,,5: use a whole number from 1 to 65536, or several/],
    [[image, '--model', 'tucker', '--rank', '60000'], /60000, 60000 make a core of 3600000000 numbers/],
    [
      [image, '--model', 'tt', '--channels', 'shared'],
      /--channels shared with --model tensor-train: only cp models share: use/,
    ],
    [[image, '--channels', 'mixed'], /--channels mixed: use apart, shared/],
    [[image, '--decoder', '0'], /--decoder 0: use a whole number from 1 to 4096/],
    [[image, '--decoder-activation', 'sine'], /--decoder-activation sine: there is no decoder: give --decoder 64 too/],
    [[image, '--decoder', '8', '--decoder-activation', 'tanh'], /--decoder-activation tanh: use relu, sine/],
    [[image, '--model', 'tucker', '--decoder', '8'], /--decoder 8 with --model tucker: only cp models have products/],
    [[image, '--series', '6', '--fourier', '2'], /--series 6 with --fourier 2: leave one of them out/],
    [[image, '--series', '6', '--model', 'mlp'], /--series 6 with --model joint-network: it encodes one coordinate/],
    [[image, '--interleave', '2,17'], /--interleave 2,17: axis 1 has 16 points: use 1 to 16$/m],
    [[image, '--model', 'tree'], /--model tree: use cp, tensor-train, tucker/],
    [[image, '--out', '/proc/nowhere'], /--out \/proc\/nowhere: cannot be written/],
    [[image, '--out', text], /--out .*text\.png: cannot be written/],
    [[image, '--matrix-units'], /--matrix-units: the adapter .* lacks \w.*: leave it out, or use another/],
    [[image, '--adapter', 'gpu'], /--adapter gpu: use auto, hardware, software, embedded/],
    [[image, '--resume', text], /model .*text\.png: is of another kind: claims a header/],
    [[image, '--resume', join(folder, 'none')], /model .*none: cannot be read/],
    [[image, '--compare', '--resume', text], /--resume with --compare/],
    [[image, '--unknown'], /unknown option '--unknown'/],
    [[], /missing required argument 'image'/],
  ];
  for (const option of ['rank', 'width', 'depth', 'steps', 'refresh', 'report-every', 'top-k', 'size', 'series']) {
    for (const value of ['-1', '0', '1.5', '1e99', 'x'])
      cases.push([[image, `--${option}`, value], new RegExp(`--${option} ${value}: use`)]);
  }
  for (const option of ['lr', 'learning-rate', 'omega', 'fourier', 'mask', 'noise']) {
    const name = option === 'lr' ? 'learning-rate' : option;
    for (const value of ['-1', '0', '1e99', 'x', 'NaN'])
      cases.push([[image, `--${option}`, value], new RegExp(`--${name} ${value}: use a number`)]);
  }
  for (const value of ['-1', '1e99', 'x'])
    cases.push([[image, '--weight-decay', value], /--weight-decay .*: use a number from 0/]);
  for (const value of ['-1', '1.5', '4294967296'])
    cases.push([[image, '--seed', value], /--seed .*: use a whole number from 0/]);
  await requireRefused(cases, args => sepnn('fit', ...adapter, '--out', 'refused', ...args));
  const { code, stdout, stderr } = await spawnedSepnn('fit', image, '--rank', '0', '--out', 'refused');
  requireEqual('as a process: exit', [code, stdout], [2, '']);
  requireEqual('stderr', stderr, 'sepnn: --rank 0: use a whole number from 1 to 65536, or several such as 20,30\n');
  requireUnwritten('refused');
});

test('fit --model tt and tucker compare, train in colour, go on exactly from their files, and not from each other', async () => {
  const image = await picture('kinds.png', 24, 20);
  const runs: readonly (readonly string[])[] = [
    ['tt', '11'],
    ['tucker', '7,9'],
  ];
  for (const [kind, rank] of runs) {
    const run = (out: string, ...more: string[]) =>
      sepnn('fit', image, ...small, '--lr', '1e-3', '--model', kind, '--rank', rank, '--json', '--out', out, ...more);
    const { code, stdout, stderr } = await run(`${kind}-whole`, '--compare');
    requireEqual(`${kind}: exit`, [code, stderr], [0, '']);
    const report = JSON.parse(stdout) as FitReport;
    const name = kind === 'tt' ? 'tensor-train' : kind;
    requireEqual('settings', [report.settings.model, report.channels], [name, 3]);
    for (const { curve } of report.runs) require(`${kind}: ${curve}`, curve[2][1] > curve[0][1] + 1);
    await run(`${kind}-half`, '--steps', '20');
    await run(`${kind}-rest`, '--resume', `${kind}-half/model.safetensors`);
    const [whole, rest] = await Promise.all(
      ['whole', 'rest'].map(out => readModel(join(folder, `${kind}-${out}`, 'model.safetensors'))),
    );
    requireEqual('kind', rest.model.contraction.name, name);
    requireClose('parameters', rest.state.parameters, whole.state.parameters, {});
  }
  const { code, stderr } = await sepnn('fit', image, ...small, '--resume', 'tt-half/model.safetensors');
  requireEqual('exit', code, 2);
  require(stderr, /is another model: its contraction is "tensor-train", and this run's "cp": give --model as for/.test(
    stderr,
  ));
}, 240);

test('fit --channels shared is one model of three outputs: it learns, is drawn by render, and goes on exactly, but not apart', async () => {
  const image = await picture('shared.png', 24, 20);
  const run = (out: string, ...more: string[]) =>
    sepnn('fit', image, ...small, '--lr', '1e-3', '--channels', 'shared', '--json', '--out', out, ...more);
  const { code, stdout, stderr } = await run('shared-whole', '--compare', '--mask', '0.2');
  requireEqual('exit', [code, stderr], [0, '']);
  const report = JSON.parse(stdout) as FitReport;
  requireEqual('channels', [report.channels, report.settings.channels], [3, 'shared']);
  for (const { curve, psnrHeldOut } of report.runs) {
    require(`${curve}`, curve[2][1] > curve[0][1] + 1);
    require('held out', Number.isFinite(psnrHeldOut));
  }
  await run('shared-half', '--mask', '0.2', '--steps', '20');
  await run('shared-rest', '--mask', '0.2', '--resume', 'shared-half/model.safetensors');
  const [whole, rest] = await Promise.all(
    ['whole', 'rest'].map(out => readModel(join(folder, `shared-${out}`, 'model.safetensors'))),
  );
  requireEqual('model', [rest.model.members, rest.model.readout.outputs], [1, 3]);
  requireClose('parameters', rest.state.parameters, whole.state.parameters, {});
  const apart = await run('shared-apart', '--channels', 'apart', '--resume', 'shared-half/model.safetensors');
  requireEqual('exit', apart.code, 2);
  require(apart.stderr, /is another model: its readout is "mixing", and this run's "identity": give --channels and --decoder as/.test(
    apart.stderr,
  ));
  const drawn = await sepnn('render', 'shared-whole/model.safetensors', '--out', 'shared.png', ...adapter);
  requireEqual('render', [drawn.code, drawn.stderr.includes('sepnn:')], [0, false]);
  const pixels = await sharp(join(folder, 'shared.png')).raw().toBuffer();
  const beside = await sharp(join(folder, 'shared-whole', 'reconstruction.png'))
    .extract({ left: 2 * 28, top: 0, width: 24, height: 20 })
    .raw()
    .toBuffer();
  requireEqual('the same picture', Buffer.compare(pixels, beside), 0);
}, 120);

test('fit --decoder is one model of three outputs: it goes on, not with another activation, and is drawn at another size', async () => {
  const image = await picture('decoded.png', 24, 20);
  const series = ['--series', '6', '--depth', '1'];
  const narrow = small.filter((word, i) => word !== '--width' && small[i - 1] !== '--width');
  const run = (out: string, ...more: string[]) =>
    sepnn('fit', image, ...narrow, '--lr', '1e-3', ...series, '--decoder', '7', '--json', '--out', out, ...more);
  const half = await run('decoded', '--decoder-activation', 'sine', '--steps', '20');
  requireEqual('exit', [half.code, half.stderr], [0, '']);
  const { settings } = JSON.parse(half.stdout) as FitReport;
  requireEqual('settings', [settings.channels, settings.decoder, settings.decoderActivation], ['shared', 7, 'sine']);
  const file = 'decoded/model.safetensors';
  const rest = await run('decoded-rest', '--decoder-activation', 'sine', '--resume', file);
  requireEqual('exit', [rest.code, rest.stderr], [0, '']);
  const [{ curve }] = (JSON.parse(rest.stdout) as FitReport).runs;
  require(`${curve}`, curve[1][0] === 40 && curve[1][1] > curve[0][1]);
  const other = await run('decoded-relu', '--decoder-activation', 'relu', '--resume', file);
  const message =
    /is another model: its readout's activation is "sine", and this run's "relu": give --decoder-activation/;
  require(other.stderr, other.code === 2 && message.test(other.stderr));
  const drawn = await sepnn('render', file, '--size', '48x40', '--out', 'decoded.png', ...adapter);
  requireEqual('render', [drawn.code, drawn.stderr.includes('sepnn:')], [0, false]);
  const { width, height, channels } = await sharp(join(folder, 'decoded.png')).metadata();
  requireEqual('size', [width, height, channels], [48, 40, 3]);
}, 120);

test('a resume file of another model is refused with what differs', async () => {
  const { image, file } = await trained();
  const others: readonly (readonly [words: readonly string[], difference: string])[] = [
    [['--rank', '13'], "its rank is 12, and this run's 13: give --rank as for that file"],
    [['--size', '12'], "its points are [20,24], and this run's [10,12]: give --size as for that file"],
    [['--gray'], "its members are 3, and this run's 1: give --gray and --channels as for that file"],
  ];
  for (const [words, difference] of others) {
    const { code, stderr } = await sepnn('fit', image, ...small, ...words, '--resume', file);
    requireEqual('line', [code, stderr], [2, `sepnn: --resume ${file}: is another model: ${difference}\n`]);
  }
  const done = await sepnn('fit', image, ...small, '--resume', file);
  require(done.stderr, done.code === 2 && /--steps 40: .* has made 40 steps: ask for more$/m.test(done.stderr));
});

test('fit: --lr is --learning-rate, for the options and in the report', async () => {
  const optionsOf = (...words: string[]) => {
    const command = addFitOptions(new Command()).parse(words, { from: 'user' });
    return command.opts<FitOptions>();
  };
  requireEqual('not typed', optionsOf().learningRate, undefined);
  const said = [['--lr', '2e-3'], ['--lr=2e-3'], ['--learning-rate', '2e-3'], ['--learning-rate=2e-3']];
  for (const words of said) {
    const { learningRate, ...others } = optionsOf(...words);
    const { learningRate: _, ...usual } = optionsOf();
    requireEqual(words.join(' '), [learningRate, others], [2e-3, usual]);
  }
  const image = await picture('rates.png', 12, 10);
  const brief = [...quick, '--steps', '2', '--gray', '--json', '--out', 'rates'];
  const { code, stdout } = await sepnn('fit', image, ...brief, '--lr', '2e-3');
  requireEqual('exit', code, 0);
  const { settings } = JSON.parse(stdout) as FitReport;
  requireEqual('reported', [settings.learningRate, 'lr' in settings], [2e-3, false]);
});

test('a model file that the command wrote before, in version 1 of the format, is drawn and gone on from as it was then', async () => {
  const image = await picture('version1.png', 12, 10);
  // Beside it lies what it drew then, the image on the left.
  const file = `${root}test/cli/version1.safetensors`;
  // What the command of that time reported at step 20 of this file, and at 30 and 40 of the run that went on from it.
  const then: readonly (readonly [number, number])[] = [
    [20, 9.786410842686035],
    [30, 11.569721625291653],
    [40, 12.943512621206064],
  ];
  const drawn = await render(file, '--out', 'version1-drawn.png');
  requireEqual('drawn', [drawn.shape, drawn.channels], [[10, 12], 3]);
  const own = await sharp(join(folder, 'version1-drawn.png')).raw().toBuffer();
  const area = { left: 16, top: 0, width: 12, height: 10 };
  const before = await sharp(`${root}test/cli/version1.png`).extract(area).raw().toBuffer();
  requireClose('pixels', own, before, { absolute: 1 });
  const options = ['--rank', '4', '--width', '6', '--top-k', '3', '--lr', '1e-3', '--report-every', '10', ...adapter];
  const { code, stdout, stderr } = await sepnn(
    ...['fit', image, ...options, '--steps', '40', '--resume', file, '--json', '--out', 'version1'],
  );
  requireEqual('exit', [code, stderr], [0, '']);
  const [{ curve }] = (JSON.parse(stdout) as FitReport).runs;
  requireEqual(
    'steps',
    curve.map(([step]) => step),
    [20, 30, 40],
  );
  requireClose(
    'PSNR',
    curve.map(([, psnr]) => psnr),
    then.map(([, psnr]) => psnr),
    { relative: 1e-5 },
  );
  const { state } = await readModel(join(folder, 'version1', 'model.safetensors'));
  requireEqual(
    'goes on from there',
    [state.step, state.optimiser?.name, state.preconditioner?.name],
    [40, 'adam', 'seppgd'],
  );
});

test('a loss that becomes infinite or NaN ends with exit 1, says when and what to lower, and keeps the last good model', async () => {
  const image = await picture('diverging.png', 16, 16);
  const options = [...small, '--gray', '--lr', '10', '--steps', '3000', '--activation', 'leaky-relu', '--depth', '9'];
  const { code, stderr, stdout } = await spawnedSepnn('fit', image, ...options, '--json', '--out', 'diverged');
  requireEqual('exit', code, 1);
  require(stderr, /^sepnn: the loss became \S+ at step \d+: lower --learning-rate 10 or --top-k 4; the model of step \d+ was kept$/m.test(
    stderr,
  ));
  const report = JSON.parse(stdout) as FitReport;
  const kept = await readModel(join(folder, 'diverged', 'model.safetensors'));
  requireEqual('step', kept.state.step, report.runs[0].steps);
  require('its numbers are finite', kept.state.parameters.every(Number.isFinite));
  const beside = ['--optimiser', 'muon', '--rest', 'sgd', '--rest-rate', '1000', '--steps', '60'];
  const told = await spawnedSepnn('fit', image, ...small, '--gray', ...beside, '--json', '--out', 'beside');
  require(told.stderr, /: lower --rest-rate or --learning-rate \S+( or --top-k 4)?; the model of/.test(told.stderr));
});

/** A small model of the given grid as a file, as `fit` would leave it. */
async function modelOf(name: string, shape: readonly number[], channels: number): Promise<string> {
  const network = architecture({ width: 6, omega: 4 });
  const model = defineModel({ domain: grid(shape), contraction: cp({ rank: 4 }), network, members: channels });
  const parameters = initialParameters(model, 3).map(x => 1.5 * x);
  const path = join(folder, name);
  const optimiser = { name: 'adam', state: { firstMoment: parameters, secondMoment: parameters } };
  const state = { step: 0, parameters, optimiser };
  await writeModel(path, { model, state, training: {} });
  return path;
}

/** The numbers of an NPY file, and its header's text. */
function arrayOf(name: string): { numbers: Float32Array; header: string } {
  const bytes = readFileSync(join(folder, name));
  const end = 10 + bytes.readUInt16LE(8);
  return {
    numbers: new Float32Array(Uint8Array.from(bytes.subarray(end)).buffer),
    header: bytes.subarray(10, end).toString('latin1'),
  };
}

async function render(...args: string[]): Promise<RenderReport> {
  const { code, stdout, stderr } = await sepnn('render', ...args, '--json', ...adapter);
  requireEqual(`${args.join(' ')}: exit`, [code, stderr], [0, '']);
  return JSON.parse(stdout) as RenderReport;
}

test('render draws what fit drew, and the same pixels in any crop of any grid', async () => {
  const { file } = await trained();
  const report = await render(file);
  requireEqual('report', Object.keys(report), ['adapter', 'shape', 'channels', 'seconds', 'files']);
  requireEqual('what', [report.shape, report.channels, report.files], [[20, 24], 3, { picture: 'render.png' }]);
  const pixels = async (name: string, area = { left: 0, top: 0, width: 24, height: 20 }) => [
    ...(await sharp(join(folder, name)).extract(area).raw().toBuffer()),
  ];
  const drawnByFit = await pixels('trained/reconstruction.png', { left: 28, top: 0, width: 24, height: 20 });
  requireEqual('pixels', await pixels('render.png'), drawnByFit);
  await render(file, '--size', '132x110', '--out', 'new/folder/large.PNG');
  const area = { left: 57, top: 31, width: 24, height: 20 };
  await render(file, '--size', '132x110', '--crop', '57,31,81,51', '--out', 'crop.png');
  requireEqual('crop', await pixels('crop.png'), await pixels('new/folder/large.PNG', area));
  const { code, stdout, stderr } = await sepnn('render', file, '--size', '12x10', ...adapter);
  requireEqual('exit', code, 0);
  require(stdout, /, 12 x 10, 3 channels, [\d.]+ s\npicture: +render\.png\n$/.test(stdout));
  require(stderr, /100% of 120 points/.test(stderr));
});

test('render writes a volume as an array in C order, the channels first, and a slice of it as a picture', async () => {
  const gray = await modelOf('volume.safetensors', [5, 6, 7], 1);
  const report = await render(gray, '--size', '9,4,8');
  requireEqual('what', [report.shape, report.files], [[9, 4, 8], { array: 'render.npy' }]);
  const { numbers, header } = arrayOf('render.npy');
  require(header, header.includes("'shape': (9, 4, 8), "));
  requireEqual('numbers', numbers.length, 288);
  await render(gray, '--size', '9,4,8', '--slice', '1=2', '--out', 'slice.npy');
  const slice = Array.from({ length: 72 }, (_, i) => numbers[Math.floor(i / 8) * 32 + 16 + (i % 8)]);
  requireClose('slice', arrayOf('slice.npy').numbers, slice, {});
  await render(gray, '--size', '9,4,8', '--slice', '1=2', '--crop', '1,2,6,9', '--out', 'slice.png');
  const data = await sharp(join(folder, 'slice.png')).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  requireEqual('size', [data.info.width, data.info.height, data.info.channels], [5, 7, 1]);
  requireEqual('gray', (await sharp(join(folder, 'slice.png')).metadata()).channels, 1);
  const part = [...Array(35).keys()].map(i => slice[(2 + Math.floor(i / 5)) * 8 + 1 + (i % 5)]);
  requireEqual('pixels', [...data.data], [...Uint8ClampedArray.from(part, x => 255 * x)]);
  const two = await modelOf('two.safetensors', [5, 6], 2);
  requireEqual('two channels', (await render(two, '--out', 'two.npy')).files, { array: 'two.npy' });
  const { header: planes, numbers: both } = arrayOf('two.npy');
  require(planes, planes.includes("'shape': (2, 5, 6), ") && both.length === 60);
  await render(two, '--slice', '0=4', '--slice', '1=5', '--out', 'point.npy');
  requireClose('point', arrayOf('point.npy').numbers, [both[29], both[59]], {});
});

test('render refuses what does not fit with exit 2 and one line, and writes nothing', async () => {
  const file = await modelOf('picture.safetensors', [8, 9], 3);
  const volume = await modelOf('volume3.safetensors', [5, 6, 7], 3);
  const gray = await modelOf('gray3.safetensors', [5, 6, 7], 1);
  const two = await modelOf('channels2.safetensors', [5, 6], 2);
  const bytes = readFileSync(file);
  const cut = join(folder, 'cut.safetensors');
  writeFileSync(cut, bytes.subarray(0, bytes.length - 4));
  const cases: Refusal[] = [
    [[], /missing required argument 'model'/],
    [['none.safetensors'], /model none\.safetensors: cannot be read \(there is no such file/],
    [['.'], /model \.: cannot be read \(it is a folder\)/],
    [[cut], /model .*cut\.safetensors: .*: give a whole safetensors file/],
    [[file, '--size', '0'], /--size 0: use N, WxH, or the points of each axis/],
    [[file, '--size', '3x-4'], /--size 3x-4: use/],
    [[file, '--size', '1e3'], /--size 1e3: use/],
    [[file, '--size', '16777217'], /--size 16777217: use/],
    [[file, '--size', '1,2,3'], /--size 1,2,3: the model has 2 axes: give as many numbers, or one/],
    [[volume, '--size', '3x4'], /--size 3x4: the model has 3 axes/],
    [
      [file, '--size', '8193x8192'],
      /8192 x 8193 points of 3 channels are more than 67108864 pixels: use a smaller --size/,
    ],
    [[volume, '--size', '2000'], /2000 x 2000 x 2000 points of 3 channels are more than 2147483648 numbers/],
    [[gray, '--size', '2000'], /points of 1 channel are more than/],
    [[file, '--crop', '1,2,3'], /--crop 1,2,3: use x0,y0,x1,y1/],
    [[file, '--crop', '0,0,x,4'], /--crop 0,0,x,4: use/],
    [[file, '--crop', '0,0,10,8'], /--crop 0,0,10,8: x from 0 to 10: use 0 to 9/],
    [[file, '--crop', '0,4,9,4'], /--crop 0,4,9,4: y from 4 to 4: use 0 to 8, the start before the end/],
    [[volume, '--crop', '0,0,3,4'], /--crop 0,0,3,4: 3 axes take 6 numbers/],
    [[volume, '--slice', '3=0'], /--slice 3=0: the model has axes 0 to 2/],
    [[volume, '--slice', '0=5'], /--slice 0=5: axis 0 has 5 points: use 0 to 4/],
    [[volume, '--slice', '0=-1'], /--slice 0=-1: use axis=index/],
    [[volume, '--slice', '0=1', '--slice', '0=2'], /--slice 0=2: an axis is sliced twice/],
    [[volume, '--out', 'a.png'], /--out a\.png: a picture has 2 axes and 1 or 3 channels, and this has 3 axes/],
    [[two, '--out', 'a.png'], /--out a\.png: .* and this has 2 channels: give an \.npy file/],
    [[file, '--out', 'a.jpg'], /--out a\.jpg: is neither \.png nor \.npy/],
    [[file, '--out', '/proc/a.png'], /--out \/proc: cannot be written/],
    [[file, '--adapter', 'gpu'], /--adapter gpu: use auto/],
  ];
  mkdirSync(join(folder, 'folder.png'));
  cases.push([[file, '--out', 'folder.png'], /--out folder\.png: is a folder: give the name of a file/]);
  const before = readdirSync(folder);
  await requireRefused(cases, args => sepnn('render', ...adapter, ...args));
  requireEqual('files', readdirSync(folder), before);
});

test('doctor says in one line that an adapter has no matrix units', async () => {
  const line = /^sepnn: --matrix-units: the adapter .* lacks .*: leave it out, or use another adapter\n$/;
  await requireRefused([[['--matrix-units'], line]], args => sepnn('doctor', ...adapter, ...args));
  // Of all adapters: a machine may have one with such units, which is then tested.
  const { code, stderr } = await sepnn('doctor', '--matrix-units');
  const isRefused =
    code === 2 && stderr.endsWith('sepnn: --matrix-units: no adapter was found that has them: leave it out\n');
  require(`exit ${code}: ${stderr}`, code === 0 || isRefused);
});

test('doctor tests what it finds, by every kernel that it may take; --case compares, --write writes what the engine computed', async () => {
  const { code, stdout } = await sepnn('doctor', ...adapter, '--json');
  requireEqual('exit', code, 0);
  const { adapters } = JSON.parse(stdout) as { adapters: { found: boolean; tests: SelfTest[] }[] };
  const { found, tests } = adapters[0];
  requireEqual(
    'wrong',
    tests.filter(one => !one.passed),
    [],
  );
  const ran = new Set(tests.flatMap(({ kernels }) => kernels));
  // What an equation makes of its fields is written from the equation itself.
  const files = kernelFiles().filter(path => !/^shared\/|^objective\/residual\//.test(path));
  const missing = files.map(path => basename(path, '.wgsl')).filter(name => !ran.has(name));
  // A processor has subgroups of 4 lanes or of 8 and 16, and takes neither a GPU's schedules nor its Gram-Schmidt.
  require(`found, and run by a family: ${missing.join(', ')}`, found &&
    /^orthonormalisePanels (quad|subgroup) subgroupMatrix workgroup$/.test(missing.toSorted().join(' ')));
  const golden = `${root}test/golden/cp_d2_relu.json`;
  const written = await sepnn('doctor', '--case', golden, '--write', 'result.json', ...adapter);
  requireEqual('exit', written.code, 0);
  const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Record<string, unknown>;
  const names = 'factors output residual loss_value K eigenvalues_desc S P M grad_plain grad_seppgd adam_seppgd_after1';
  requireEqual(
    'missing',
    names.split(' ').filter(name => result[name] === undefined),
    [],
  );
  const compared = await sepnn('doctor', '--case', golden, '--json', ...adapter);
  const { errors } = JSON.parse(compared.stdout) as { errors: Record<string, number> };
  require('errors', errors.K < 1e-5 && errors.grad_seppgd < 1e-4);
  const points = await sepnn('doctor', '--case', `${root}test/golden/nongrid_d2_sin.json`, '--json', ...adapter);
  const { errors: off } = JSON.parse(points.stdout) as { errors: Record<string, number> };
  requireEqual('quantities', Object.keys(off).join(' '), 'factors output residual K S Sr M grad_seppgd');
  require('errors on scattered points', Object.values(off).every(error => error < 1e-4));
  const broken = await sepnn('doctor', '--case', join(folder, 'nothing.json'));
  require(broken.stderr, broken.code === 2 && /--case .*nothing\.json: cannot be read/.test(broken.stderr));
});
