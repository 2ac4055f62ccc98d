/** A Redis of the tests' own: on a free port, without files, ended with the process. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { atEnd } from './suite.js';

const program = (process.env.PATH ?? '')
  .split(delimiter)
  .map(folder => join(folder, 'redis-server'))
  .find(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** Registers tests that want a Redis, or says in a line that they are left out. */
export function withRedis(what: string, register: () => void): void {
  if (program) register();
  else console.log(`${what}: left out, since no redis-server is on the path (Debian: apt-get install redis-server)`);
}

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** It takes what it is sent, and says nothing until it is thawed. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** @param port a free one by default. @param most bytes of memory, 0 for any number. */
export async function startRedis({ port = 0, password = '', most = '0' } = {}): Promise<RedisServer> {
  const own = port || (await freePort());
  const options = [
    '--port',
    String(own),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    tmpdir(),
    '--maxmemory',
    most,
  ];
  const child = spawn(program as string, [...options, ...(password === '' ? [] : ['--requirepass', password])]);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  atEnd(stop);
  await ready(child);
  return {
    port: own,
    url: `redis://${password === '' ? '' : `:${password}@`}127.0.0.1:${own}`,
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    stop,
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk;
      if (printed.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', code => reject(new Error(`redis-server ended with code ${code}: ${printed}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
