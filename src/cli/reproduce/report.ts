/** What `sepnn reproduce` found, as CSV, plots, Markdown and on the terminal, with the paper's own numbers beside. */

import { type ColumnName, columns } from '../../experiments/paper/columns.js';
import type { Outcome, RowReport } from '../../experiments/paper/runs.js';
import { type FigureName, figures, type ScaleName, type Setting } from '../../experiments/paper/setting.js';
import { type Table, type TableName, tables } from '../../experiments/paper/tables.js';
import type { AdapterReport } from '../../graph/engine.js';
import { barPlot } from '../../io/plot.js';
import { table } from '../terminal.js';
import { adapterLine, fileLines } from '../training/session.js';
import { type CurvesReport, curvesCaption, curvesCells } from './curves.js';

export interface TableReport {
  readonly name: TableName;
  readonly title: string;
  /** What of the paper it stands beside. */
  readonly beside?: string;
  readonly figure: FigureName;
  /** What every row changes. */
  readonly setting: Setting;
  readonly rows: readonly RowReport[];
  readonly seconds: number;
  readonly files: Readonly<Record<'csv' | 'svg' | 'json', string>>;
}

export interface ReproduceReport {
  readonly adapter: AdapterReport;
  readonly scale: ScaleName;
  /** What every row of the images' tables changes. */
  readonly setting: Setting;
  readonly images: readonly string[];
  /** Of `surface`, where there is one. */
  readonly volumes: readonly string[];
  readonly seeds: readonly number[];
  readonly tables: readonly TableReport[];
  readonly curves: readonly CurvesReport[];
  /** What of the paper was not run, and why. */
  readonly notRun: readonly string[];
  readonly files: Readonly<Record<'markdown', string>>;
}

/** The columns for which the paper has numbers in some row. */
function paperColumns({ columns: names }: Table, rows: readonly RowReport[]): readonly ColumnName[] {
  return names.filter(name => rows.some(({ paper }) => paper?.[name] !== undefined));
}

function outcomes({ columns: names }: Table, { runs }: RowReport): readonly (readonly [ColumnName, Outcome])[] {
  return names.map(name => [name, runs[name] as Outcome]);
}

/** Whether more than one rate was tried for a column. */
function hasRates(name: ColumnName, setting: Setting): boolean {
  return columns[name].rates(setting).length > 1;
}

/** Figures after the last step, the rates they were reached at, the best of each curve, and the paper's. */
export function csvOf(chosen: Table, setting: Setting, rows: readonly RowReport[]): string {
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const papers = paperColumns(chosen, rows);
  const rated = chosen.columns.filter(name => hasRates(name, setting));
  const head = [
    ...[chosen.x, 'paperRow', ...chosen.columns],
    ...rated.map(name => `${name}Rate`),
    ...chosen.columns.map(name => `${name}Peak`),
    ...papers.map(name => `${name}Paper`),
  ];
  const lines = rows.map(row => {
    const found = outcomes(chosen, row);
    return [
      ...[row.name, row.paperRow ?? row.name],
      ...found.map(([, { last }]) => last.toPrecision(6)),
      ...rated.map(name => String(row.runs[name]?.rate)),
      ...found.map(([, { peak }]) => peak.toPrecision(6)),
      ...papers.map(name => String(row.paper?.[name] ?? '')),
    ];
  });
  return [head, ...lines].map(line => `${line.map(quoted).join(',')}\n`).join('');
}

export function plotOf(chosen: Table, rows: readonly RowReport[]): string {
  const bars = chosen.columns.map(name => ({
    name: columns[name].label,
    heights: rows.map(({ runs }) => runs[name]?.last),
  }));
  const papers = paperColumns(chosen, rows).map(name => ({
    name: `${columns[name].label}, paper`,
    heights: rows.map(({ paper }) => paper?.[name]),
  }));
  return barPlot(
    rows.map(({ name }) => name),
    [...bars, ...papers],
    { title: chosen.title, x: chosen.x, y: figures[chosen.figure].label },
  );
}

