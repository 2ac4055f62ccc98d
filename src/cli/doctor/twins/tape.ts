/** Numbers in float64 that know what they were made of: a model that is written out in them has its gradient. */

/** A number on a tape: its place there. */
export type Entry = number;

/**
 * What is made of others adds to their gradients its own, times a weight that is known once it is made. So a tape is a list of
 * pairs of an entry and a weight, in one array each: an object a number would take a processor longer than the arithmetic.
 */
export class Tape {
  #values = new Float64Array(1024);
  #gradients = new Float64Array(1024);
  /** Of each entry, where its pairs begin; they end where those of the next do. */
  #starts = new Int32Array(1024);
  #inputs = new Int32Array(4096);
  #weights = new Float64Array(4096);
  #entries = 0;
  #pairs = 0;

  value(of: Entry): number {
    return this.#values[of];
  }

  values(of: readonly Entry[]): Float64Array {
    return taken(this.#values, of);
  }

  /** d(what was differentiated) / d(each), after `differentiate`. */
  gradients(of: readonly Entry[]): Float64Array {
    return taken(this.#gradients, of);
  }

  /** A number that is given. */
  leaf(value: number): Entry {
    if (this.#entries === this.#values.length) {
      this.#values = longer(this.#values);
      this.#gradients = longer(this.#gradients);
      this.#starts = longer(this.#starts);
    }
    this.#values[this.#entries] = value;
    this.#starts[this.#entries] = this.#pairs;
    return this.#entries++;
  }

  /** scale sum_i left_i right_i; the two may differ in length, and the longer's rest counts as multiplied by 0. */
  dot(left: readonly Entry[], right: readonly Entry[], scale = 1): Entry {
    const length = Math.min(left.length, right.length);
    const made = this.leaf(0);
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const a = this.#values[left[i]];
      const b = this.#values[right[i]];
      sum += a * b;
      this.#add(left[i], scale * b);
      this.#add(right[i], scale * a);
    }
    this.#values[made] = scale * sum;
    return made;
  }

  multiply(left: Entry, right: Entry): Entry {
    return this.dot([left], [right]);
  }

  sum(terms: readonly Entry[]): Entry {
    const made = this.leaf(0);
    let sum = 0;
    for (const term of terms) {
      sum += this.#values[term];
      this.#add(term, 1);
    }
    this.#values[made] = sum;
    return made;
  }

  /** f(x), of which `of` gives the value and the derivative. */
  apply(x: Entry, of: (x: number) => readonly [value: number, slope: number]): Entry {
    const [value, slope] = of(this.#values[x]);
    const made = this.leaf(value);
    this.#add(x, slope);
    return made;
  }

  /** Fills in the gradients of everything before with respect to one entry. */
  differentiate(of: Entry): void {
    const gradients = this.#gradients.fill(0);
    gradients[of] = 1;
    let end = of + 1 < this.#entries ? this.#starts[of + 1] : this.#pairs;
    for (let i = of; i >= 0; i--) {
      const own = gradients[i];
      const start = this.#starts[i];
      if (own !== 0) for (let at = start; at < end; at++) gradients[this.#inputs[at]] += own * this.#weights[at];
      end = start;
    }
  }

  #add(input: Entry, weight: number): void {
    if (this.#pairs === this.#inputs.length) {
      this.#inputs = longer(this.#inputs);
      this.#weights = longer(this.#weights);
    }
    this.#inputs[this.#pairs] = input;
    this.#weights[this.#pairs++] = weight;
  }
}

function taken(from: Float64Array, places: readonly Entry[]): Float64Array {
  const numbers = new Float64Array(places.length);
  for (let i = 0; i < places.length; i++) numbers[i] = from[places[i]];
  return numbers;
}

function longer<T extends Float64Array | Int32Array>(array: T): T {
  const twice = new (array.constructor as new (length: number) => T)(2 * array.length);
  twice.set(array);
  return twice;
}
