/**
 * Progress on stderr: a bar on a terminal, a line now and then elsewhere. A bar draws itself by a timer, for which a
 * process waits: so every bar is known here, and `endProgress` ends those that an error left.
 */

import type { Device } from '../device/device.js';
import { warn } from './terminal.js';
import { Format, Presets, SingleBar } from './vendor.js';

export interface Progress {
  /** @param headline what to show of the model; what was shown last without one. */
  update(step: number, headline?: string): void;
  stop(): void;
}

const millisecondsBetweenLines = 10_000;

const open = new Set<SingleBar>();

/** Ends every bar that is still drawn, whatever became of the work behind it. */
export function endProgress(): void {
  for (const bar of open) end(bar);
}

function end(bar: SingleBar): void {
  bar.stop();
  open.delete(bar);
}

function newBar(format: string): SingleBar {
  const bar = new SingleBar(
    {
      format,
      stream: process.stderr,
      // Else the terminal's line wrap is switched off meanwhile, and stays so after a kill.
      linewrap: true,
      noTTYOutput: true,
      notTTYSchedule: millisecondsBetweenLines,
      etaBuffer: 50,
      // It is no number before the first step, or where nothing moves.
      formatTime: (seconds, ...rest) =>
        Number.isFinite(seconds) ? ` | ${Format.TimeFormat(seconds, ...rest)} left` : '',
    },
    Presets.shades_classic,
  );
  open.add(bar);
  return bar;
}

export function startProgress(label: string, first: number, total: number, quiet: boolean): Progress {
  if (quiet) return { update: () => {}, stop: () => {} };
  const bar = newBar(`${label} |{bar}| step {value}/{total} | {headline}{eta_formatted}`);
  let shown = '-';
  bar.start(total, first, { headline: shown });
  return {
    update(step, headline = shown) {
      shown = headline;
      bar.update(step, { headline });
    },
    stop: () => end(bar),
  };
}

/** Products that a tuner measures before a training. @param signal ends it after the product under way, by its reason. */
export function startTuningProgress(
  device: Pick<Device, 'whileTuning'>,
  quiet: boolean,
  signal?: AbortSignal,
): Pick<Progress, 'stop'> {
  let bar: SingleBar | undefined;
  const stop = () => {
    if (bar) end(bar);
    bar = undefined;
  };
  device.whileTuning = (done, products) => {
    signal?.throwIfAborted();
    if (quiet) return;
    if (done === 0) {
      stop();
      warn(
        `--tune: times ${products} matrix products in all variants first: seconds on a GPU, minutes on a processor; later runs know what it found`,
      );
      bar = newBar('tuning  |{bar}| product {value}/{total}{eta_formatted}');
      bar.start(products, 0);
    }
    bar?.update(done);
  };
  return { stop };
}

export interface FleetProgress {
  /** @param headline what was shown last without one. */
  update(done: number, images: number, headline?: string): void;
  stop(): void;
}

/** Images that have ended, by whichever process. */
export function startFleetProgress(quiet: boolean): FleetProgress {
  if (quiet) return { update: () => {}, stop: () => {} };
  let bar: SingleBar | undefined;
  let shown = '-';
  return {
    update(done, images, headline = shown) {
      shown = headline;
      if (!bar) {
        bar = newBar('fleet  |{bar}| {value}/{total} images | {headline}{eta_formatted}');
        bar.start(images, done, { headline });
      }
      bar.setTotal(images);
      bar.update(done, { headline });
    },
    stop: () => bar && end(bar),
  };
}

export interface TileProgress {
  add(points: number): void;
  stop(): void;
}

/** @param total points to be evaluated. */
export function startTileProgress(total: number, quiet: boolean): TileProgress {
  if (quiet) return { add: () => {}, stop: () => {} };
  const bar = newBar('render |{bar}| {percentage}% of {total} points{eta_formatted}');
  bar.start(total, 0);
  return { add: points => bar.increment(points), stop: () => end(bar) };
}