/** Head and cells of a table, the same for the terminal and for Markdown. */
function cellsOf({ name, setting, figure, rows }: TableReport): readonly (readonly string[])[] {
  const chosen: Table = tables[name];
  const papers = paperColumns(chosen, rows);
  const renamed = rows.some(({ paperRow }) => paperRow !== undefined);
  const { shown, places } = figures[figure];
  const head = [
    ...[chosen.x, ...(renamed ? ['in the paper'] : [])],
    ...chosen.columns.map(column => columns[column].label),
    ...papers.map(column => `paper: ${columns[column].label}`),
  ];
  const lines = rows.map(row => [
    ...[row.name, ...(renamed ? [row.paperRow ?? row.name] : [])],
    ...outcomes(chosen, row).map(([column, { last, peak, rate }]) => {
      const best = shown(peak) === shown(last) ? '' : ` [${shown(peak)}]`;
      return `${shown(last)}${best}${hasRates(column, setting) ? ` at ${rate}` : ''}`;
    }),
    ...papers.map(column => row.paper?.[column]?.toFixed(places) ?? ''),
  ]);
  return [head, ...lines];
}

function captionOf({ name, title, beside, figure }: TableReport): string {
  return `${name}${beside === undefined ? '' : `, ${beside}`}: ${title}: ${figures[figure].label}`;
}

function settingOf({ name, setting }: TableReport): string {
  const { rank, width, topK, mskTopK, steps, rates, muonRates } = setting;
  const k = (tables[name].columns as readonly ColumnName[]).includes('msk') ? `${topK} (MSK ${mskTopK})` : topK;
  const muon = muonRates.length > 1 ? 'Muon' : `Muon at ${muonRates[0]}`;
  return `R = ${rank}, W = ${width}, k = ${k}, ${steps} steps, Adam at ${rates[0]}, ${muon} along a cosine, where a row says nothing else`;
}

function overOf({ images, seeds }: ReproduceReport): string {
  return `After the last step; in square brackets the best of 25 reports on the way, where it is another; medians (images: ${images.length}, seeds: ${seeds.join(', ')})`;
}

export function summaryOf(report: ReproduceReport): string {
  const parts = report.tables.map(one => {
    const [head, ...lines] = cellsOf(one);
    return [
      `${captionOf(one)}, ${one.seconds.toFixed(0)} s`,
      settingOf(one),
      table(head, lines),
      ...fileLines(one.files),
    ].join('\n');
  });
  const drawn = report.curves.map(one => {
    const [head, ...lines] = curvesCells(one);
    return [
      `${curvesCaption(one)}, ${one.seconds.toFixed(0)} s`,
      one.setting,
      table(head, lines),
      ...fileLines(one.files, 24),
    ].join('\n');
  });
  const ends = [...report.notRun.map(line => `not run: ${line}`), ...fileLines(report.files)];
  return [adapterLine(report.adapter), overOf(report), ...parts, ...drawn, ...ends].join('\n');
}

/** The same as a page of Markdown. */
export function markdownOf(report: ReproduceReport): string {
  const { adapter, scale, tables: reports, notRun, images, volumes } = report;
  const names = [...images, ...volumes].map(path => path.replace(/^.*[/\\]/, '')).join(', ');
  const parts = [
    ...reports.map(one => section(captionOf(one), settingOf(one), cellsOf(one))),
    ...report.curves.map(one => section(curvesCaption(one), one.setting, curvesCells(one))),
  ];
  const intro = [
    `Made by \`sepnn reproduce --scale ${scale}\` on ${adapterLine(adapter)}; files: ${names}. ${overOf(report)}.`,
    'Where a number stands for another of the paper, it is the same share of the points, or of the steps.',
    'A rate is told where several were tried: the best by the last step stands there, and the paper has one.',
  ];
  const left = notRun.length === 0 ? [] : ['', '## Not run', '', ...notRun.map(line => `- ${line}`)];
  return `${['# Beside the paper', '', ...intro, '', parts.join('\n\n'), ...left].join('\n')}\n`;
}

function section(caption: string, setting: string, cells: readonly (readonly string[])[]): string {
  const [head, ...lines] = cells.map(line => `| ${line.join(' | ')} |`);
  return [`## ${caption}`, '', `${setting}.`, '', head, `|${' --- |'.repeat(cells[0].length)}`, ...lines].join('\n');
}
