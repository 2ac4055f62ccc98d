/** Format, lint and types of the whole tree. */

import { execFileSync } from 'node:child_process';

const root = new URL('..', import.meta.url).pathname;

for (const [program, ...args] of [
  ['@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'],
  ['typescript/bin/tsc', '-p', '.'],
]) {
  execFileSync(process.execPath, [`${root}node_modules/${program}`, ...args], { cwd: root, stdio: 'inherit' });
}
