/** The licences of the packages whose code is in dist/: their terms want them beside every copy. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

/** The folders of the packages, sorted, of which code has come into a bundle; relative, as esbuild gives them. */
export function packagesInside(metafile: Metafile): string[] {
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs: own }) => Object.entries(own));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => {
    // The last node_modules: a package may bring packages of its own.
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
    return folder && bytesInOutput > 0 ? [folder] : [];
  });
  return [...new Set(folders)].sort();
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
}

/**
 * The text of THIRD-PARTY-NOTICES: of each package its name, version and licence, and its licences and notices whole.
 *
 * @param folders of the packages. One that is there twice in the same version is named once.
 * @throws Error where a package names no licence or has no text of it.
 */
export function noticesOf(folders: readonly string[]): string {
  const sections = folders.map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    const files = noticeFiles(folder);
    if (typeof license !== 'string' || !files.some(file => /licen[cs]e|copying/i.test(file))) {
      const lacks = typeof license === 'string' ? 'has no licence text' : 'names no licence';
      throw new Error(`${name} ${version} is bundled and ${lacks} (${folder}): take another package or leave it out`);
    }
    const texts = files.map(file => `${file}:\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`);
    return `${'='.repeat(80)}\n${name} ${version} (${license})\n${'='.repeat(80)}\n\n${texts.join('\n')}`;
  });
  return `dist/ has code of the following packages.\n\n${[...new Set(sections)].join('\n')}`;
}

/** Licences and notices in a package's folder, and in a folder of licences, which code that it took over may have. */
function noticeFiles(folder: string, within = ''): string[] {
  return readdirSync(join(folder, within))
    .sort()
    .flatMap(name => {
      const path = join(within, name);
      if (within === '' && !/^(licen[cs]e|notice|copying|copyright|third-?party)/i.test(name)) return [];
      return statSync(join(folder, path)).isDirectory() ? noticeFiles(folder, path) : [path];
    });
}
