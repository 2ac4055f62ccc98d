import { InputError } from '../../errors.js';
import { spelled } from '../../host/checks.js';

/** Where a Redis answers. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** Of those that one server has, by its number. */
  readonly db: number;
  readonly secure: boolean;
  /** As messages name it: without the password. */
  readonly shown: string;
}

const usualPort = 6379;

/**
 * The address in `redis://user:password@host:port/number`, or `rediss://` for one by TLS.
 *
 * @throws InputError naming what is wrong with it, without its password.
 */
export function addressOf(option: string, text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const fail = (what: string): never => {
    throw new InputError(`${option} ${spelled(withoutPassword(text))}: ${what}: give redis://host:6379`);
  };
  if (!url || !['redis:', 'rediss:'].includes(url.protocol)) return fail('is no address of a Redis');
  const { hostname, port, username, password, pathname, protocol } = url;
  if (hostname === '') fail('names no host');
  const db = /^\/?$/.test(pathname) ? '0' : pathname.slice(1);
  if (!/^\d+$/.test(db)) fail(`has ${spelled(pathname)} where the number of a database stands`);
  const decoded = (what: string, part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return fail(`has a ${what} with a % that begins no character: write %25 for it`);
    }
  };
  const number = port === '' ? usualPort : Number(port);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: number,
    ...(username !== '' && { username: decoded('user', username) }),
    ...(password !== '' && { password: decoded('password', password) }),
    db: Number(db),
    secure: protocol === 'rediss:',
    shown: `${protocol}//${hostname}:${number}${db === '0' ? '' : `/${db}`}`,
  };
}

/** Words of a command line with every password of an address in them left out. */
export function withoutPassword(text: string): string {
  return text.replace(/(\brediss?:\/\/[^:@/\s]*):\S*@/g, '$1:...@');
}
