/**
 * Where things are kept between runs: a folder of the user's own. Code is loaded from it, so it is used only where
 * nobody else could have put anything into it, or could exchange it for another.
 */

import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, parse, resolve, sep } from 'node:path';
import { InputError } from '../errors.js';
import { reasonOf } from './files.js';

/** Whose folders are trusted, beside root's. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Bits of a mode by which the group, and anybody else, may write. */
const groupMayWrite = 0o020;
const othersMayWrite = 0o002;
/** In a folder with this bit, as /tmp, nobody renames what is another's. */
const sticky = 0o1000;

/** The user of this process; none on a platform without them. */
function thisUser(): User | undefined {
  const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

/** SEPNN_CACHE, else sepnn in the folder that the XDG base directory specification gives. */
function cachePath(): string {
  const { SEPNN_CACHE, XDG_CACHE_HOME } = process.env;
  if (SEPNN_CACHE) return resolve(SEPNN_CACHE);
  if (XDG_CACHE_HOME?.startsWith('/')) return join(XDG_CACHE_HOME, 'sepnn');
  const home = homeFolder();
  if (home && isAbsolute(home)) return join(home, '.cache', 'sepnn');
  throw new InputError('cache folder: this user has no home folder: set SEPNN_CACHE to a folder of your own');
}

/** As HOME has it, which may be empty, or else the system. */
function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * The cache folder, made for its user alone where it is not there yet.
 *
 * @returns its path without links, no part of which anybody but its user and root can exchange.
 * @throws InputError where it cannot be made, or another could write to it: one line with the remedy.
 */
export async function cacheFolder(user: User | undefined = thisUser()): Promise<string> {
  const path = cachePath();
  const { root } = parse(path);
  const owner = (await lstat(root)).uid;
  const check: Check = (place, stats) => {
    const reason = user && objection(place, stats, { ...user, owners: [0, user.uid, owner] });
    if (reason) throw refused(path, reason);
  };
  const parts = path.slice(root.length).split(sep).filter(Boolean);
  let reached = root;
  check({ path: root, isLast: false }, await lstat(root));
  for (const [i, part] of parts.entries()) {
    const place = { path: join(reached, part), isLast: i === parts.length - 1 };
    const stats = await madeFolder(path, place.path);
    check(place, stats);
    reached = stats.isSymbolicLink() ? await followed(place.path, check) : place.path;
  }
  return reached;
}

/** A folder on the way to another, or that other. */
interface Place {
  readonly path: string;
  readonly isLast: boolean;
}

type Check = (place: Place, stats: Stats) => void;

/** What stands at a path, a new folder where nothing did. One at a time: Node's recursive way never ends on /proc. */
async function madeFolder(cache: string, path: string): Promise<Stats> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unwritable(cache, error);
  }
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have been as fast, whoever's: what it made is looked at like any other folder.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(cache, error);
  }
  return lstat(path);
}

/** Where a link leads, all on the way there checked. */
async function followed(link: string, check: Check): Promise<string> {
  const target = await realpath(link);
  const { root } = parse(target);
  let reached = root;
  for (const part of target.slice(root.length).split(sep).filter(Boolean)) {
    reached = join(reached, part);
    check({ path: reached, isLast: false }, await lstat(reached));
  }
  return target;
}

interface Trusted extends User {
  /** Besides the user's: root's, and those of whoever owns `/`, which is how root looks from inside some containers. */
  readonly owners: readonly number[];
}

/** Why a place is not to be trusted, with the remedy. */
function objection({ path, isLast }: Place, stats: Stats, { uid, gid, owners }: Trusted): string | undefined {
  const elsewhere = 'set SEPNN_CACHE to a folder of your own';
  if (!owners.includes(stats.uid)) return `${path} belongs to user ${stats.uid}, and you are ${uid}: ${elsewhere}`;
  if (stats.isSymbolicLink()) return isLast ? `${path} is a link: set SEPNN_CACHE to where it leads` : undefined;
  if (!stats.isDirectory()) return `${path} is no folder: ${elsewhere}`;
  if (!isLast && stats.mode & sticky) return undefined;
  // A group of the user's own number is the user's alone; many systems let such a group write by default.
  const ownGroup = !isLast && stats.gid === gid && gid === uid && uid !== 0;
  const writers = ownGroup ? othersMayWrite : groupMayWrite | othersMayWrite;
  if (!(stats.mode & writers)) return undefined;
  return `others may write to ${path}: ${stats.uid === uid ? `chmod go-w ${path}` : elsewhere}`;
}

/** The error for a cache folder that is not used. */
function refused(cache: string, reason: string): InputError {
  return new InputError(`cache folder ${cache}: ${reason}`);
}

/** The error for a cache folder in which something cannot be made. */
export function unwritable(cache: string, error: unknown): InputError {
  return refused(cache, `cannot be written (${reasonOf(error)}): set SEPNN_CACHE to a folder that can`);
}

/**
 * The bytes of a file in the cache folder.
 *
 * @returns undefined where there is none, or where it is a link, no file, or open to others' writing.
 */
export async function readOwn(path: string): Promise<Buffer | undefined> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(() => undefined);
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    const isOurs = stats.isFile() && !(thisUser() && stats.mode & (groupMayWrite | othersMayWrite));
    return isOurs ? await file.readFile() : undefined;
  } finally {
    await file.close();
  }
}
