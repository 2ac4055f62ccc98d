/** Which problem is meant: one that ships, by its name, or one of a host's own, by the module that exports it. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InputError, isInputError } from '../../errors.js';
import { shown, spelled } from '../../host/checks.js';
import { observed } from '../../pde/observed.js';
import { isProblem, type Problem } from '../../pde/problem.js';
import { problems } from '../../pde/problems.js';

const isModule = /\.[cm]?[jt]s$/;
const moduleEndings = '.js, .mjs, .cjs, .ts';
/** Before the names of problems of a host's own, so that none is taken for one that ships. */
export const moduleMark = 'module:';

export interface NamedProblem {
  /** By which files tell it from others. */
  readonly name: string;
  readonly problem: Problem;
  /** Whether a module exports it. */
  readonly isOwn: boolean;
}

/** @throws InputError a name that there is not, or a module whose default export is no problem. */
export async function problemNamed(name: string): Promise<NamedProblem> {
  if (!isModule.test(name)) return { name, problem: shippedProblem(name), isOwn: false };
  const problem = await ofModule(name);
  return { name: `${moduleMark}${problem.name}`, problem, isOwn: true };
}

/** @throws InputError a name that there is not. */
export function shippedProblem(name: string): Problem {
  if (Object.hasOwn(problems, name)) return problems[name]();
  const what = existsSync(name) ? `is no module by its name (${moduleEndings})` : 'there is no such problem';
  throw new InputError(
    `pde ${spelled(name)}: ${what}: use ${Object.keys(problems).join(', ')}, or a module that exports one, such as ./bar.mjs`,
  );
}

/** With its solution as data, where they weigh anything. @throws InputError one whose solution is not known. */
export function withData(problem: Problem, weight: number): Problem {
  return weight > 0 ? observed(problem, weight) : problem;
}

async function ofModule(path: string): Promise<Problem> {
  const fail = (what: string): never => {
    throw new InputError(`pde ${path}: ${what}: give a module whose default export is what defineProblem gives`);
  };
  if (!existsSync(path)) fail('there is no such file');
  let found: unknown;
  try {
    found = await settling(
      async () => {
        const { default: exported } = (await import(pathToFileURL(resolve(path)).href)) as {
          readonly default?: unknown;
        };
        return typeof exported === 'function' ? await exported() : exported;
      },
      () => fail('its module never finished'),
    );
  } catch (error) {
    if (isInputError(error)) throw error;
    return fail(`cannot be run (${spelled((error as Error | undefined)?.message ?? error)})`);
  }
  return isProblem(found) ? found : fail(`its default export is ${shown(found)}`);
}

/** Does `work`, and throws what `never` throws where it waits while nothing is left in this process that could end its wait. */
async function settling<T>(work: () => Promise<T>, never: () => never): Promise<T> {
  let idle = () => {};
  const ended = new Promise<undefined>(resolveEnded => {
    idle = () => resolveEnded(undefined);
  });
  process.once('beforeExit', idle);
  try {
    const done = await Promise.race([work().then(value => ({ value })), ended]);
    return done ? done.value : never();
  } finally {
    process.off('beforeExit', idle);
  }
}
