/** The paper's curves as `sepnn reproduce` found them: as CSV, plots, and cells of a table of how they ended. */

import { methods } from '../../experiments/krr/methods.js';
import type { CurvesName, Panel } from '../../experiments/paper/curves.js';
import { linePlot } from '../../io/plot.js';

export interface CurvesReport {
  readonly name: CurvesName;
  readonly title: string;
  /** What of the paper it stands beside. */
  readonly beside: string;
  readonly y: string;
  /** How its runs are set, in words. */
  readonly setting: string;
  readonly panels: readonly Panel[];
  readonly seconds: number;
  readonly files: Readonly<Record<string, string>>;
}

/** Every point of every curve, a line each. */
export function curvesCsvOf(panels: readonly Panel[]): string {
  const rows = panels.flatMap(({ name, lines }) =>
    lines.flatMap(({ method, points }) =>
      points.map(({ step, seconds, mse }) => [`"${name.replaceAll('"', '""')}"`, method, step, seconds, mse].join(',')),
    ),
  );
  return `${['panel,method,step,seconds,mse', ...rows].join('\n')}\n`;
}

export function curvesPlotOf(
  { name, lines }: Panel,
  { title, y }: Pick<CurvesReport, 'title' | 'y'>,
  x: 'step' | 'seconds',
): string {
  const drawn = lines.map(({ method, points }) => ({
    name: methods[method].label,
    points: points.map((point): [number, number] => [point[x], point.mse]),
  }));
  return linePlot(drawn, { title: `${title}: ${name}`, x, y, logarithmic: { y: true } });
}

/** Head and cells: of each panel how every method ended, and the milliseconds of a step. */
export function curvesCells({ panels }: CurvesReport): readonly (readonly string[])[] {
  const head = ['', ...panels[0].lines.map(({ method }) => methods[method].label)];
  const lines = panels.map(({ name, lines: found }) => [
    name,
    ...found.map(({ points }) => {
      const { mse, seconds, step } = points[points.length - 1];
      return `${mse.toExponential(2)} (${((1000 * seconds) / step).toFixed(1)} ms)`;
    }),
  ]);
  return [head, ...lines];
}

export function curvesCaption({ name, beside, title, y }: CurvesReport): string {
  return `${name}, ${beside}: ${title}: ${y} after the last step, and the time of a step`;
}
