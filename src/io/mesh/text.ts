/** Text of mesh files: whatever its encoding and line ends, and numbers that are read whole or not at all. */

/** UTF-8 of a file that is UTF-16 (told by its mark, or by the zeros of its first letters), without a mark. */
export function plainText(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const [a, b, c, d] = bytes;
  if ((a === 0xff && b === 0xfe) || (a > 0 && b === 0 && c > 0 && d === 0)) return encoded(bytes, 'utf-16le');
  if ((a === 0xfe && b === 0xff) || (a === 0 && b > 0 && c === 0 && d > 0)) return encoded(bytes, 'utf-16be');
  return a === 0xef && b === 0xbb && c === 0xbf ? bytes.subarray(3) : bytes;
}

function encoded(bytes: Uint8Array, name: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(new TextDecoder(name).decode(bytes));
}

/** The lines of a text one after the other, with their numbers from 1. */
export class Lines {
  /** Of the line that was taken last. */
  number = 0;
  readonly #text: string;
  #at = 0;

  constructor(bytes: Uint8Array) {
    let end = bytes.length;
    while (bytes[end - 1] === 0) end--; // what blocks of a tape or a disk were filled with
    const text = new TextDecoder().decode(bytes.subarray(0, end));
    this.#text = text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text;
  }

  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.number++;
    return line;
  }

  /** The words of the next line that has any. */
  nextWords(): string[] | undefined {
    for (let line = this.next(); line !== undefined; line = this.next()) {
      const words = wordsOf(line);
      if (words.length > 0) return words;
    }
    return undefined;
  }
}

export function wordsOf(line: string): string[] {
  return line.match(/\S+/g) ?? [];
}

/** A number, its exponent perhaps by Fortran's letter; NaN for what programs write for it; undefined for other words. */
export function numberOf(word: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$/.test(word)) return Number(word.replace(/[dD]/, 'e'));
  if (/^[+-]?inf(inity)?$/i.test(word))
    return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(nan(\(\w*\))?|1\.#\w+)$/i.test(word) ? Number.NaN : undefined;
}
