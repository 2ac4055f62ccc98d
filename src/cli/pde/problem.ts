/** Which problem is meant: one that ships, by its name, or one of a host's own, by the module that exports it. */

import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
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

/** @param given what messages call the name. @throws InputError a name that there is not, or a module whose default export is no problem. */
export async function problemNamed(name: string, given = 'pde'): Promise<NamedProblem> {
  if (!isModule.test(name)) return { name, problem: shippedProblem(name, given), isOwn: false };
  const problem = await ofModule(name, given);
  return { name: `${moduleMark}${problem.name}`, problem, isOwn: true };
}

/** @param given what messages call the name. @throws InputError a name that there is not. */
export function shippedProblem(name: string, given = 'pde'): Problem {
  if (Object.hasOwn(problems, name)) return problems[name]();
  const what = existsSync(name) ? `is no module by its name (${moduleEndings})` : 'there is no such problem';
  throw new InputError(
    `${given} ${spelled(name)}: ${what}: use ${Object.keys(problems).join(', ')}, or a module that exports one, such as ./bar.mjs`,
  );
}

/** With its solution as data, where they weigh anything. @throws InputError one whose solution is not known. */
export function withData(problem: Problem, weight: number): Problem {
  return weight > 0 ? observed(problem, weight) : problem;
}

async function ofModule(path: string, given: string): Promise<Problem> {
  const fail = (what: string, remedy = 'give a module whose default export is what defineProblem gives'): never => {
    throw new InputError(`${given} ${path}: ${what}: ${remedy}`);
  };
  if (!existsSync(path)) fail('there is no such file');
  if (statSync(path).isDirectory()) fail('it is a folder');
  const found = await settled(async () => {
    const { default: exported } = (await import(pathToFileURL(resolve(path)).href)) as { readonly default?: unknown };
    return typeof exported === 'function' ? await exported() : exported;
  }).catch((error: unknown) => {
    if (isInputError(error)) throw new InputError(`${given} ${path}: ${error.message}`);
    const place = placeOf(error);
    const isHidden = error instanceof SyntaxError && place === '';
    return fail(
      `cannot be run (${reasonOf(error)}${place})`,
      isHidden ? `node ${path} shows where` : 'mend that first',
    );
  });
  if (!found) return fail('its module never finished');
  return isProblem(found.value) ? found.value : fail(`its default export is ${shown(found.value)}`);
}

/** All that an error says. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : shown(error);
}

const ownFolder = fileURLToPath(new URL('.', import.meta.url));

/** The line of a host's own from which an error comes; empty where it does not know: Node tells no program that of most syntax errors. */
function placeOf(error: unknown): string {
  const stack = (error as Error | undefined)?.stack ?? '';
  // Modules stand in it by their addresses, those that are required by their paths.
  for (const [, place, line] of stack.matchAll(/(?:^|[\s(])((?:file:\/\/|\/|[A-Z]:\\)[^\n()]+?):(\d+)/g)) {
    const path = place.startsWith('file:') ? fileURLToPath(place) : place;
    if (!path.startsWith(ownFolder)) return `, ${basename(path)}:${line}`;
  }
  return '';
}

/** What `work` comes to; undefined where it waits while nothing is left in this process that could end its wait. */
async function settled<T>(work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
  let idle = () => {};
  const ended = new Promise<undefined>(resolveEnded => {
    idle = () => resolveEnded(undefined);
  });
  process.once('beforeExit', idle);
  try {
    return await Promise.race([work().then(value => ({ value })), ended]);
  } finally {
    process.off('beforeExit', idle);
  }
}
