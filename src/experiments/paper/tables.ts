/**
 * The paper's tables (Luo and Meng) as data: what each varies, with the paper's own numbers beside. A row that the paper
 * gives in points, ranks or steps of its own scale stands, at a smaller one, for the same share of that scale's.
 */

import { cosine, leakyRelu, relu, sine } from '../../model/activation.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import { type FunctionName, functionNames } from '../krr/problem.js';
import type { TrainingTask } from '../trainingRun.js';
import type { ColumnName } from './columns.js';
import { type ImageSetting, images, paperImage, scaled } from './images.js';
import { points } from './points.js';
import { published } from './published.js';
import type { Experiment, FigureName, Judged, ScaleName, Setting, Source, Sources } from './setting.js';
import { statue } from './statue.js';

type Paper = Readonly<Partial<Record<ColumnName, number>>>;

interface RowOf<S extends Setting> {
  readonly name: string;
  /** The paper's row that it stands for, where that has another name. */
  readonly paperRow?: string;
  readonly change: Partial<S>;
  /** What the paper has, by the columns. */
  readonly paper?: Paper;
}

/** A row at one scale. */
export interface Row extends RowOf<Setting> {
  readonly setting: Setting;
  readonly task: (source: Source, seed: number) => Promise<TrainingTask<Judged>>;
}

interface Caption {
  readonly title: string;
  /** What of the paper it stands beside. */
  readonly beside?: string;
  /** What the rows vary. */
  readonly x: string;
  readonly figure: FigureName;
  readonly columns: readonly ColumnName[];
}

export interface Table extends Caption {
  readonly setting: (scale: ScaleName, steps?: number) => Setting;
  readonly rows: (scale: ScaleName, steps?: number) => readonly Row[];
  readonly runsOn: (sources: Sources) => readonly Source[];
}

const usual: readonly ColumnName[] = ['plain', 'plainBestRate', 'sepPgd', 'product', 'muon', 'muonSepPgd'];

function table<S extends Setting>(
  { scales, runsOn, task }: Experiment<S>,
  { columns = usual, ...caption }: Omit<Caption, 'columns'> & Partial<Pick<Caption, 'columns'>>,
  rowsOf: (base: S) => readonly RowOf<S>[],
): Table {
  const base = (scale: ScaleName, steps = scales[scale].steps): S => ({ ...scales[scale], steps });
  return {
    ...caption,
    columns,
    runsOn,
    setting: base,
    rows(scale, steps) {
      const rows = rowsOf(base(scale, steps));
      // Where rows of the paper come to one number, the first stands.
      const distinct = rows.filter((row, i) => rows.findIndex(({ name }) => name === row.name) === i);
      return distinct.map(row => {
        const setting = { ...base(scale, steps), ...row.change };
        return { ...row, setting, task: (source, seed) => task(setting, source, seed) };
      });
    },
  };
}

/** What the paper has in a row: an entry of a list, or what all rows share. */
function entry(of: number | readonly number[], i: number): number {
  return typeof of === 'number' ? of : of[i];
}

interface Listed<T> {
  readonly rows: readonly T[];
  readonly plain: number | readonly number[];
  readonly sepPgd: readonly number[];
}

function beside<T>({ plain, sepPgd }: Listed<T>, i: number): Paper {
  return { plain: entry(plain, i), sepPgd: sepPgd[i] };
}

/** A row for each of the paper's, which sets a number. */
function numbered(
  key: 'topK' | 'rank' | 'width' | 'refresh' | 'dataRank' | 'noise',
  of: Listed<number>,
  here: (value: number) => number,
  also: Partial<ImageSetting> = {},
): readonly RowOf<ImageSetting>[] {
  return of.rows.map((value, i) => ({
    name: String(here(value)),
    ...(here(value) !== value && { paperRow: String(value) }),
    change: { ...also, [key]: here(value) },
    paper: beside(of, i),
  }));
}

const { table2, table3, table4, table5, table6, table7, table8, table9, figure3 } = published;

const paperPlane = beside(table3, table3.rows.indexOf(paperImage.rank));

/** Their deviation is this project's: the paper gives none. */
const fourier = 10;
const activations: Readonly<Record<(typeof table5.rows)[number], Partial<ImageSetting>>> = {
  sine: { activation: sine },
  cosine: { activation: cosine },
  ReLU: { activation: relu },
  'leaky ReLU': { activation: leakyRelu },
  'Fourier + ReLU': { activation: relu, fourier },
  'Fourier + leaky ReLU': { activation: leakyRelu, fourier },
};

