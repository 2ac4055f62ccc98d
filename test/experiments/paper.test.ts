/** The paper's tables as data: its own numbers, how its rows stand at smaller scales, and what each column trains. */

import { Matrix, SingularValueDecomposition } from 'ml-matrix';
import { methodNames } from '../../src/experiments/krr/methods.js';
import { columns } from '../../src/experiments/paper/columns.js';
import { curves } from '../../src/experiments/paper/curves.js';
import { paperImage } from '../../src/experiments/paper/images.js';
import { truncateRank } from '../../src/experiments/paper/lowRank.js';
import type { published } from '../../src/experiments/paper/published.js';
import { Runs } from '../../src/experiments/paper/runs.js';
import { scaleNames } from '../../src/experiments/paper/setting.js';
import { type Table, type TableName, tables } from '../../src/experiments/paper/tables.js';
import type { Engine } from '../../src/graph/engine.js';
import { learningRateAt } from '../../src/optimiser/optimiser.js';
import { require, requireClose, requireEqual } from '../helpers/compare.js';
import { randoms } from '../helpers/random.js';
import { suite } from '../helpers/suite.js';

const test = suite('the paper');

/** As the paper prints them: a head, then lines of numbers. */
const printed: Readonly<Record<Exclude<keyof typeof published, 'figure3'>, string>> = {
  table2: `rows | 30 | 40 | 50 | 60 | 70 | 80 | 90 | 100
    plain | 26.48 | 26.48 | 26.48 | 26.48 | 26.48 | 26.48 | 26.48 | 26.48
    g1 | 26.79 | 26.95 | 29.65 | 33.04 | 33.30 | 34.28 | 34.21 | 34.06
    g2 | 26.92 | 27.70 | 27.91 | 30.81 | 31.58 | 31.74 | 31.95 | 30.23`,
  table3: `rows | 100 | 200 | 300 | 400 | 500 | 600 | 700
    plain | 26.36 | 26.74 | 26.54 | 26.61 | 26.48 | 26.49 | 26.45
    sepPgd | 31.59 | 32.69 | 33.41 | 33.65 | 33.30 | 33.54 | 33.40`,
  table4: `rows | 10 | 100 | 300 | 500 | 700 | 900 | 1100
    plain | 26.48 | 26.48 | 26.48 | 26.48 | 26.48 | 26.48 | 26.48
    sepPgd | 33.30 | 33.29 | 33.16 | 33.12 | 33.09 | 33.06 | 33.06`,
  table5: `rows | sine | cosine | ReLU | leaky ReLU | Fourier + ReLU | Fourier + leaky ReLU
    plain | 26.48 | 21.83 | 18.20 | 18.20 | 30.89 | 30.94
    sepPgd | 33.30 | 30.06 | 20.02 | 20.74 | 40.49 | 40.51`,
  table6: `rows | 100 | 200 | 300 | 400 | 500 | 600 | 700
    plain | 22.46 | 23.88 | 25.21 | 26.19 | 26.48 | 27.08 | 27.20
    sepPgd | 22.79 | 31.46 | 32.75 | 33.22 | 33.30 | 33.89 | 34.35`,
  table7: `rows | 0.01 | 0.03 | 0.05 | 0.07 | 0.09
    plain | 26.40 | 26.35 | 26.27 | 25.85 | 25.29
    sepPgd | 33.26 | 31.08 | 28.20 | 26.35 | 25.06`,
  table8: `rows | 100 | 200 | 300 | 400 | 500
    plain | 0.052 | 0.061 | 0.063 | 0.064 | 0.066
    sepPgd | 0.021 | 0.030 | 0.035 | 0.036 | 0.037`,
  table9: `rows | f1 | f2 | f3
    plain | 0.020 | 0.030 | 0.075
    msk | 0.014 | 0.024 | 0.058
    sepPgd | 0.015 | 0.021 | 0.062`,
};
/** Which table of ours stands beside which. */
const beside: Readonly<Record<keyof typeof printed, TableName>> = {
  table2: 'k',
  table3: 'rank',
  table4: 'refresh',
  table5: 'activation',
  table6: 'width',
  table7: 'noise',
  table8: 'data-rank',
  table9: 'points',
};

