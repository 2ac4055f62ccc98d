/** Where things are kept between runs. */

import { homedir } from 'node:os';
import { join } from 'node:path';

/** SEPNN_CACHE, else sepnn in the folder that the XDG base directory specification gives. */
export function cacheFolder(): string {
  const { SEPNN_CACHE, XDG_CACHE_HOME } = process.env;
  return SEPNN_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'sepnn');
}
