/** What makes a value again, beside its name: numbers, lists of numbers, names. */
export type Settings = Readonly<Record<string, number | string | readonly number[]>>;