const modulationsOf: readonly (readonly [name: 'g1' | 'g2', modulation: Modulation])[] = [
  ['g1', 'flat'],
  ['g2', 'sqrt'],
];

const psnr = 'psnr' as const;

export const tables = {
  image: table(
    images,
    { title: 'an image in gray, channel by channel, and as one model of three outputs', x: 'image', figure: psnr },
    () => [
      { name: 'gray', change: { gray: true } },
      { name: 'colour', change: { gray: false }, paper: paperPlane },
      { name: 'colour, one model', change: { gray: false, mixed: true } },
    ],
  ),
  k: table(
    images,
    { title: 'how many eigenpairs are modulated, and to what', beside: 'Table 2', x: 'k', figure: psnr },
    ({ points: n }) =>
      modulationsOf.flatMap(([name, modulation]) =>
        numbered('topK', { ...table2, sepPgd: table2[name] }, k => scaled(k, n), { modulation }).map(row => ({
          ...row,
          name: `${row.name}, ${name}`,
          ...(row.paperRow !== undefined && { paperRow: `${row.paperRow}, ${name}` }),
        })),
      ),
  ),
  rank: table(images, { title: 'rank of the contraction', beside: 'Table 3', x: 'R', figure: psnr }, ({ points: n }) =>
    numbered('rank', table3, rank => scaled(rank, n)),
  ),
  refresh: table(
    images,
    {
      title: 'steps from one refresh of the preconditioner to the next',
      beside: 'Table 4',
      x: 'steps',
      figure: psnr,
    },
    ({ steps }) => numbered('refresh', table4, value => Math.max(1, Math.round((value * steps) / paperImage.steps))),
  ),
  activation: table(
    images,
    { title: 'activation of the factor networks', beside: 'Table 5', x: 'activation', figure: psnr },
    () => table5.rows.map((name, i) => ({ name, change: activations[name], paper: beside(table5, i) })),
  ),
  width: table(
    images,
    { title: 'width of the factor networks', beside: 'Table 6', x: 'W', figure: psnr },
    ({ points: n }) => numbered('width', table6, width => scaled(width, n)),
  ),
  noise: table(
    images,
    {
      title: 'normal noise in what is fitted, judged by the clean image',
      beside: 'Table 7',
      x: 'deviation',
      figure: psnr,
    },
    () => numbered('noise', table7, deviation => deviation),
  ),
  'data-rank': table(
    images,
    { title: 'images truncated to a rank', beside: 'Table 8', x: 'rank of the image', figure: 'mse' },
    ({ points: n }) => numbered('dataRank', table8, rank => scaled(rank, n), { rank: scaled(100, n) }),
  ),
  points: table(
    points,
    {
      title: 'points off the grid, the error at others',
      beside: 'Table 9',
      x: 'function',
      figure: 'mse',
      columns: ['plain', 'plainBestRate', 'msk', 'sepPgd', 'product', 'muon', 'muonSepPgd'],
    },
    () =>
      functionNames.map((name: FunctionName, i) => ({
        name,
        change: { function: name },
        paper: { ...beside(table9, i), msk: table9.msk[i] },
      })),
  ),
  surface: table(statue, { title: 'the occupancy of a volume', beside: 'Figure 3', x: 'volume', figure: 'iou' }, () => [
    { name: 'occupancy', change: {}, paper: figure3 },
  ]),
  modulation: table(
    images,
    { title: 'modulation of the eigenvalues', beside: 'Table 2 at k = 70', x: 'g', figure: psnr },
    () =>
      modulationsOf.map(([name, modulation]) => ({
        name: `${name}, ${modulation}`,
        change: { modulation },
        paper: { plain: table2.plain, sepPgd: table2[name][table2.rows.indexOf(paperImage.topK)] },
      })),
  ),
  inpainting: table(
    images,
    { title: 'pixels held out, judged by those alone', x: 'share held out', figure: 'psnrHeldOut' },
    () => [0.3, 0.5].map(mask => ({ name: String(mask), change: { mask } })),
  ),
} as const satisfies Readonly<Record<string, Table>>;

export type TableName = keyof typeof tables;
export const tableNames = Object.keys(tables) as readonly TableName[];