function linesOf(name: keyof typeof printed): Readonly<Record<string, readonly string[]>> {
  const lines = printed[name].split('\n').map(line => line.split('|').map(cell => cell.trim()));
  return Object.fromEntries(lines.map(([head, ...cells]) => [head, cells]));
}

test('the numbers of Tables 2 to 9 and of Figure 3 are those of the paper, and stand in its rows at its scale', () => {
  for (const [name, table] of Object.entries(beside) as [keyof typeof printed, TableName][]) {
    const { rows: heads, ...others } = linesOf(name);
    const rows = tables[table].rows('paper');
    if (name === 'table2') {
      requireEqual(
        'names',
        rows.map(row => row.name),
        ['g1', 'g2'].flatMap(g => heads.map(k => `${k}, ${g}`)),
      );
      requireEqual(
        'sepPgd',
        rows.map(row => row.paper?.sepPgd),
        [...others.g1, ...others.g2].map(Number),
      );
      require('plain', rows.every(row => row.paper?.plain === 26.48));
      continue;
    }
    requireEqual(
      `${name}: names`,
      rows.map(row => row.name),
      heads,
    );
    for (const [column, cells] of Object.entries(others)) {
      requireEqual(
        `${name}: ${column}`,
        rows.map(row => row.paper?.[column as 'plain']),
        cells.map(Number),
      );
    }
  }
  requireEqual('Figure 3', tables.surface.rows('paper')[0].paper, { plain: 0.983, sepPgd: 0.992 });
});

test('a row of the paper stands at a smaller scale for the same share of the points, or of the steps', () => {
  const small = (name: TableName) => tables[name].rows('small', 260).map(row => [row.paperRow, row.name]);
  requireEqual('k', small('k').slice(0, 3), [
    ['30, g1', '4, g1'],
    ['40, g1', '5, g1'],
    ['50, g1', '6, g1'],
  ]);
  requireEqual('R', small('rank').slice(-1), [['700', '88']]);
  requireEqual('refresh', small('refresh').slice(0, 2), [
    ['10', '2'],
    ['100', '20'],
  ]);
  requireEqual('noise', small('noise')[0], [undefined, '0.01']);
  const { rank, width, topK } = tables.image.setting('small');
  requireEqual(
    'setting',
    [rank, width, topK],
    [500, 500, 70].map(value => Math.round(value / 8)),
  );
  requireEqual('the paper', tables.image.setting('paper'), paperImage);
});

test('every table has rows of different names at every scale, none with more eigenpairs than points', () => {
  for (const [name, { rows }] of Object.entries<Table>(tables)) {
    for (const scale of scaleNames) {
      const found = rows(scale);
      const names = found.map(row => row.name);
      require(`${name}, ${scale}: ${names}`, names.length >= 1 && new Set(names).size === names.length);
      for (const { setting } of found) {
        const { topK, points = topK } = setting as { topK: number; points?: number };
        require(`${name}, ${scale}: k = ${topK} of ${points}`, topK <= points);
      }
    }
  }
});

test('the columns: plain at one rate and at the best of three, SepPGD as sum and product, Muon from 1e-2 along a cosine', () => {
  const setting = tables.image.setting('paper');
  const ratesOf = (name: keyof typeof columns) => columns[name].rates(setting);
  requireEqual('plain', [ratesOf('plain'), ratesOf('plainBestRate')], [[1e-4], [1e-4, 3e-4, 1e-3]]);
  requireEqual('SepPGD', [ratesOf('sepPgd'), ratesOf('product'), ratesOf('msk')], [[1e-4], [1e-4], [1e-4]]);
  requireEqual('Muon', [ratesOf('muon'), ratesOf('muonSepPgd')], [[1e-2], [1e-2]]);
  for (const name of ['muon', 'muonSepPgd'] as const) {
    const { name: optimiser, learningRate } = columns[name].optimiser(1e-2, 100);
    const rates = [0, 50, 100].map(step => learningRateAt(learningRate, step));
    requireEqual(name, optimiser, 'muon');
    requireClose(`${name}: rates`, rates, [1e-2, 5e-3, 0], { absolute: 1e-12 });
  }
  const adam = columns.sepPgd.optimiser(1e-4, 100);
  requireEqual('Adam', [adam.name, adam.learningRate], ['adam', 1e-4]);
  requireEqual(
    'preconditioned',
    (['sepPgd', 'product', 'muonSepPgd', 'msk'] as const).map(name => columns[name].preconditioned.words),
    ['SepPGD sum', 'SepPGD product', 'SepPGD product', 'MSK'],
  );
});

