/** The cache folder: made for its user alone, refused where others could write to it, and never believed. */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, type User } from '../../src/io/cache.js';
import { archiveFolder, unpackedArchive } from '../../src/io/embeddedDriver.js';
import { openEngine } from '../../src/public/node.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('the cache folder');

const variables = ['SEPNN_CACHE', 'XDG_CACHE_HOME', 'HOME'] as const;

/** Runs `work` in a folder of its own, with the variables that it sets put back. */
async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const before = variables.map(name => process.env[name]);
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'sepnn-cache-')));
  try {
    await work(folder);
  } finally {
    variables.forEach((name, i) => {
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
    });
    rmSync(folder, { recursive: true, force: true });
  }
}

const modeOf = (path: string) => (statSync(path).mode & 0o7777).toString(8);
const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];

function requireRefused(path: string, message: RegExp, user?: User): Promise<void> {
  process.env.SEPNN_CACHE = path;
  return requireThrows(path, () => cacheFolder(user), 'InputError', message);
}

test('it is made for its user alone, with the folders above it, whatever the umask', () =>
  inFolder(async folder => {
    const before = process.umask(0);
    try {
      process.env.SEPNN_CACHE = join(folder, 'a', 'b');
      requireEqual('path', await cacheFolder(), join(folder, 'a', 'b'));
    } finally {
      process.umask(before);
    }
    requireEqual('modes', [modeOf(join(folder, 'a')), modeOf(join(folder, 'a', 'b'))], ['700', '700']);
    requireEqual('again', await cacheFolder(), join(folder, 'a', 'b'));
  }));

test('SEPNN_CACHE goes before XDG_CACHE_HOME, that before the home folder, and one that is relative counts as none', () =>
  inFolder(async folder => {
    process.env.HOME = join(folder, 'home');
    process.env.SEPNN_CACHE = '';
    process.env.XDG_CACHE_HOME = 'here';
    requireEqual('home', await cacheFolder(), join(folder, 'home', '.cache', 'sepnn'));
    process.env.XDG_CACHE_HOME = join(folder, 'xdg');
    requireEqual('XDG', await cacheFolder(), join(folder, 'xdg', 'sepnn'));
    process.env.XDG_CACHE_HOME = '';
    for (const home of ['', 'here']) {
      process.env.HOME = home;
      await requireThrows(
        `HOME=${home}`,
        () => cacheFolder(),
        'InputError',
        /^cache folder: this user has no home folder: set SEPNN_CACHE/,
      );
    }
  }));

test('a folder that others may write is refused, and so is one below it', () =>
  inFolder(async folder => {
    const cache = join(folder, 'above', 'cache');
    mkdirSync(cache, { recursive: true, mode: 0o755 });
    for (const mode of [0o770, 0o707, 0o777, 0o1777]) {
      chmodSync(cache, mode);
      await requireRefused(
        cache,
        new RegExp(`^cache folder ${cache}: others may write to ${cache}: chmod go-w ${cache}$`),
      );
    }
    chmodSync(cache, 0o700);
    for (const mode of [0o702, 0o777]) {
      chmodSync(join(folder, 'above'), mode);
      await requireRefused(cache, /: others may write to .*above: chmod go-w .*above$/);
      await requireRefused(join(cache, 'deeper'), /others may write to .*above:/);
      requireEqual('made', existsSync(join(cache, 'deeper')), false);
    }
    chmodSync(join(folder, 'above'), 0o1777);
    requireEqual('where nobody renames what is not theirs', await cacheFolder().then(() => true), true);
  }));

test('a group may write above it where the group is the user alone, and nowhere else', () =>
  inFolder(async folder => {
    const above = join(folder, 'above');
    mkdirSync(above);
    // As root these folders are given to a user; anybody else has them as they are.
    const [owner, group] = uid === 0 ? [4242, 4242] : [uid, gid];
    for (const [inGroup, refused] of [
      [group, uid !== 0 && uid !== gid],
      [uid === 0 ? 4243 : gid, uid === 0 || uid !== gid],
    ] as const) {
      if (uid === 0) for (const path of [folder, above]) chownSync(path, owner, inGroup);
      chmodSync(above, 0o770);
      if (refused) await requireRefused(join(above, 'cache'), /others may write/, { uid: owner, gid: group });
      else {
        process.env.SEPNN_CACHE = join(above, 'cache');
        if (uid === 0) mkdirSync(process.env.SEPNN_CACHE, { mode: 0o700 });
        await cacheFolder({ uid: owner, gid: group });
        rmSync(process.env.SEPNN_CACHE, { recursive: true });
      }
    }
  }));

