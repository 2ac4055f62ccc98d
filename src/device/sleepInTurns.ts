/** Waiting for a device in Node without taking a processor for it. */

/** What a turn sleeps, as a share of the time that something has been pending: so much later is it seen, at the most. */
const share = 1 / 16;
/** And at the longest, in milliseconds: what else the host's event loop has to do waits so long. */
const longest = 1;
/** At the shortest: of less the system makes as much, and short waits would be seen late. */
const shortest = 0.05;

/**
 * Dawn in Node asks what has become done in every turn of the event loop, one turn after the other, for as long as
 * anything is pending. That keeps a whole core busy, which a driver that computes on the processor needs for the very
 * work that is waited for. So every turn sleeps a while.
 *
 * @param pendingSince when what is pending now became so, in milliseconds of `performance.now()`; undefined when
 * nothing is, which ends the sleeping.
 */
export function sleepInTurns(pendingSince: () => number | undefined): void {
  const never = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const turn = () => {
    const since = pendingSince();
    if (since === undefined) return;
    const pause = Math.min(longest, share * (performance.now() - since));
    if (pause >= shortest) Atomics.wait(never, 0, 0, pause);
    setImmediate(turn);
  };
  setImmediate(turn);
}
