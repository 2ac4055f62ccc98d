/** `sepnn reproduce`: tables of runs beside the paper's numbers, what they write, and how it refuses. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReproduceReport } from '../../src/cli/reproduce/report.js';
import { methodNames } from '../../src/experiments/krr/methods.js';
import type { ColumnName } from '../../src/experiments/paper/columns.js';
import { Runs } from '../../src/experiments/paper/runs.js';
import { tables } from '../../src/experiments/paper/tables.js';
import { writeNpy } from '../../src/io/npy.js';
import { openEngine } from '../../src/public/node.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('reproduce');

test('reproduce trains every column of a row, each setting once, and writes CSV, SVG, JSON and Markdown of the same numbers', async () => {
  const image = await picture('reproduced.png', 12, 12);
  const options = ['--scale', 'tiny', '--steps', '2', '--seeds', '1,2', '--out', 'tables', ...adapter];
  const { code, stdout, stderr } = await sepnn('reproduce', 'modulation', '--image', image, ...options, '--json');
  requireEqual('exit', [code, stderr], [0, '']);
  const report = JSON.parse(stdout) as ReproduceReport;
  requireEqual('seeds', [report.seeds, report.setting.steps], [[1, 2], 2]);
  const [{ name, rows, figure, files }] = report.tables;
  requireEqual('tables', [report.tables.length, name, rows.length, figure], [1, 'modulation', 2, 'psnr']);
  const columns: readonly ColumnName[] = tables.modulation.columns;
  const markdown = readFileSync(join(folder, report.files.markdown), 'utf8');
  const [head, ...lines] = readFileSync(join(folder, files.csv), 'utf8').trimEnd().split('\n');
  const peaks = columns.map(column => `${column}Peak`);
  const papers = ['plainPaper', 'sepPgdPaper'];
  requireEqual('head', head.split(','), ['g', 'paperRow', ...columns, 'plainBestRateRate', ...peaks, ...papers]);
  requireEqual('lines', lines.length, rows.length);
  rows.forEach(({ name: row, runs, paper }, i) => {
    requireEqual('runs', Object.keys(runs), [...columns]);
    for (const { last, peak, samples } of Object.values(runs)) {
      requireEqual(
        'samples',
        samples.map(({ seed }) => seed),
        [1, 2],
      );
      requireClose('median', [last], [(samples[0].last + samples[1].last) / 2], { relative: 1e-12 });
      require('peak', samples.every(sample => sample.peak >= sample.last && sample.peakStep <= 2) && peak >= last);
    }
    const of = (column: ColumnName) => runs[column]?.last ?? Number.NaN;
    require('the best is no worse', of('plainBestRate') >= of('plain'));
    require('others differ', new Set(columns.map(of)).size >= 5);
    requireEqual('the paper', paper, { plain: 26.48, sepPgd: [33.3, 31.58][i] });
    const cells = columns.map(column => of(column).toPrecision(6));
    require(`${row}: ${lines[i]}`, lines[i].includes(`,${cells.join(',')},`));
    const shown = columns.map(column => of(column).toFixed(2));
    const line = markdown.split('\n').find(one => one.startsWith(`| ${row} | ${shown[0]}`)) ?? '';
    const numbers = [...shown, '| 26.48 |', `| ${paper?.sepPgd?.toFixed(2)} |`];
    require(`${row}: ${line} has not ${numbers}`, numbers.every(number => line.includes(number)));
  });
  const svg = readFileSync(join(folder, files.svg), 'utf8');
  require('plot', svg.startsWith('<svg') && svg.includes('SepPGD, product') && svg.includes(rows[1].name));
  const kept = JSON.parse(readFileSync(join(folder, files.json), 'utf8')) as ReproduceReport;
  requireEqual('kept', kept.tables, report.tables);
  const [flat, sqrt] = rows.map(({ runs }) => runs);
  requireEqual('plain and Muon are the same in both rows', [sqrt.plain, sqrt.muon], [flat.plain, flat.muon]);
  require('SepPGD is not', sqrt.sepPgd?.last !== flat.sepPgd?.last);
  const said = report.notRun.join('\n');
  require(said, /^k, Table 2$/m.test(said) && /^surface, Figure 3: give --volume/m.test(said));
  require(said, /^Figure 13: .*`sepnn pde`/m.test(said));
  require('what was not run is told', report.notRun.every(line => markdown.includes(`- ${line}\n`)));
  require(said, /^krr, Figures 2a and 5$/m.test(said) && /^convergence, Figures 6 and 7$/m.test(said));
  requireEqual('nothing half-written', readdirSync(join(folder, 'tables')).length, 4);
}, 240);

test('reproduce convergence draws five methods against steps and seconds, a panel for each noise', async () => {
  const image = await picture('curved.png', 12, 12);
  const options = ['--image', image, '--scale', 'tiny', '--out', 'curved', ...adapter];
  const { code, stdout } = await sepnn('reproduce', 'convergence', ...options);
  requireEqual('exit', code, 0);
  require(stdout, /curved, noise 0 .*\d e?.* ms\)/.test(stdout) && /MLP, MSK .*SepNN, SepPGD/.test(stdout));
  const report = JSON.parse(readFileSync(join(folder, 'curved/convergence.json'), 'utf8')) as ReproduceReport;
  const [{ panels, files }] = report.curves;
  requireEqual(
    'panels',
    panels.map(({ name }) => name),
    ['curved, noise 0', 'curved, noise 0.01'],
  );
  const rows = readFileSync(join(folder, files.csv), 'utf8').trimEnd().split('\n').slice(1);
  requireEqual('rows', rows.length, 2 * 5 * 5);
  for (const { name, lines } of panels) {
    requireEqual(
      'methods',
      lines.map(({ method }) => method),
      methodNames,
    );
    const ends = lines.map(({ method, points }) => {
      requireEqual(
        'steps',
        points.map(({ step }) => step),
        [0, 1, 2, 3, 4],
      );
      require('time goes on', points.every(({ seconds }, i) => i === 0 || seconds > points[i - 1].seconds));
      const { step, seconds, mse } = points[4];
      require(method, rows.includes(`"${name}",${method},${step},${seconds},${mse}`));
      return mse;
    });
    requireEqual('methods differ', new Set(ends).size, 5);
    for (const x of ['step', 'seconds']) {
      const svg = readFileSync(join(folder, files[`${name}, ${x}`]), 'utf8');
      require('plot', svg.startsWith('<svg') && svg.includes('MLP, MSK') && svg.includes(name));
    }
  }
  const markdown = readFileSync(join(folder, report.files.markdown), 'utf8');
  require(markdown, /^\| curved, noise 0\.01 \|( \d\.\d\de[-+]\d+ \([\d.]+ ms\) \|){5}$/m.test(markdown));
});

test('points off the grid and a volume go through every column, judged by MSE and IoU', async () => {
  const volume = join(folder, 'cube.npy');
  const inside = Float32Array.from({ length: 5 * 6 * 4 }, (_, i) => (i % 4 < 2 ? 1 : 0));
  await writeNpy(volume, [5, 6, 4], put => put(0, inside), 'float32');
  const engine = await openEngine({ adapter: adapter[1] as 'embedded' });
  let made = 0;
  const runs = new Runs(engine, { images: [], volumes: [{ path: volume, digest: '' }] }, [0], () => made++);
  for (const [name, trainings] of [
    ['points', 7],
    ['surface', 6],
  ] as const) {
    made = 0;
    const outcomes = Object.entries((await runs.row(tables[name].rows('tiny', 2)[0], tables[name])).runs);
    requireEqual(
      `${name}: columns`,
      outcomes.map(([column]) => column),
      [...tables[name].columns],
    );
    for (const [column, { last }] of outcomes) require(`${name}, ${column}: ${last}`, last >= 0 && last <= 1);
    // The plain run is one of those from which the best rate is taken.
    requireEqual(`${name}: trainings`, made, trainings);
    if (name === 'points') require('columns differ', new Set(outcomes.map(([, { last }]) => last)).size >= 6);
  }
  await engine.dispose();
});

test('reproduce refuses what it cannot run with exit 2 and one line, and writes nothing', async () => {
  const image = await picture('refused.png', 12, 12);
  const cases: Refusal[] = [
    [['colours'], /TABLE colours: use image, k, rank, refresh, activation, width, noise, data-rank, points/],
    [[], /missing required argument 'tables'/],
    [['k', '--scale', 'huge'], /--scale huge: use tiny, small, paper/],
    [['k', '--seeds', '1,1'], /--seeds 1,1: names one twice: name each once/],
    [['k', '--seeds', '1,x'], /--seeds x: use a whole number from 0/],
    [['k', '--steps', '0'], /--steps 0: use a whole number from 1/],
    [['k', '--image', join(folder, 'none.png')], /none\.png: cannot be read/],
    [['k', '--volume', image], /refused\.png: is no NPY file/],
    [['surface'], /^sepnn: surface: no --volume is given: give --volume FILE/],
    [['k', '--image', image, '--out', '/proc/nowhere'], /--out \/proc\/nowhere: cannot be written/],
  ];
  await requireRefused(cases, args => sepnn('reproduce', ...adapter, '--out', 'nothing', ...args));
  requireUnwritten('nothing');
});
