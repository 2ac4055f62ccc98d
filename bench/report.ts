/** The benchmark's findings on a terminal and as SVG charts. */

import { table } from '../src/cli/terminal.js';
import { barPlot, linePlot } from '../src/io/plot.js';
import type { BenchResult } from './results.js';
import { sectionsOf } from './sections.js';

export function tables(result: BenchResult): string[] {
  return sectionsOf(result).flatMap(({ title, head, rows, note }) => [
    `\n${title}`,
    ...(rows.length > 0 ? [table(head, rows)] : []),
    ...(note ? [note] : []),
  ]);
}

export function charts({ products, steps, growth, adapter }: BenchResult): Record<string, string> {
  const on = adapter.description;
  const files: Record<string, string> = {};
  if (products.length > 1) {
    const names = [...new Set(products.flatMap(({ standings }) => standings.map(({ name }) => name)))];
    const lines = names.map(name => ({
      name,
      points: products.flatMap(({ size, standings }): [number, number][] =>
        standings.filter(standing => standing.name === name).map(({ gflops }) => [size, gflops]),
      ),
    }));
    const options = { title: `n x n products, ${on}`, x: 'n', y: 'GFLOP/s', logarithmic: { x: true } };
    files['products.svg'] = linePlot(lines, options);
  }
  if (steps.length > 0) {
    const names = [...new Set(steps.flatMap(({ standings }) => standings.map(({ name }) => name)))];
    const bars = names.map(name => ({
      name,
      heights: steps.map(({ standings }) => standings.find(one => one.name === name)?.milliseconds.median),
    }));
    const options = { title: `training steps, ${on}`, x: 'grid, R, k', y: 'ms per step', logarithmic: { y: true } };
    files['steps.svg'] = barPlot(
      steps.map(({ grid, rank, topK }) => `${grid.join('x')}\n${rank}, ${topK}`),
      bars,
      options,
    );
  }
  if (growth.length > 0) {
    const lines = growth.map(({ name, points }) => ({
      name,
      points: points.map(({ operations, milliseconds }): [number, number] => [operations / 1e6, milliseconds]),
    }));
    const logarithmic = { x: true, y: true };
    files['growth.svg'] = linePlot(lines, {
      title: `growth of a step, ${on}`,
      x: 'MFLOP',
      y: 'ms per step',
      logarithmic,
    });
  }
  return files;
}
