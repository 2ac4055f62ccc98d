/** What an editor shows of the packed types: each function, class and constant, and each option, says what it is. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../scripts/bundles.js';
import { requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('docstrings');
const folder = `${root}dist/types/public`;
const entries = ['index', 'node', 'ops', 'ntk', 'pde'];

/** Where each exported name is declared, and what stands in that file. */
function exportsOf(entry: string): (readonly [name: string, text: string])[] {
  const text = readFileSync(join(folder, `${entry}.d.ts`), 'utf8');
  return [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '(.*)\.js';/gm)].flatMap(([, names, path]) => {
    const declared = readFileSync(join(folder, `${path}.d.ts`), 'utf8');
    return [...names.matchAll(/(\w+)(?=\s*(?:,|$))/g)].map(([, name]) => [name, declared] as const);
  });
}

/** Whether what begins at `at` has a docstring before it that has words before its first tag. */
function isTold(text: string, at: number): boolean {
  const [, docstring] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, at)) ?? [];
  return docstring !== undefined && /^[\s*]*[^\s*@]/.test(docstring);
}

test('every function, class and constant of the public entries has a sentence beside its tags', () => {
  const named = entries.flatMap(exportsOf);
  const silent = named.flatMap(([name, text]) => {
    const [declaration] = text.matchAll(new RegExp(`^export declare (?:function|class|const) ${name}\\b`, 'gm'));
    return declaration && !isTold(text, declaration.index) ? [name] : [];
  });
  requireEqual('names found', named.length > 300, true);
  requireEqual('without a sentence', silent, []);
});

test('every option of the public entries has a sentence', () => {
  const silent = entries.flatMap(exportsOf).flatMap(([name, text]) => {
    const options = /^\w*Options$/.test(name)
      ? new RegExp(`^export interface ${name}\\b[^{]*\\{`, 'm').exec(text)
      : null;
    if (!options) return [];
    const from = options.index + options[0].length;
    const body = text.slice(from, text.indexOf('\n}', from));
    return [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(<]/gm)].flatMap(option =>
      isTold(body, option.index) ? [] : [`${name}.${option[1]}`],
    );
  });
  requireEqual('without a sentence', silent, []);
});
