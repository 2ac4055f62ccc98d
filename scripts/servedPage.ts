/** Files served to a headless Chromium on this machine alone, and what the page posts back. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openPage } from './chromium.js';

export interface ServedFile {
  readonly type: 'text/html' | 'text/javascript';
  readonly text: string;
}

/**
 * Opens `/` of the given files, by path, and waits until the page posts to `/result`.
 *
 * @param query after the address.
 * @returns the body posted.
 * @throws Error if Chromium ends before.
 */
export async function postedBy(files: Readonly<Record<string, ServedFile>>, query = ''): Promise<string> {
  let settle: (text: string) => void = () => {};
  const posted = new Promise<string>(resolve => {
    settle = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      let body = '';
      request.on('data', chunk => {
        body += chunk;
      });
      request.on('end', () => {
        response.end();
        settle(body);
      });
      return;
    }
    const file = files[(request.url ?? '').split('?')[0]];
    if (!file) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader('content-type', file.type);
    response.end(file.text);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  const browser = await openPage(`http://127.0.0.1:${port}/${query}`);
  try {
    return await Promise.race([
      posted,
      browser.ended.then(output => Promise.reject(new Error(`Chromium ended: ${output.slice(-2000)}`))),
    ]);
  } finally {
    await browser.close();
    server.close();
  }
}
