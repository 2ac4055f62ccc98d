/** Something in what the caller gave: an option, a shape, a file. The message names it, the value and the remedy. */
export class InputError extends Error {
  /** Tells it from other errors, of whichever copy of this package: `isInputError`. */
  override readonly name: string = 'InputError';
}

/** Something that went wrong while running: a lost device, a shader that a driver refuses, a loss that is not finite. */
export class RunError extends Error {
  /** Tells it from other errors; those that say more have another: `isDiverged`, `isDeviceLost`. */
  override readonly name: string = 'RunError';
}

/** A loss that is not a finite number any more. */
export class DivergedError extends RunError {
  /** Tells it from other errors, of whichever copy of this package: `isDiverged`. */
  override readonly name = 'DivergedError';

  constructor(
    /** The step at which it was seen, from 0. */
    readonly step: number,
    /** What it had become: a NaN or an infinity. */
    readonly loss: number,
  ) {
    super(`the loss became ${loss} at step ${step}: lower the learning rate, or k of the preconditioner`);
  }
}

/**
 * The device is gone: its driver was reset, or who had it destroyed it. Whatever waited for it, and every later call of
 * its engine, ends with this; an engine on a new device works.
 */
export class DeviceLostError extends RunError {
  /** Tells it from other errors, of whichever copy of this package: `isDeviceLost`. */
  override readonly name = 'DeviceLostError';

  constructor(
    /** 'destroyed' by whoever has it, or 'unknown'. */
    readonly reason: GPUDeviceLostReason,
    message: string,
  ) {
    super(`the GPU device was lost (${reason}): ${message.trim() || 'no more is known'}: open another engine`);
  }
}

/** Whether an error is a device that was lost, of whichever copy of this package. */
export function isDeviceLost(error: unknown): error is DeviceLostError {
  return nameOf(error) === 'DeviceLostError';
}

/** Whether an error is a loss that is not finite any more, of whichever copy of this package. */
export function isDiverged(error: unknown): error is DivergedError {
  return nameOf(error) === 'DivergedError';
}

/** Whether an error is the caller's to mend, of whichever copy of this package. */
export function isInputError(error: unknown): error is InputError {
  return nameOf(error) === 'InputError';
}

function nameOf(error: unknown): unknown {
  return (error as { readonly name?: unknown } | null | undefined)?.name;
}
