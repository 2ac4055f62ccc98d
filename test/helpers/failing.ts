/** What goes wrong when it is told to. */

import { engine } from './gpu.js';

/** Does `work` while one compilation of the tests' engine fails. @param nth which, from 0. @returns whether that never came. */
export async function withFailingCompilation(nth: number, work: () => Promise<unknown>): Promise<boolean> {
  const { compile } = engine;
  const told = new Error('this compilation fails');
  let compiled = 0;
  engine.compile = async (...args: readonly unknown[]) => {
    if (compiled++ === nth) throw told;
    return compile.apply(engine, args as never) as never;
  };
  try {
    await work();
    return true;
  } catch (error) {
    if (error !== told) throw error;
    return false;
  } finally {
    engine.compile = compile;
  }
}
