/** Line and bar plots as SVG. */

import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Bars {
  readonly name: string;
  /** One per category; absent where there is nothing to show. */
  readonly heights: readonly (number | undefined)[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Which axes are logarithmic, none by default. */
  readonly logarithmic?: { readonly x?: boolean; readonly y?: boolean };
}

export function linePlot(lines: readonly Line[], options: PlotOptions): string {
  const { x = false } = options.logarithmic ?? {};
  return plot(
    options,
    scaleOf(x),
    lines.map(({ name, points }) => ({
      type: 'line',
      name,
      showSymbol: x,
      data: points,
    })),
  );
}

/** Groups of bars, a group a category. */
export function barPlot(categories: readonly string[], bars: readonly Bars[], options: PlotOptions): string {
  const axis = { type: 'category', data: categories, axisLabel: { interval: 0 } };
  return plot(
    options,
    axis,
    bars.map(({ name, heights }) => ({
      type: 'bar',
      name,
      data: heights.map(height => height ?? null),
    })),
  );
}

/** On a logarithmic scale powers of ten below 1 are labelled without what rounding leaves of them. */
function scaleOf(logarithmic: boolean): object {
  if (!logarithmic) return { type: 'value' };
  const label = (value: number) => value.toLocaleString('en', { maximumSignificantDigits: 6 });
  return { type: 'log', axisLabel: { formatter: label } };
}

function plot({ title, x, y, logarithmic }: PlotOptions, xAxis: object, series: readonly object[]): string {
  use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 500 });
  chart.setOption({
    animation: false,
    title: { text: title, left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: { ...xAxis, name: x, nameLocation: 'middle', nameGap: 28 },
    yAxis: { ...scaleOf(logarithmic?.y ?? false), name: y, nameLocation: 'middle', nameGap: 48, scale: true },
    series,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
