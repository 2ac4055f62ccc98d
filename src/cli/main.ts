#!/usr/bin/env node
/** The command `sepnn`. Exit 0: done; 1: failed while running; 2: bad usage or input, with one line on stderr. */

import { run } from './program.js';

process.exitCode = await run(process.argv.slice(2));
