/** Line plots as SVG. */

import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logarithmic?: boolean;
}

export function linePlot(lines: readonly Line[], { title, x, y, logarithmic = false }: PlotOptions): string {
  use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 500 });
  chart.setOption({
    animation: false,
    title: { text: title, left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: { type: 'value', name: x, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: logarithmic ? 'log' : 'value', name: y, nameLocation: 'middle', nameGap: 48, scale: true },
    series: lines.map(({ name, points }) => ({ type: 'line', name, showSymbol: false, data: points })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
