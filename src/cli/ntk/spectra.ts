/** The spectra of a saved model: of each factor network's pseudo-NTK, and of the whole model's NTK on a small grid. */

import { sizeOf } from '../../buffer/layout.js';
import { InputError } from '../../errors.js';
import { factorSpectra, modelSpectra, mostAxisPoints, mostModelPoints } from '../../experiments/spectra.js';
import type { Engine } from '../../graph/engine.js';
import type { SavedModel } from '../../io/model/modelFile.js';
import type { Line, PlotOptions } from '../../io/plot.js';
import { axisPoints } from '../../model/domain/domain.js';
import { grid } from '../../model/domain/grid.js';
import { hasFactorNetworks, type Model, onDomain } from '../../model/model.js';
import type { Modulation } from '../../ops/precondition/modulate.js';
import type { Combine } from '../../ops/precondition/precondition.js';
import { usualTopK } from '../options.js';
import type { NtkOptions } from './options.js';

export interface SpectraSettings {
  readonly modulation: Modulation;
  readonly combine: Combine;
  /** k of each axis of the model's own grid; none for a network of all coordinates. */
  readonly topK: readonly number[];
  /** Points of each axis for the whole model's kernel, and k there; absent where it has none to show. */
  readonly whole?: { readonly grid: readonly number[]; readonly topK: readonly number[] };
}

export interface ModelSpectra {
  readonly settings: SpectraSettings;
  /** Eigenvalues of the pseudo-NTKs K, descending, and of K S. */
  readonly networks: readonly {
    readonly member: number;
    readonly axis: number;
    readonly before: readonly number[];
    readonly after: readonly number[];
    /** k, or fewer where an eigenvalue is not positive. */
    readonly used: number;
  }[];
  /** The same of the whole model's NTK, for each member. */
  readonly whole?: {
    readonly grid: readonly number[];
    readonly kernels: readonly { readonly before: readonly number[]; readonly after?: readonly number[] }[];
  };
}

const usualModelPoints = 256;

/** @throws InputError a grid, or a k, that is too large. */
export function modelSettings(model: Model, { points, topK, modulation, combine }: NtkOptions): SpectraSettings {
  const { axes } = model.domain;
  const own = axisPoints(model.domain);
  const isSeparable = hasFactorNetworks(model);
  if (isSeparable) {
    own.forEach((n, axis) => {
      if (n > mostModelPoints) {
        throw new InputError(
          `ntk: axis ${axis} of the model has ${n} points: spectra are found of up to ${mostModelPoints}`,
        );
      }
      if (topK !== undefined && topK > n) {
        throw new InputError(`--top-k ${topK}: axis ${axis} has ${n} points: use 1 to ${n}`);
      }
    });
  }
  const topOf = (n: number) => Math.min(n, topK ?? Math.max(1, Math.min(usualTopK, Math.floor(n / 2))));
  const side = points ?? Math.max(2, Math.floor(usualModelPoints ** (1 / axes) + 1e-9));
  const whole = own.map(n => Math.min(n, mostAxisPoints, side));
  const count = sizeOf(whole);
  if (count > mostModelPoints) {
    throw new InputError(
      `--points ${side}: a grid of ${whole.join(' x ')} has ${count} points: the kernel of a whole model takes at most ${mostModelPoints}`,
    );
  }
  return {
    modulation,
    combine,
    topK: isSeparable ? own.map(topOf) : [],
    // Several outputs of one model have a kernel between outputs too, and a decoder is trained itself: neither is offered.
    ...(model.readout.outputs === 1 && !model.readout.parameters && { whole: { grid: whole, topK: whole.map(topOf) } }),
  };
}

export async function ntkSpectra(
  engine: Engine,
  { model, state }: SavedModel,
  settings: SpectraSettings,
): Promise<ModelSpectra> {
  const { modulation, combine, topK, whole } = settings;
  const { parameters } = state;
  const preconditioner = { topK, modulation, combine };
  const networks = hasFactorNetworks(model) ? await factorSpectra(engine, { model, parameters, preconditioner }) : [];
  const kernels =
    whole &&
    (await modelSpectra(engine, {
      model: onDomain(model, grid(whole.grid)),
      parameters,
      preconditioner: { topK: whole.topK, modulation, combine },
    }));
  return {
    settings,
    networks: networks.map(({ member, axis, before, after = [], used }) => ({
      member,
      axis,
      before: [...before],
      after: [...after],
      used,
    })),
    ...(whole &&
      kernels && {
        whole: {
          grid: whole.grid,
          kernels: kernels.map(({ before, after }) => ({ before: [...before], ...(after && { after: [...after] }) })),
        },
      }),
  };
}

/** Of the first member: the others are in the data. */
export function spectraPlots({
  networks,
  whole,
  settings,
}: ModelSpectra): Readonly<Record<string, readonly [Line[], PlotOptions]>> {
  const line = (name: string, values: readonly number[]): Line => ({
    name,
    points: values.flatMap((value, i) => (value > 0 ? [[i + 1, value] as const] : [])),
  });
  const how = (title: string): PlotOptions => ({ title, x: 'index', y: 'eigenvalue', logarithmic: { y: true } });
  const plots: Record<string, readonly [Line[], PlotOptions]> = {};
  const first = networks.filter(({ member }) => member === 0);
  if (first.length > 0) {
    const lines = first.flatMap(({ axis, before, after, used }) => [
      line(`axis ${axis}`, before),
      line(`axis ${axis}, k = ${used}`, after),
    ]);
    plots.networks = [lines, how('Pseudo-NTK of each factor network, before and after SepPGD')];
  }
  if (whole) {
    const [{ before, after }] = whole.kernels;
    const lines = [line('NTK', before), ...(after ? [line(`with SepPGD, ${settings.combine}`, after)] : [])];
    plots.model = [lines, how(`NTK of the whole model on ${whole.grid.join(' x ')} points`)];
  }
  return plots;
}
