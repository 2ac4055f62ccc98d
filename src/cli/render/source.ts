/** What `sepnn render` evaluates: a model, or the solution of a differential equation with its derivatives. */

import { InputError } from '../../errors.js';
import type { Engine } from '../../graph/engine.js';
import { bitsOf, type PngBits } from '../../io/image/sampling.js';
import { modelIn, type SavedModel } from '../../io/model/modelFile.js';
import { problemIn, problemKey } from '../../io/model/problemFile.js';
import { readTensorFile } from '../../io/model/tensorFile.js';
import { coordinatesOf, type Domain, everyAxis } from '../../model/domain/domain.js';
import { grid } from '../../model/domain/grid.js';
import { evaluateTiles } from '../../model/evaluate.js';
import { planeCount } from '../../model/model.js';
import type { Tile } from '../../model/tiles.js';
import type { FieldTerm } from '../../ops/contraction/contractFields.js';
import { evenPoints } from '../../pde/grid.js';
import { problemParameterShapes } from '../../pde/network.js';
import { fieldTerm } from '../../pde/solution/fields.js';
import { FieldSolver } from '../../pde/solution/solver.js';
import { type SolvedProblem, solvedProblem } from '../pde/saved.js';
import type { Gridded } from './region.js';

export interface Source extends Gridded {
  readonly channels: number;
  /** What the channels are, where they are fields: numbers of any size, which a picture has from black to white. */
  readonly fields?: readonly string[];
  /** Of a channel of a picture. */
  readonly bits: PngBits;
  /** (channels, then the shape) of each part of a domain. */
  tiles(engine: Engine, domain: Domain): AsyncIterable<Tile>;
}

/** What is asked of a solution of a differential equation alone. */
export interface SolutionOptions {
  /** All by default. */
  readonly fields?: readonly string[];
  /** By its name, or by a module of the host's own; what the file says by default. */
  readonly problem?: string;
}

/** @throws InputError a file of neither, fields that it has not, or another problem. */
export async function readSource(path: string, { fields, problem }: SolutionOptions): Promise<Source> {
  const file = await readTensorFile(path);
  if (Object.hasOwn(file.metadata, problemKey)) {
    return ofProblem(await solvedProblem(path, problemIn(path, file), problem), fields);
  }
  const given = Object.entries({ fields, problem }).find(([, value]) => value !== undefined);
  if (given) throw new InputError(`--${given.join(' ')}: ${path} is not of sepnn pde: leave it out`);
  return ofModel(modelIn(path, file));
}

function ofModel({ model, state, training }: SavedModel): Source {
  return {
    domain: model.domain,
    channels: planeCount(model),
    bits: bitsOf(training),
    tiles: (engine, domain) => evaluateTiles(engine, model, state.parameters, domain),
  };
}

function ofProblem(
  { problem, network, points, parameters }: SolvedProblem,
  fields: readonly string[] = problem.fields,
): Source {
  const terms = fields.map(field => fieldTerm(problem, field));
  requireApart(fields, terms);
  const names = Object.keys(problem.axes);
  const gridOf = (counts: readonly number[]) =>
    grid(Object.values(problem.axes).map((range, axis) => evenPoints(range, counts[axis])));
  return {
    domain: gridOf(points),
    gridOf,
    channels: fields.length,
    fields,
    bits: 8,
    async *tiles(engine, domain) {
      const held = engine.stack(problemParameterShapes(problem, network), parameters);
      const solver = new FieldSolver(engine, problem, network, held, terms);
      try {
        yield* solver.tiles(
          Object.fromEntries(everyAxis(domain).map(axis => [names[axis], coordinatesOf(domain, [axis])])),
        );
      } finally {
        solver.dispose();
        held.dispose();
      }
    },
  };
}

/** @throws InputError names of one derivative: u_xt is u_tx. */
function requireApart(fields: readonly string[], terms: readonly FieldTerm[]): void {
  const texts = terms.map(term => JSON.stringify(term));
  const again = texts.findIndex((text, i) => texts.indexOf(text) < i);
  if (again < 0) return;
  const before = fields[texts.indexOf(texts[again])];
  throw new InputError(`--fields ${fields}: ${fields[again]} is ${before}: name each derivative once`);
}
