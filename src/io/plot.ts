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

/** One of several plots beside each other. */
export interface Panel {
  readonly x: string;
  readonly lines: readonly Line[];
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

/** Long names: so many stand beside each other in the legend, a row of so many pixels. */
const [namesInRow, legendRow] = [3, 38];

/** Plots of the same quantity beside each other: a name has one colour, and stands in the legend once. */
export function panelPlot(panels: readonly Panel[], { title, y }: Pick<PlotOptions, 'title' | 'y'>): string {
  const share = 100 / panels.length;
  const names = new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)));
  const bottom = 46 + legendRow * Math.ceil(names.size / namesInRow);
  return drawn(500 * panels.length, 420 + bottom, {
    title,
    grid: panels.map((_, i) => ({ ...margins, bottom, left: `${i * share + 6}%`, width: `${share - 8}%` })),
    xAxis: panels.map(({ x }, gridIndex) => ({ ...scaleOf(false), ...belowAxis(x), gridIndex })),
    yAxis: panels.map((_, gridIndex) => ({ ...scaleOf(false), ...besideAxis(y), gridIndex })),
    series: panels.flatMap(({ lines }, i) =>
      lines.map(({ name, points }) => ({
        type: 'line',
        name,
        showSymbol: false,
        data: points,
        xAxisIndex: i,
        yAxisIndex: i,
      })),
    ),
  });
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

const margins = { left: 70, right: 30, top: 50, bottom: 80 } as const;

function belowAxis(name: string): object {
  return { name, nameLocation: 'middle', nameGap: 28 };
}

function besideAxis(name: string): object {
  return { name, nameLocation: 'middle', nameGap: 48, scale: true };
}

function plot({ title, x, y, logarithmic }: PlotOptions, xAxis: object, series: readonly object[]): string {
  return drawn(800, 500, {
    title,
    grid: margins,
    xAxis: { ...xAxis, ...belowAxis(x) },
    yAxis: { ...scaleOf(logarithmic?.y ?? false), ...besideAxis(y) },
    series,
  });
}

function drawn(
  width: number,
  height: number,
  { title, ...option }: { readonly title: string; readonly [part: string]: unknown },
): string {
  use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    // A page may be dark.
    backgroundColor: '#fff',
    title: { text: title, left: 'center' },
    // Whoever draws it may have wider letters than were reckoned with.
    legend: { bottom: 0, itemGap: 24, itemWidth: 16 },
    ...option,
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
