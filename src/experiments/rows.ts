/** Rows of a table that takes long: each is made once, and may be kept for a run that comes after this one was ended. */

export interface Rows {
  /** The row of that name: what was kept of it, else what `make` makes. Rows are data, as JSON has them. */
  of<R>(name: string, make: () => Promise<R>): Promise<R>;
}

/** Rows that are kept nowhere. */
export const madeRows: Rows = { of: (_, make) => make() };
