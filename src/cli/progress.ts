/** Progress on stderr: a bar on a terminal, a line now and then elsewhere. */

import { Presets, SingleBar } from './vendor.js';

export interface Progress {
  update(step: number, psnr: number | undefined): void;
  stop(): void;
}

const millisecondsBetweenLines = 10_000;

export function startProgress(label: string, first: number, total: number, quiet: boolean): Progress {
  if (quiet) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      format: `${label} |{bar}| step {value}/{total} | PSNR {psnr} dB | {eta_formatted} left`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: millisecondsBetweenLines,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
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
