/** The whole benchmark on one engine, in Node or in a browser; what is found is handed on as it is found. */

import type { BenchPart } from '../src/cli/bench.js';
import type { Engine } from '../src/graph/engine.js';
import { measureRoofline } from '../src/immediate/roofline.js';
import { eigenCase, eigenSizes } from './cases/eigen.js';
import { eighCase, eighShapes } from './cases/eigh.js';
import { equationCase, equationShapes } from './cases/equationStep.js';
import { growthCase, growths } from './cases/growth.js';
import { kernelSizes, kernelsCase } from './cases/kernels.js';
import { productCase, productSizes } from './cases/products.js';
import { stepCase, stepShapes } from './cases/steps.js';
import type { ContestOptions } from './contest.js';
import type { Peer } from './peers/peer.js';
import type { BenchResult } from './results.js';

export interface SuiteOptions {
  readonly quick: boolean;
  readonly only: readonly BenchPart[];
  readonly versions: Readonly<Record<string, string>>;
  /** Called before each case. */
  readonly report: (what: string) => void;
}

const thorough: ContestOptions = { rounds: 7, milliseconds: 200 };
const brief: ContestOptions = { rounds: 5, milliseconds: 60 };

export async function runSuite(
  engine: Engine,
  peers: readonly Peer[],
  { quick, only, versions, report }: SuiteOptions,
): Promise<BenchResult> {
  const scale = quick ? 'quick' : 'full';
  const options = quick ? brief : thorough;
  report('roofline');
  const roofline = await measureRoofline(engine);
  const result: BenchResult = {
    adapter: engine.adapter,
    versions: { ...versions, ...Object.fromEntries(peers.map(peer => [peer.name, peer.version])) },
    roofline,
    products: [],
    kernels: [],
    eigen: [],
    eigh: [],
    steps: [],
    equations: [],
    growth: [],
  };
  if (only.includes('products')) {
    for (const size of productSizes[scale]) {
      report(`product ${size}`);
      result.products.push(await productCase(engine, peers, size, roofline, options));
    }
  }
  if (only.includes('kernels')) {
    for (const size of kernelSizes[scale]) {
      report(`kernels ${size}`);
      result.kernels.push(await kernelsCase(engine, size, roofline));
    }
  }
  if (only.includes('eigen')) {
    for (const shape of eighShapes[scale]) {
      report(`all eigenpairs of ${shape.count} x ${shape.size}`);
      result.eigh.push(await eighCase(engine, shape, options));
    }
    for (const size of eigenSizes[scale]) {
      report(`eigenpairs ${size}`);
      result.eigen.push(await eigenCase(engine, size, options));
    }
  }
  if (only.includes('steps')) {
    for (const shape of stepShapes[scale]) {
      report(`step ${shape.grid.join(' x ')}, R ${shape.rank}, W ${shape.width}, k ${shape.topK}`);
      result.steps.push(await stepCase(engine, peers, shape, options));
    }
  }
  if (only.includes('equations')) {
    for (const shape of equationShapes[scale]) {
      report(`step on Klein-Gordon, ${shape.points} points an axis, R ${shape.rank}, W ${shape.width}`);
      result.equations.push(await equationCase(engine, peers, shape, options));
    }
  }
  if (only.includes('growth')) {
    for (const growth of growths[scale]) {
      report(`growth with ${growth.name}`);
      result.growth.push(await growthCase(engine, growth, options));
    }
  }
  return result;
}
