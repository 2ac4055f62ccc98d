/** Things that are made one after the other and disposed of together. */

declare global {
  // What `using` needs, as lib.esnext.disposable has it: whoever takes our types need not name that library.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
    readonly asyncDispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>;
  }
}

/** What holds memory of a device until its end. */
export interface Disposable {
  /** Frees what it holds. A `Scope` calls it once. */
  dispose(): void;
}

/** What is kept here is disposed of together. */
export class Scope implements Disposable {
  readonly #made: Disposable[] = [];

  /** Has it disposed of with the others. */
  keep<T extends Disposable>(one: T): T {
    this.#made.push(one);
    return one;
  }

  /** Disposes of everything kept, what was made last first. */
  dispose(): void {
    for (const one of this.#made.splice(0).reverse()) one.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Has all of them disposed of with what the scope holds. */
export function keepAll<T extends Readonly<Record<string, Disposable>>>(scope: Scope, all: T): T {
  for (const one of Object.values(all)) scope.keep(one);
  return all;
}

/** Does `work` with a scope that outlives it where it succeeds, and is disposed of where it throws. */
export async function building<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope();
  try {
    return await work(scope);
  } catch (error) {
    scope.dispose();
    throw error;
  }
}

/** What promises give, once all have settled: whoever is told that one failed may free what the others used. */
export async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Does `work` with a scope that ends with it. */
export async function within<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const scope = new Scope();
  try {
    return await work(scope);
  } finally {
    scope.dispose();
  }
}
