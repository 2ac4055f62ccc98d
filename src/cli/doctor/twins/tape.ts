/** Numbers in float64 that know what they were made of: a model that is written out in them has its gradient. */

export interface Entry {
  readonly value: number;
  /** d(what was differentiated) / d(this), after `differentiate`. */
  gradient: number;
}

export class Tape {
  readonly #backwards: (() => void)[] = [];
  readonly #entries: Entry[] = [];

  /** A number that is given. */
  leaf(value: number): Entry {
    return this.#entry(value, () => {});
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
    return this.dot([left], [right]);
  }

  sum(terms: readonly Entry[]): Entry {
    return this.#entry(
      terms.reduce((sum, { value }) => sum + value, 0),
      own => {
        for (const term of terms) term.gradient += own;
      },
    );
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
    for (const backwards of this.#backwards.slice().reverse()) backwards();
  }

  #entry(value: number, backwards: (own: number) => void): Entry {
    const entry = { value, gradient: 0 };
    this.#entries.push(entry);
    this.#backwards.push(() => {
      if (entry.gradient !== 0) backwards(entry.gradient);
    });
    return entry;
  }
}
