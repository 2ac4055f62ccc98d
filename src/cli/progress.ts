/** Progress on stderr: a bar on a terminal, a line now and then elsewhere. */

import { Presets, SingleBar } from './vendor.js';

export interface Progress {
  update(step: number, psnr: number | undefined): void;
  stop(): void;
}

const millisecondsBetweenLines = 10_000;

function newBar(format: string): SingleBar {
  return new SingleBar(
    {
      format,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: millisecondsBetweenLines,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
}

export function startProgress(label: string, first: number, total: number, quiet: boolean): Progress {
  if (quiet) return { update: () => {}, stop: () => {} };
  const bar = newBar(`${label} |{bar}| step {value}/{total} | PSNR {psnr} dB | {eta_formatted} left`);
  let shown = '-';
  bar.start(total, first, { psnr: shown });
  return {
    update(step, psnr) {
      if (psnr !== undefined) shown = psnr.toFixed(2);
      bar.update(step, { psnr: shown });
    },
    stop: () => bar.stop(),
  };
}

export interface TileProgress {
  add(points: number): void;
  stop(): void;
}

/** @param total points to be evaluated. */
export function startTileProgress(total: number, quiet: boolean): TileProgress {
  if (quiet) return { add: () => {}, stop: () => {} };
  const bar = newBar('render |{bar}| {percentage}% of {total} points | {eta_formatted} left');
  bar.start(total, 0);
  return { add: points => bar.increment(points), stop: () => bar.stop() };
}
