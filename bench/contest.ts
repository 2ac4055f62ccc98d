/** Contenders for the same work, timed in rounds on one device so that whatever disturbs the machine disturbs all. */

import { quantile } from 'simple-statistics';

export interface Contender {
  readonly name: string;
  /** Does the work `times` over and resolves when the device has done it. */
  run(times: number): Promise<void>;
  /** `times` is a multiple of this: steps from one refresh to the next. 1 by default. */
  readonly unit?: number;
}

/** Median and quartiles. */
export interface Spread {
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

export interface Standing {
  readonly name: string;
  /** Of the work done once. */
  readonly milliseconds: Spread;
  /** Its time over the first contender's, round by round. */
  readonly ratio: Spread;
  readonly rounds: number;
}

export interface ContestOptions {
  readonly rounds: number;
  /** How long a contender's turn lasts at the least. */
  readonly milliseconds: number;
  /** Milliseconds from any start; the system's clock by default. */
  readonly now?: () => number;
}

/** A contender whose turn lasts longer takes part in the first rounds only. */
const patience = 4000;
const fewRounds = 2;
/** Up to this a first turn may have been spent on compiling, and a second tells. */
const mostlyCompiling = 20_000;

/** The contenders take turns, in an order that moves on from round to round. The first is what the others are held against. */
export async function contest(
  contenders: readonly Contender[],
  { rounds, milliseconds, now = () => performance.now() }: ContestOptions,
): Promise<Standing[]> {
  const turns: { readonly contender: Contender; readonly times: number; readonly patient: boolean; took: number[] }[] =
    [];
  for (const contender of contenders) {
    const { unit = 1 } = contender;
    const first = await timed(contender, unit, now); // compiles
    const once = first > mostlyCompiling ? first : await timed(contender, unit, now);
    turns.push({
      contender,
      times: unit * Math.max(1, Math.ceil(milliseconds / once)),
      patient: once <= patience,
      took: [],
    });
  }
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < turns.length; i++) {
      const turn = turns[(i + round) % turns.length];
      if (!turn.patient && round >= fewRounds) continue;
      turn.took.push((await timed(turn.contender, turn.times, now)) / turn.times);
    }
  }
  const [best] = turns;
  return turns.map(({ contender, took }) => ({
    name: contender.name,
    milliseconds: spreadOf(took),
    ratio: spreadOf(took.map((time, round) => time / best.took[round])),
    rounds: took.length,
  }));
}

async function timed({ run }: Contender, times: number, now: () => number): Promise<number> {
  const start = now();
  await run(times);
  return now() - start;
}

export function spreadOf(values: readonly number[]): Spread {
  const [low, median, high] = [0.25, 0.5, 0.75].map(p => quantile([...values], p));
  return { low, median, high };
}
