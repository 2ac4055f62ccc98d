/** `sepnn reproduce`: tables of runs, what they write, and images of a given rank. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import type { ReproduceReport } from '../../src/cli/reproduce/command.js';
import { truncateRank } from '../../src/experiments/paper/lowRank.js';
import { scaleNames, scales, type Table, tables } from '../../src/experiments/paper/tables.js';
import { adapter, folder, picture, type Refusal, requireRefused, requireUnwritten, sepnn } from '../helpers/command.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('reproduce');

test('reproduce trains four runs a row, each setting once, and writes CSV, SVG and JSON of the same numbers', async () => {
  const image = await picture('reproduced.png', 12, 12);
  const options = ['--scale', 'tiny', '--steps', '3', '--seeds', '1,2', '--out', 'tables', ...adapter];
  const { code, stdout, stderr } = await sepnn(
    ...['reproduce', 'modulation', 'inpainting', '--image', image],
    ...options,
    '--json',
  );
  requireEqual('exit', [code, stderr], [0, '']);
  const report = JSON.parse(stdout) as ReproduceReport;
  requireEqual('seeds', [report.seeds, report.setting.steps], [[1, 2], 3]);
  requireEqual(
    'tables',
    report.tables.map(({ name, rows, figure }) => [name, rows.length, figure]),
    [
      ['modulation', 2, 'psnr'],
      ['inpainting', 2, 'psnrHeldOut'],
    ],
  );
  for (const { name, rows, files } of report.tables) {
    const lines = readFileSync(join(folder, files.csv), 'utf8').trimEnd().split('\n');
    requireEqual('lines', lines.length, 1 + rows.length);
    requireEqual(
      'head',
      lines[0].split(',').slice(1),
      'plain,plainBestRate,sepPgd,product,bestRate,plainPeak,plainBestRatePeak,sepPgdPeak,productPeak,paperPlain,paperSepPgd'.split(
        ',',
      ),
    );
    rows.forEach(({ name: row, runs }, i) => {
      requireEqual('runs', Object.keys(runs), ['plain', 'plainBestRate', 'sepPgd', 'product']);
      for (const { last, peak, samples } of Object.values(runs)) {
        requireEqual(
          'samples',
          samples.map(({ seed }) => seed),
          [1, 2],
        );
        requireClose('median', [last], [(samples[0].last + samples[1].last) / 2], { relative: 1e-12 });
        require('peak', samples.every(sample => sample.peak >= sample.last && sample.peakStep <= 3) && peak >= last);
      }
      require('the best is no worse', runs.plainBestRate.last >= runs.plain.last);
      const { plain, plainBestRate, sepPgd, product } = runs;
      require('others differ', new Set([plain.last, sepPgd.last, product.last]).size === 3);
      const cells = [plain, plainBestRate, sepPgd, product].map(({ last }) => last.toFixed(2));
      require(`${row}: ${lines[i + 1]}`, lines[i + 1].endsWith(',,') && lines[i + 1].includes(`,${cells.join(',')},`));
    });
    const svg = readFileSync(join(folder, files.svg), 'utf8');
    require('plot', svg.startsWith('<svg') && svg.includes('SepPGD, product') && svg.includes(rows[1].name));
    const kept = JSON.parse(readFileSync(join(folder, files.json), 'utf8')) as ReproduceReport;
    requireEqual(
      name,
      kept.tables,
      report.tables.filter(one => one.name === name),
    );
  }
  const [flat, sqrt] = report.tables[0].rows.map(({ runs }) => runs);
  requireEqual('a plain run is the same in both rows', sqrt.plain, flat.plain);
  require('SepPGD is not', sqrt.sepPgd.last !== flat.sepPgd.last);
  requireEqual('nothing half-written', readdirSync(join(folder, 'tables')).length, 6);
}, 240);

test('reproduce refuses what it cannot run with exit 2 and one line, and writes nothing', async () => {
  const image = await picture('refused.png', 12, 12);
  const cases: Refusal[] = [
    [['colours'], /TABLE colours: use image, k, rank, width, refresh, activation, modulation, noise, data-rank/],
    [[], /missing required argument 'tables'/],
    [['k', '--scale', 'huge'], /--scale huge: use tiny, small, paper/],
    [['k', '--seeds', '1,1'], /--seeds 1,1: names one twice: name each once/],
    [['k', '--seeds', '1,x'], /--seeds x: use a whole number from 0/],
    [['k', '--steps', '0'], /--steps 0: use a whole number from 1/],
    [['k', '--image', join(folder, 'none.png')], /none\.png: cannot be read/],
    [['k', '--image', image, '--out', '/proc/nowhere'], /--out \/proc\/nowhere: cannot be written/],
  ];
  await requireRefused(cases, args => sepnn('reproduce', ...adapter, '--out', 'nothing', ...args));
  requireUnwritten('nothing');
});

test('every table has rows of different names at every scale, none with more eigenpairs than points', () => {
  for (const [name, { rows }] of Object.entries<Table>(tables)) {
    for (const scale of scaleNames) {
      const names = rows[scale].map(row => row.name);
      require(`${name}, ${scale}: ${names}`, names.length >= 2 && new Set(names).size === names.length);
      for (const { change } of rows[scale]) {
        const { topK, points } = { ...scales[scale], ...change };
        require(`${name}, ${scale}: k = ${topK} of ${points}`, topK <= points);
      }
    }
  }
});

test('truncated planes have the rank, and are off by the singular values that are left out and no more', () => {
  for (const [height, width, rank] of [
    [9, 14, 3],
    [14, 9, 5],
    [6, 6, 6],
  ]) {
    const planes = Float32Array.from(randoms(2 * height * width));
    const truncated = truncateRank(planes, { width, height }, rank);
    for (const plane of [0, 1]) {
      const of = (values: Float32Array) =>
        Matrix.from1DArray(height, width, [...values.subarray(plane * height * width, (plane + 1) * height * width)]);
      const [before, after] = [planes, truncated].map(of);
      const values = (matrix: Matrix) => new SingularValueDecomposition(matrix, { autoTranspose: true }).diagonal;
      const all = values(before);
      const off = Matrix.sub(before, after).norm('frobenius');
      requireClose('off', [off], [Math.hypot(0, ...all.slice(rank))], { absolute: 1e-5 });
      requireClose('kept', values(after).slice(0, rank), all.slice(0, rank), { absolute: 1e-5 });
    }
  }
});
