/** Work that is shared by a Redis: who has which piece, and what becomes of a Redis that is not there, or goes away. */

import { addressOf, withoutPassword } from '../../src/io/queue/address.js';
import { type Counts, WorkQueue } from '../../src/io/queue/workQueue.js';
import { require, requireEqual, requireThrows } from '../helpers/compare.js';
import { startRedis, withRedis } from '../helpers/redis.js';
import { suite } from '../helpers/suite.js';

const test = suite('queue');

type Numbers = WorkQueue<number, string>;

const notes: string[] = [];
const open = (url: string, changes: { lockSeconds?: number; patienceSeconds?: number } = {}): Promise<Numbers> =>
  WorkQueue.open<number, string>({
    ...{ option: '--queue', url, name: 'numbers', lockSeconds: 30, patienceSeconds: 30 },
    ...changes,
    note: line => notes.push(line),
  });

const pieces = [1, 2, 3].map(data => ({ id: `number-${data}`, data }));

test('an address has a host, and perhaps a port, a user, a password and a number; without TLS or with it', () => {
  const { shown, ...address } = addressOf('--queue', 'rediss://me:p%40ss@example.org:7000/3');
  requireEqual('address', address, {
    ...{ host: 'example.org', port: 7000, username: 'me', password: 'p@ss', db: 3, secure: true },
  });
  requireEqual('shown', shown, 'rediss://example.org:7000/3');
  requireEqual('usual', addressOf('--queue', 'redis://[::1]'), {
    ...{ host: '::1', port: 6379, db: 0, secure: false, shown: 'redis://[::1]:6379' },
  });
});

test('what is no address is refused in a line that does not tell its password', async () => {
  for (const text of [
    'localhost',
    'http://me:secret@host',
    'redis://',
    'redis://:secret@host/seven',
    'redis://:secret%zz@host',
    'redis://:se/secret@host',
    'redis://host:x',
  ]) {
    const pattern =
      /^--queue [^\n]*: (is no address of a Redis|names no host|has \S+ where .*|has a password with .*): give redis:\/\/host:6379$/;
    await requireThrows(text, () => addressOf('--queue', text), 'InputError', pattern);
  }
  for (const password of ['secret', 'sec@ret', 'sec/ret', 'sec%zz']) {
    const words = withoutPassword(`--queue redis://:${password}@host:1/2 --lock 3`);
    requireEqual(password, words, '--queue redis://:...@host:1/2 --lock 3');
  }
});

