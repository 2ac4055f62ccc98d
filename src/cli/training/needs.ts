/**
 * Options that mean something only beside others, as tables: one that is typed in vain is refused, and one that a default
 * set is left out of what is recorded.
 */

import { InputError } from '../../errors.js';
import type { Command } from '../vendor.js';

/** What an error says after an option and its value where that means nothing beside the others; else undefined. */
export type Need<O> = (options: O) => string | undefined;

/** By the names of the options that need something. */
export type Needs<O> = Readonly<Record<string, Need<O>>>;

/** @param values of the option `of` with which it means something: all while that is still to be chosen. @param what these have, and others do not. */
export function only<N extends string>(
  of: N,
  values: readonly string[],
  what: string,
): Need<{ readonly [Name in N]?: string | undefined }> {
  return ({ [of]: value }) => {
    if (value === undefined || values.includes(value)) return undefined;
    return ` with ${flagOf(of)} ${value}: only ${values.join(', ').replace(/, (?=[^,]*$)/, ' and ')} ${what}: leave one of them out`;
  };
}

/** @param other the option without which it means nothing. @param otherwise what there is not, and the remedy. */
export function beside<N extends string>(other: N, otherwise: string): Need<{ readonly [Name in N]?: unknown }> {
  return ({ [other]: value }) => (value === undefined ? `: ${otherwise}` : undefined);
}

/** The names of the options that mean nothing beside the others. */
export function idleIn<O>(options: O, needs: Needs<O>): string[] {
  return Object.keys(needs).filter(name => needs[name](options) !== undefined);
}

/** @throws InputError an option that was typed and means nothing beside the others. */
export function requireMeaning<O extends object>(command: Command, options: O, needs: Needs<O>): void {
  const name = idleIn(options, needs).find(one => command.getOptionValueSource(one) === 'cli');
  if (name === undefined) return;
  const value = (options as Readonly<Record<string, unknown>>)[name];
  throw new InputError(`${flagOf(name)}${typeof value === 'boolean' ? '' : ` ${value}`}${needs[name](options)}`);
}

/** The options without those that mean nothing beside the others, which nobody then reads. */
export function withoutIdle<O extends object>(options: O, needs: Needs<O>): O {
  const idle = idleIn(options, needs);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !idle.includes(name))) as O;
}

const aliases: Readonly<Record<string, readonly string[]>> = { learningRate: ['--lr'] };

/** All ways in which the option of a name may be typed. */
export function flagsOf(name: string): readonly string[] {
  return [flagOf(name), ...(aliases[name] ?? [])];
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}
