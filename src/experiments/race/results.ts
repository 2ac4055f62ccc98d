/** What a race amounts to: when each entrant reached which PSNR, the curves as data and as plots. */

import { median } from '../../host/arrays.js';
import { panelPlot } from '../../io/plot.js';
import { isPapers, labelOf } from '../entrants.js';
import type { RacePoint, RaceRun } from './race.js';

/** When a PSNR was first reached, between two reports in proportion. */
export interface Reached {
  readonly step: number;
  readonly seconds: number;
}

export interface SpeedUp {
  readonly times: number;
  /** Whether it is that or more: the other was not there yet when its curve ended. */
  readonly atLeast: boolean;
}

export interface RaceResult {
  readonly name: string;
  readonly label: string;
  /** In dB at the end of the curve; absent where there is none. */
  readonly psnr?: number;
  readonly psnrHeldOut?: number;
  /** The highest of all reports. */
  readonly bestHeldOut?: { readonly psnrHeldOut: number; readonly step: number };
  /** For each target, null where it was not reached. */
  readonly reached: readonly (Reached | null)[];
  readonly msPerStep: number;
  readonly setupSeconds: number;
  /** How many times sooner than the paper's SepPGD it reached the middle target, in seconds. */
  readonly speedUp?: SpeedUp;
}

/** @param targets in dB, ascending. */
export function resultsOf(runs: readonly RaceRun[], targets: readonly number[]): RaceResult[] {
  const reference = runs.find(({ entrant }) => isPapers(entrant));
  const middle = middleOf(targets);
  return runs.map(run => {
    const { name, entrant, curve, setupSeconds } = run;
    const last = curve.at(-1);
    const best = bestHeldOutOf(curve);
    const speedUp = reference && speedUpOf(curve, reference.curve, middle);
    return {
      name,
      label: labelOf(entrant),
      ...(last && { psnr: last.psnr }),
      ...(last?.psnrHeldOut !== undefined && { psnrHeldOut: last.psnrHeldOut }),
      ...(best && { bestHeldOut: best }),
      reached: targets.map(target => reachedAt(curve, target) ?? null),
      msPerStep: msPerStepOf(curve),
      setupSeconds,
      ...(speedUp && { speedUp }),
    };
  });
}

/** Of several targets, that by which entrants are compared. */
export function middleOf(targets: readonly number[]): number {
  return targets[Math.floor((targets.length - 1) / 2)];
}

/** Where a curve first comes to a PSNR, taken to be straight between its points; undefined where it does not. */
export function reachedAt(
  curve: readonly Pick<RacePoint, 'step' | 'seconds' | 'psnr'>[],
  psnr: number,
): Reached | undefined {
  const at = curve.findIndex(point => point.psnr >= psnr);
  if (at < 0) return undefined;
  const { step, seconds, psnr: above } = curve[at];
  if (at === 0 || !Number.isFinite(above)) return { step, seconds };
  const before = curve[at - 1];
  const share = (psnr - before.psnr) / (above - before.psnr);
  const between = (from: number, to: number) => from + share * (to - from);
  return { step: between(before.step, step), seconds: between(before.seconds, seconds) };
}

/** How many times sooner one curve reached a PSNR than another. */
export function speedUpOf(own: readonly RacePoint[], other: readonly RacePoint[], psnr: number): SpeedUp | undefined {
  const reached = reachedAt(own, psnr);
  const end = other.at(-1);
  if (!reached || !end || reached.seconds === 0) return undefined;
  const theirs = reachedAt(other, psnr);
  return { times: (theirs ?? end).seconds / reached.seconds, atLeast: theirs === undefined };
}

function bestHeldOutOf(curve: readonly RacePoint[]): RaceResult['bestHeldOut'] {
  let best: RaceResult['bestHeldOut'];
  for (const { psnrHeldOut, step } of curve) {
    if (psnrHeldOut !== undefined && !(best && best.psnrHeldOut >= psnrHeldOut)) best = { psnrHeldOut, step };
  }
  return best;
}

/** The median over the turns, 0 where there was none. */
function msPerStepOf(curve: readonly RacePoint[]): number {
  const turns = curve
    .slice(1)
    .map(({ step, seconds }, i) => (1000 * (seconds - curve[i].seconds)) / (step - curve[i].step));
  return turns.length === 0 ? 0 : median(turns);
}

/** Every point of every curve, a line each; what was not measured is empty. */
export function raceAsCsv(runs: readonly RaceRun[]): string {
  const rows = runs.flatMap(({ name, curve }) =>
    curve.map(({ step, seconds, loss, psnr, psnrHeldOut }) =>
      [name, step, seconds, loss, psnr, psnrHeldOut ?? ''].join(','),
    ),
  );
  return `${['run,step,seconds,loss,psnr,psnr_held_out', ...rows].join('\n')}\n`;
}

/** Against seconds and against steps, beside each other. */
export function racePlot(runs: readonly RaceRun[], title: string, figure: 'psnr' | 'psnrHeldOut'): string {
  const panels = (['seconds', 'step'] as const).map(x => ({
    x: x === 'seconds' ? 'seconds of training' : 'step',
    lines: runs.map(({ entrant, curve }) => ({
      name: labelOf(entrant),
      points: curve.flatMap((point): [number, number][] =>
        point[figure] === undefined ? [] : [[point[x], point[figure]]],
      ),
    })),
  }));
  return panelPlot(panels, { title, y: figure === 'psnr' ? 'PSNR (dB)' : 'PSNR of held-out pixels (dB)' });
}
