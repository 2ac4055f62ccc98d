/** Something in what the caller gave: an option, a shape, a file. The message names it, the value and the remedy. */
export class InputError extends Error {
  override readonly name: string = 'InputError';
}

/** Something that went wrong while running: a lost device, a shader that a driver refuses, a loss that is not finite. */
export class RunError extends Error {
  override readonly name: string = 'RunError';
}

/** A loss that is not a finite number any more. */
export class DivergedError extends RunError {
  override readonly name = 'DivergedError';

  constructor(
    /** The step at which it was seen, from 0. */
    readonly step: number,
    readonly loss: number,
  ) {
    super(`the loss became ${loss} at step ${step}: lower the learning rate, or k of the preconditioner`);
  }
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
