/** Numbers in float64 that know what they were made of: a model that is written out in them has its gradient. */

export interface Entry {
  readonly value: number;
  /** d(what was differentiated) / d(this), after `differentiate`. */
  gradient: number;
}

/** What an entry adds to the gradients of those that it was made of. */
type Backwards = (own: number) => void;

export class Tape {
  readonly #entries: Entry[] = [];
  /** One an entry, none of one that is given. */
  readonly #backwards: (Backwards | undefined)[] = [];

  /** A number that is given. */
  leaf(value: number): Entry {
    return this.#entry(value);
  }

  /** scale sum_i left_i right_i; the two may differ in length, and the longer's rest counts as multiplied by 0. */
  dot(left: readonly Entry[], right: readonly Entry[], scale = 1): Entry {
    const length = Math.min(left.length, right.length);
    let sum = 0;
    for (let i = 0; i < length; i++) sum += left[i].value * right[i].value;
    return this.#entry(scale * sum, own => {
      for (let i = 0; i < length; i++) {
        left[i].gradient += scale * own * right[i].value;
        right[i].gradient += scale * own * left[i].value;
      }
    });
  }

  multiply(left: Entry, right: Entry): Entry {
    return this.#entry(left.value * right.value, own => {
      left.gradient += own * right.value;
      right.gradient += own * left.value;
    });
  }

  sum(terms: readonly Entry[]): Entry {
    let sum = 0;
    for (const { value } of terms) sum += value;
    return this.#entry(sum, own => {
      for (const term of terms) term.gradient += own;
    });
  }

  /** f(x), of which `of` gives the value and the derivative. */
  apply(x: Entry, of: (x: number) => readonly [value: number, slope: number]): Entry {
    const [value, slope] = of(x.value);
    return this.#entry(value, own => {
      x.gradient += slope * own;
    });
  }

  /** Fills in the gradients of everything before with respect to one entry. */
  differentiate(of: Entry): void {
    for (const entry of this.#entries) entry.gradient = 0;
    of.gradient = 1;
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const { gradient } = this.#entries[i];
      if (gradient !== 0) this.#backwards[i]?.(gradient);
    }
  }

  #entry(value: number, backwards?: Backwards): Entry {
    const entry = { value, gradient: 0 };
    this.#entries.push(entry);
    this.#backwards.push(backwards);
    return entry;
  }
}