const noEngine = undefined as unknown as Engine;
const noVolume = { images: [{ path: 'a.png', digest: 'a' }], volumes: [] };

/** What a row's runs are kept by: nothing is trained. */
async function keysOf(name: TableName, steps: number, { sources = noVolume, row = 0 } = {}): Promise<string[]> {
  const keys: string[] = [];
  const rows = {
    of: async <R>(key: string) => {
      keys.push(key);
      return { reports: [[0, { loss: 1, psnr: 1, mse: 1 }]] } as R;
    },
  };
  const runs = new Runs(noEngine, sources, [0], () => {}, rows);
  await runs.row(tables[name].rows('tiny', steps)[row], tables[name]);
  return keys;
}

test('runs are kept by all that they depend on, and by nothing else', async () => {
  const keys = await keysOf('rank', 2);
  // Plain at two rates, of which one is the paper's, SepPGD twice, Muon twice.
  requireEqual('runs', [keys.length, new Set(keys).size], [6, 6]);
  requireEqual('again', await keysOf('rank', 2), keys);
  const others = [
    await keysOf('rank', 3),
    await keysOf('rank', 2, { row: 1 }),
    await keysOf('rank', 2, { sources: { ...noVolume, images: [{ path: 'a.png', digest: 'b' }] } }),
  ];
  require('others', others.flat().every(key => !keys.includes(key)));
  const moved = await keysOf('rank', 2, { sources: { ...noVolume, images: [{ path: 'b.png', digest: 'a' }] } });
  requireEqual('the same image elsewhere', moved, keys);
  const [first, second] = [await keysOf('refresh', 20), await keysOf('refresh', 20, { row: 1 })];
  requireEqual('plain and Muon, whatever the refresh', second.filter(key => first.includes(key)).length, 3);
});

test('the curves of the kernel ridge regression are those of the paper: three functions, two noises, five methods, means of five seeds', async () => {
  const keys: string[] = [];
  const rows = {
    async of<R>(key: string) {
      const [seed] = key.match(/\d+(?=\]$)/) ?? [];
      keys.push(key);
      return [0, 1].map(step => ({ step, seconds: step * 2 ** Number(seed), mse: Number(seed) })) as R;
    },
  };
  const panels = await curves.krr.panels(new Runs(noEngine, noVolume, [7], () => {}, rows), 'paper', undefined);
  requireEqual(
    'panels',
    panels.map(({ name }) => name),
    ['f1', 'f2', 'f3'].flatMap(name => [0, 0.01].map(noise => `${name}, noise ${noise}`)),
  );
  for (const { lines } of panels) {
    requireEqual(
      'methods',
      lines.map(({ method }) => method),
      methodNames,
    );
    for (const { points } of lines) {
      const mean = [0, 1].map(step => ({ step, seconds: (step * 31) / 5, mse: 2 }));
      requireEqual('means of the seeds 0 to 4', points, mean);
    }
  }
  requireEqual('runs', [keys.length, new Set(keys).size], [150, 150]);
  const { points, rank, width, depth, topK, mskTopK, learningRate, weightDecay } = JSON.parse(keys[0])[1];
  requireEqual('sizes', [points, rank, width, depth, topK, mskTopK], [30, 100, 200, 3, 5, 25]);
  requireEqual('Adam', [learningRate, weightDecay], [1e-3, 1e-4]);
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