test("another user's folder is refused, at the end and on the way", () =>
  inFolder(async folder => {
    const cache = join(folder, 'cache');
    mkdirSync(cache, { mode: 0o700 });
    // Root trusts nobody's folder but its own, to which only root can give another owner.
    const user = uid === 0 ? { uid: 0, gid: 0 } : { uid: uid + 1, gid };
    if (uid === 0) chownSync(cache, 4242, 4242);
    await requireRefused(cache, /belongs to user \d+, and you are \d+: set SEPNN_CACHE to a folder of your own$/, user);
    await requireRefused(join(cache, 'deeper'), /belongs to user/, user);
    requireEqual('made', existsSync(join(cache, 'deeper')), false);
  }));

test('a link is refused at the end, and followed on the way where all on its way is trusted', () =>
  inFolder(async folder => {
    mkdirSync(join(folder, 'real', 'sub'), { recursive: true, mode: 0o755 });
    symlinkSync(join(folder, 'real', 'sub'), join(folder, 'link'));
    await requireRefused(join(folder, 'link'), /link is a link: set SEPNN_CACHE to where it leads$/);
    process.env.SEPNN_CACHE = join(folder, 'link', 'cache');
    requireEqual('followed', await cacheFolder(), join(folder, 'real', 'sub', 'cache'));
    chmodSync(join(folder, 'real'), 0o777);
    await requireRefused(join(folder, 'link', 'cache'), /others may write to .*real: chmod go-w/);
  }));

test('where it cannot be made, one line says why and what to set: on /proc, below a file', () =>
  inFolder(async folder => {
    await requireRefused(
      '/proc/sepnn/cache',
      /^cache folder \/proc\/sepnn\/cache: cannot be written \(.*\): set SEPNN_CACHE to a folder that can$/,
    );
    writeFileSync(join(folder, 'file'), '');
    await requireRefused(join(folder, 'file'), /is no folder: set SEPNN_CACHE/);
    await requireRefused(join(folder, 'file', 'cache'), /file is no folder: set SEPNN_CACHE/);
  }));

test('a library that was planted with a record of its own hash is not loaded: what the package carries replaces it', () =>
  inFolder(async folder => {
    process.env.SEPNN_CACHE = folder;
    const archive = readFileSync(join(archiveFolder(), 'swiftshader.tar.br'));
    const sum = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
    const planted = join(folder, `swiftshader-${sum(archive).slice(0, 16)}`);
    mkdirSync(planted);
    writeFileSync(join(planted, 'libvulkan.so.1'), 'planted');
    writeFileSync(join(planted, 'manifest.json'), JSON.stringify({ 'libvulkan.so.1': sum('planted') }));
    requireEqual('folder', await unpackedArchive('swiftshader'), planted);
    require('still planted', readFileSync(join(planted, 'libvulkan.so.1')).length > 100_000);
    requireEqual('the record', existsSync(join(planted, 'manifest.json')), false);
    requireEqual('modes', [modeOf(planted), modeOf(join(planted, 'libvulkan.so.1'))], ['700', '700']);
  }));

test('an engine that cannot use the folder says that alone, and not that no adapter is there', () =>
  inFolder(async folder => {
    chmodSync(folder, 0o777);
    process.env.SEPNN_CACHE = folder;
    const refusal = /^cache folder (\S+): others may write to \1: chmod go-w \1$/;
    await requireThrows('engine', () => openEngine({ adapter: 'embedded' }), 'InputError', refusal);
  }));

test('what is whole but has become writable by others, or has company, is unpacked again', () =>
  inFolder(async folder => {
    process.env.SEPNN_CACHE = folder;
    const unpacked = await unpackedArchive('swiftshader');
    const library = join(unpacked, 'libvk_swiftshader.so');
    for (const change of [() => chmodSync(library, 0o777), () => writeFileSync(join(unpacked, 'more.so'), '')]) {
      const { ino } = statSync(library);
      change();
      await unpackedArchive('swiftshader');
      require('another file', statSync(library).ino !== ino || modeOf(library) === '700');
      requireEqual('mode', modeOf(library), '700');
      requireEqual('company', existsSync(join(unpacked, 'more.so')), false);
    }
  }));
