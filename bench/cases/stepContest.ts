/** A contest of training steps: ours beside those of the peers whose losses agree with ours. */

import type { Device } from '../../src/device/device.js';
import { within } from '../../src/host/scope.js';
import { type Contender, type ContestOptions, contest } from '../contest.js';
import { contendersOf } from '../peers/contenders.js';
import type { Peer, PeerStep } from '../peers/peer.js';

/** Steps after which losses are compared. */
export const checkedSteps = 5;
/** Losses after a few steps agree so far, relative: Adam divides by small numbers. */
const tolerance = 1e-3;

/** The greatest relative difference. @throws Error if it is past the tolerance. */
export function requireAgreement(who: string, losses: readonly number[], expected: readonly number[]): number {
  const error = Math.max(...expected.map((loss, i) => Math.abs(losses[i] - loss) / loss));
  if (!(error <= tolerance)) throw new Error(`${who}: losses ${losses.join(', ')}, expected ${expected.join(', ')}`);
  return error;
}

interface Contest {
  readonly ours: readonly Contender[];
  readonly peers: readonly Peer[];
  /** A peer's step on the same task, which is disposed of when the contest is over. */
  open(peer: Peer): Promise<PeerStep>;
  /** Ours after `checkedSteps`. */
  readonly loss: number;
  readonly options: ContestOptions;
}

/** @returns how all stand, each peer with the error of its loss, and what kept the absent ones away, by their names. */
export function stepContest(device: Device, { ours, peers, open, loss, options }: Contest) {
  return within(async scope => {
    const contenders = [...ours];
    const errors = new Map<string, number>();
    const absent: Record<string, string> = {};
    for (const peer of peers) {
      try {
        const step = scope.keep(await open(peer));
        const waiting = contendersOf(peer.name, step, device);
        await waiting[0].run(checkedSteps);
        const error = requireAgreement(peer.name, [await step.loss()], [loss]);
        for (const { name } of waiting) errors.set(name, error);
        contenders.push(...waiting);
      } catch (error) {
        absent[peer.name] = (error as Error).message.slice(0, 200);
      }
    }
    const standings = await contest(contenders, options);
    return { absent, standings: standings.map(standing => ({ ...standing, error: errors.get(standing.name) })) };
  });
}
