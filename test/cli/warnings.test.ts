/** What Dawn prints of itself while it looks for adapters: nothing of it where the command recovers. */

import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemDrivers } from '../../src/io/systemDrivers.js';
import { folder, picture, root, runCommand } from '../helpers/command.js';
import { require, requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('warnings');

const command = `${root}dist/cli.js`;
const least = '--rank 4 --width 4 --depth 2 --steps 1 --preconditioner none --optimiser sgd --json'.split(' ');
const none = join(folder, 'none.json');

test('a command on a machine without a Vulkan driver takes the embedded one, and stderr stays empty', async () => {
  const env = { VK_DRIVER_FILES: none };
  const { code, stdout, stderr } = await runCommand(command, ['fit', await picture('8.png', 8, 8), ...least], { env });
  requireEqual('exit and stderr', [code, stderr], [0, '']);
  requireEqual('kind', JSON.parse(stdout).adapter.kind, 'embedded');
});

test('a machine without any adapter is told in one line what is in the way of the embedded one, and else was missing, with the remedies', async () => {
  const env = { VK_DRIVER_FILES: none, SEPNN_CACHE: '/proc/none' };
  const { code, stdout, stderr } = await runCommand(
    command,
    ['doctor', '--case', `${root}test/golden/cp_d2_sin.json`],
    {
      env,
    },
  );
  requireEqual('exit and stdout', [code, stdout], [2, '']);
  const cache = 'cache folder /proc/none: cannot be written \\(.*\\): set SEPNN_CACHE to a folder that can';
  const said = `VK_DRIVER_FILES: ${none.slice(0, 20)}.*: no driver is there; install your GPU's Vulkan driver`;
  require(`"${stderr}"`, new RegExp(
    `^sepnn: ${cache}\\. Without it, no WebGPU adapter. Tried hardware: ${said}\\. software: [^\n]*\n$`,
  ).test(stderr));
});

test('a cache folder that others may write to is what is told, by doctor too, and not that there is no adapter', async () => {
  const cache = join(folder, 'open to all');
  mkdirSync(cache);
  chmodSync(cache, 0o777);
  const env = { VK_DRIVER_FILES: none, SEPNN_CACHE: cache };
  const reason = `cache folder ${cache}: others may write to ${cache}: chmod go-w ${cache}`;
  const embedded = ['--adapter', 'embedded'];
  for (const words of [['krr', '--function', 'f1', ...embedded], ['doctor', ...embedded], ['doctor']]) {
    const { code, stdout, stderr } = await runCommand(command, words, { env });
    requireEqual(words.join(' '), [code, stderr], [2, `sepnn: ${reason}\n`]);
    requireEqual('stdout', stdout.includes(`embedded: ${reason}`), words.length === 1);
  }
});

test('a driver is missing where no manifest is: in the folders of the loader, or where a variable points', () => {
  const names = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES', 'XDG_DATA_HOME', 'HOME'];
  const before = names.map(name => process.env[name]);
  const manifests = join(folder, 'vulkan', 'icd.d');
  mkdirSync(manifests, { recursive: true });
  const home = join(folder, 'home');
  const atHome = join(home, '.local', 'share', 'vulkan', 'icd.d');
  mkdirSync(atHome, { recursive: true });
  writeFileSync(join(atHome, 'some.json'), '{}');
  const missing = (name: string, value: string) => {
    for (const other of names) delete process.env[other];
    process.env[name] = value;
    return systemDrivers.missing();
  };
  try {
    for (const name of names.slice(0, 2)) {
      require(`${name} names nothing`, missing(name, none)?.startsWith(`${name}: ${none.slice(0, 20)}`) ?? false);
      require('an empty folder', missing(name, manifests) !== undefined);
    }
    writeFileSync(join(manifests, 'some.json'), '{}');
    for (const [name, value] of [
      ['VK_DRIVER_FILES', join(manifests, 'some.json')],
      ['VK_ICD_FILENAMES', `${none}:${manifests}`],
      ['VK_ADD_DRIVER_FILES', manifests],
      ['XDG_DATA_HOME', folder],
      ['HOME', home],
    ]) {
      requireEqual(name, missing(name, value), undefined);
    }
  } finally {
    names.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
  }
});

test('on a terminal nothing of what Dawn prints is seen, but where no adapter is found; elsewhere it stays on stderr', async () => {
  const broken = join(folder, 'broken.json');
  writeFileSync(
    broken,
    JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: 'libnone.so', api_version: '1.3.0' } }),
  );
  const opens = [process.execPath, '--import', 'tsx', `${root}test/helpers/quietEngine.ts`];
  const onTerminal = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    outputOf('script', ['-qec', words.join(' '), '/dev/null'], env);
  const fails = [process.execPath, command, 'doctor', '--case', `${root}test/golden/cp_d2_sin.json`];
  const [usual, recovered, piped, failed, seen] = await Promise.all([
    onTerminal(opens),
    onTerminal(opens, { VK_DRIVER_FILES: broken }),
    outputOf(opens[0], opens.slice(1), { VK_DRIVER_FILES: broken }),
    onTerminal(fails, { VK_DRIVER_FILES: broken, SEPNN_CACHE: '/proc/none' }),
    onTerminal(fails, { VK_DRIVER_FILES: broken, SEPNN_CACHE: '/proc/none', TMPDIR: '/proc/none' }),
  ]);
  require(`"${usual}"`, /^(hardware|software|embedded)\r\n$/.test(usual));
  requireEqual('recovered', recovered, 'embedded\r\n');
  require(`"${piped}"`, /^Warning: libnone\.so: .*\nembedded\n$/s.test(piped));
  require(`"${failed}"`, /^sepnn: cache folder [^\n]*, no WebGPU adapter\. .*\. Dawn said: libnone\.so: cannot open [^\n]*\n$/.test(
    failed,
  ));
  require(`without a place to keep it: "${seen}"`, /^Warning: libnone\.so: .*\nsepnn: cache folder [^\n]*, no WebGPU adapter\. [^\n]*\n$/s.test(
    seen,
  ));
});

/** Both streams of a program. */
function outputOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise(resolve => {
    const options = { cwd: root, env: { ...process.env, ...env } };
    execFile(program, args, options, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}
