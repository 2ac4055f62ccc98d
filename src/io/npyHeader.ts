/** The header of NPY files: a dictionary as Python writes it, of the few kinds of values that one has. */

/** A string, True or False, a whole number, a tuple, or a list, as that of a record's fields is. */
export type NpyValue = string | boolean | number | readonly NpyValue[] | { readonly list: readonly NpyValue[] };

/** One word of Python, and white space before it: a bracket, a comma, a string without escapes, a name or a number. */
const word = /[ \t\r\n\f]*(?:([{}()[\],:])|u?'([^'\\\n]*)'|u?"([^"\\\n]*)"|(True|False)\b|(-?(?:0|[1-9]\d*))L?\b)/y;
const mostNested = 8;

class Words {
  readonly #text: string;
  #at = 0;
  /** The word that is next, a bracket or the value that it is; undefined at the end or before what is none. */
  mark: string | undefined;
  value: NpyValue | undefined;

  constructor(text: string) {
    this.#text = text;
    this.step();
  }

  step(): void {
    word.lastIndex = this.#at;
    const [all, mark, single, double, truth, digits] = word.exec(this.#text) ?? [];
    this.#at += all?.length ?? 0;
    this.mark = mark;
    this.value = single ?? double ?? (truth === undefined ? digits && Number(digits) + 0 : truth === 'True');
  }

  /** Whether a mark was next, which is then gone by. */
  takes(mark: string): boolean {
    if (this.mark !== mark) return false;
    this.step();
    return true;
  }

  get isAtEnd(): boolean {
    return this.#text.slice(this.#at).trim() === '' && this.mark === undefined && this.value === undefined;
  }
}

/** The entries of a header, of a key that is there twice the last as in Python; undefined for a text that is no such dictionary. */
export function npyEntries(header: string): Map<string, NpyValue> | undefined {
  const words = new Words(header);
  const entries = new Map<string, NpyValue>();
  if (!words.takes('{')) return undefined;
  while (!words.takes('}')) {
    const key = words.value;
    words.step();
    if (typeof key !== 'string' || !words.takes(':')) return undefined;
    const value = taken(words, mostNested);
    if (value === undefined) return undefined;
    entries.set(key, value);
    if (!words.takes(',') && words.mark !== '}') return undefined;
  }
  return words.isAtEnd ? entries : undefined;
}

function taken(words: Words, nested: number): NpyValue | undefined {
  const { value, mark } = words;
  if (value !== undefined) {
    words.step();
    return value;
  }
  if ((mark !== '(' && mark !== '[') || nested === 0) return undefined;
  const end = mark === '(' ? ')' : ']';
  words.step();
  const values: NpyValue[] = [];
  let hasComma = false;
  while (!words.takes(end)) {
    const one = taken(words, nested - 1);
    if (one === undefined) return undefined;
    values.push(one);
    const isFollowed = words.takes(',');
    hasComma ||= isFollowed;
    if (!isFollowed && words.mark !== end) return undefined;
  }
  if (mark === '[') return { list: values };
  return values.length === 1 && !hasComma ? values[0] : values; // brackets around one value alone are none
}
