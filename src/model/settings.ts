/** What makes a value again, beside its name: numbers and lists of numbers. */
export type Settings = Readonly<Record<string, number | readonly number[]>>;