withRedis('what goes through a Redis', () => {
  test('a Redis that is not there, or wants a password, is told in a line without the password', async () => {
    const redis = await startRedis({ password: 'secret' });
    const bare = `redis://127.0.0.1:${redis.port}`;
    for (const url of [bare, `redis://:wrong@127.0.0.1:${redis.port}`]) {
      const pattern =
        /^--queue redis:\/\/127\.0\.0\.1:\d+: refuses the password, or the want of one \([^\n]*\): give redis:[^\n]*$/;
      await requireThrows(url, () => open(url), 'InputError', pattern);
    }
    await (await open(redis.url)).close();
    await redis.stop();
    const gone =
      /^--queue redis:\/\/127\.0\.0\.1:\d+: cannot be reached \(connect ECONNREFUSED [^\n]*\): start it, or [^\n]*$/;
    await requireThrows('stopped', () => open(redis.url), 'RunError', gone);
  });

  test('a Redis whose memory is full is told in a line', async () => {
    const redis = await startRedis({ most: '1' });
    const queue = await open(redis.url);
    const pattern =
      /^--queue redis:\/\/127\.0\.0\.1:\d+: refuses \(OOM [^\n]*\): mend it, or give the address of another$/;
    await requireThrows('full', () => queue.add(pieces), 'RunError', pattern);
    await queue.close();
    await redis.stop();
  });

  test('a piece is with one process at a time and ends once; one that is given back goes to another, whatever was added twice', async () => {
    const redis = await startRedis();
    const [one, other] = [await open(redis.url), await open(redis.url)];
    await one.add(pieces);
    await other.add([...pieces, { id: 'number-4', data: 4 }]);
    const counts = async (): Promise<Counts> => one.counts();
    requireEqual('added', await counts(), { waiting: 4, underWay: 0, done: 0, failed: 0 });
    const taken = [await one.take(), await other.take(), await one.take(), await other.take()];
    requireEqual(
      'taken',
      taken.map(piece => piece?.data),
      [1, 2, 3, 4],
    );
    requireEqual('no more', [await one.take(), await other.take()], [undefined, undefined]);
    requireEqual('under way', Object.values(await one.workers()), [4]);
    requireEqual('complete', await taken[0]?.complete('first'), true);
    requireEqual('fail', await taken[1]?.fail('no second'), true);
    requireEqual('twice', await taken[0]?.complete('again'), false);
    await taken[2]?.giveBack();
    const again = await other.take();
    requireEqual('given back', again?.data, 3);
    requireEqual('by who gave it back', await taken[2]?.complete('late'), false);
    await other.close(); // with 3 and 4
    requireEqual('closed', await counts(), { waiting: 2, underWay: 0, done: 1, failed: 1 });
    const ended = [
      { data: 1, result: 'first' },
      { data: 2, failed: 'no second' },
    ];
    requireEqual('ended', await one.ended(), ended);
    await one.retryFailed();
    requireEqual('retried', await counts(), { waiting: 3, underWay: 0, done: 1, failed: 0 });
    await one.clear();
    requireEqual('cleared', await counts(), { waiting: 0, underWay: 0, done: 0, failed: 0 });
    await one.close();
    await redis.stop();
  });

  test('a piece of a process that is not heard of comes back, and that process finds out at its end', async () => {
    const redis = await startRedis();
    const [silent, other] = [await open(redis.url, { lockSeconds: 1 }), await open(redis.url, { lockSeconds: 1 })];
    await other.add(pieces.slice(0, 1));
    // As though its last word were as old as its lock: one that has run out cannot be renewed.
    const lost = await silent.take();
    await expireLocks(redis.url);
    let again = await other.take();
    for (let i = 0; i < 400 && !again; i++) {
      await new Promise(resolve => setTimeout(resolve, 10));
      again = await other.take();
    }
    requireEqual('again', again?.data, 1);
    requireEqual('late', await lost?.complete('late'), false);
    await new Promise(resolve => setTimeout(resolve, 1200)); // longer than the lock, which is renewed
    requireEqual('in time', await again?.complete('in time'), true);
    requireEqual('ended', await other.ended(), [{ data: 1, result: 'in time' }]);
    await Promise.all([silent.close(), other.close()]);
    await redis.stop();
  });

  test('a Redis that goes away is waited for, and one that is away for too long is told in a line', async () => {
    const redis = await startRedis();
    const queue = await open(redis.url, { patienceSeconds: 0.5 });
    await queue.add(pieces);
    notes.length = 0;
    await redis.stop();
    const counts = queue.counts();
    const back = await startRedis({ port: redis.port });
    requireEqual('without what it held', await counts, { waiting: 0, underWay: 0, done: 0, failed: 0 });
    requireEqual('notes', notes.length, 2);
    require(notes[0], /^--queue redis:\/\/\S+: went away: waits for it, 0\.5 s at the most$/.test(notes[0]));
    require(notes[1], /^--queue redis:\/\/\S+: is back$/.test(notes[1]));
    await back.stop();
    const pattern = /^--queue redis:\/\/\S+: was away for 0\.5 s \([^\n]*\): start it, and run the command again$/;
    await requireThrows('gone', () => queue.counts(), 'RunError', pattern);
    await queue.close();
  });

  test('a Redis that says nothing is waited for, one that says nothing for too long is told, and what it was asked it does once', async () => {
    const redis = await startRedis();
    const [one, other] = [
      await open(redis.url, { patienceSeconds: 2 }),
      await open(redis.url, { patienceSeconds: 0.4 }),
    ];
    await one.add(pieces);
    const taken = [await one.take(), await one.take(), await other.take()];
    notes.length = 0;
    redis.freeze();
    const done = taken[0]?.complete('in time');
    await new Promise(resolve => setTimeout(resolve, 1200));
    redis.thaw();
    requireEqual('in time', await done, true);
    const words = [/: does not answer: waits for it, 2 s at the most$/, /: answers again$/];
    require(notes.join('; '), notes.length === 2 && words.every((word, i) => word.test(notes[i])));
    redis.freeze();
    const pattern = /^--queue redis:\/\/\S+: has not answered for 0\.4 s: wake it, and run the command again$/;
    await requireThrows('too long', async () => taken[2]?.complete('unheard'), 'RunError', pattern);
    await other.close(); // at once, though it had a piece
    redis.thaw();
    requireEqual('the rest', await taken[1]?.complete('after'), true);
    // What was asked of it before it was given up it does, once, when it comes to read that connection.
    for (let turn = 0; turn < 100 && (await one.counts()).underWay > 0; turn++) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    requireEqual('counts', await one.counts(), { waiting: 0, underWay: 0, done: 3, failed: 0 });
    const results = (await one.ended()).map(end => ('result' in end ? end.result : ''));
    requireEqual('ended', results.sort(), ['after', 'in time', 'unheard']);
    await one.close();
    await redis.stop();
  });
});

/** Of all pieces that are with somebody. */
async function expireLocks(url: string): Promise<void> {
  const name = 'ioredis';
  const { Redis } = await import(name);
  const redis = new Redis(url);
  await redis.del(await redis.keys('*:lock'));
  redis.disconnect();
}
