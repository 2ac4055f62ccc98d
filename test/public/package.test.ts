/** What is packed: the licences of what it has inside. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { entries, root, vendor } from '../../scripts/bundles.js';
import { noticesOf } from '../../scripts/notices.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { atEnd, suite } from '../helpers/suite.js';

const test = suite('package');
const folder = mkdtempSync(join(tmpdir(), 'sepnn package '));
atEnd(async () => rmSync(folder, { recursive: true }));

/** Names of all packages of which a bundle has code. */
function namesInside({ outputs }: Metafile): string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.keys(inputs)
      .filter(path => path.includes('node_modules/') && inputs[path].bytesInOutput > 0)
      .map(path => /((?:@[^/]+\/)?[^/]+)/.exec(path.slice(path.lastIndexOf('node_modules/') + 13))?.[1] ?? path),
  );
}

test('THIRD-PARTY-NOTICES has name, version, licence and the whole licence text of what is inside, and is packed', async () => {
  const bundled = [await build({ ...entries, write: false }), await build({ ...vendor, write: false })];
  const names = [...new Set(bundled.flatMap(({ metafile }) => namesInside(metafile)))].sort();
  require(`names inside: ${names}`, names.includes('commander') && names.includes('echarts'));
  const notices = readFileSync(`${root}dist/THIRD-PARTY-NOTICES`, 'utf8');
  const listed = [...notices.matchAll(/^={80}\n(\S+) (\S+) \((.+)\)\n={80}\n/gm)];
  requireEqual('named', listed.map(([, name]) => name).sort(), names);
  for (const [, name, version, licence] of listed) {
    const manifest = JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, 'utf8'));
    requireEqual(name, [version, licence], [manifest.version, manifest.license]);
  }
  const texts = ['commander/LICENSE', 'cli-progress/LICENSE.md', 'echarts/NOTICE', 'echarts/licenses/LICENSE-d3'];
  for (const path of texts) {
    require(path, notices.includes(readFileSync(`${root}node_modules/${path}`, 'utf8').trim()));
  }
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8' });
  const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
  const licences = files.map(({ path }) => path).filter(path => /licen[cs]e|notice/i.test(path));
  requireEqual('packed', licences.sort(), ['LICENSE', 'dist/THIRD-PARTY-NOTICES']);
});

test('a package with no licence or no text of it is refused in one line that names it', async () => {
  const packageOf = (name: string, manifest: object, files: Readonly<Record<string, string>>): string => {
    const own = join(folder, name);
    mkdirSync(own, { recursive: true });
    for (const [file, text] of Object.entries({ ...files, 'package.json': JSON.stringify(manifest) })) {
      writeFileSync(join(own, file), text);
    }
    return own;
  };
  const manifest = { name: 'bare', version: '1.2.3', license: 'MIT' };
  const bare = packageOf('bare', manifest, { NOTICE: 'none' });
  await requireThrows(
    'no text',
    () => noticesOf([bare]),
    'Error',
    /^bare 1\.2\.3 is bundled and has no licence text \(.*\): take another.*$/,
  );
  const unnamed = packageOf('unnamed', { ...manifest, license: undefined }, { LICENCE: 'do what you like' });
  await requireThrows(
    'no licence',
    () => noticesOf([unnamed]),
    'Error',
    /^bare 1\.2\.3 is bundled and names no licence .*$/,
  );
});
