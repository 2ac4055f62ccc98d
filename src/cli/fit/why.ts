/** The line in which `sepnn fit` says what it picked, by what, and what else there is. */

import { type Model, parameterCount } from '../../model/model.js';
import type { Choice } from './choose.js';
import type { Picture } from './largest.js';
import type { FitOptions } from './options.js';

/** @param options as they were settled. @returns '' where all was typed. */
export function whyOf({ by, names, reaches }: Choice, options: FitOptions, picture: Picture, model: Model): string {
  if (names.length === 0) return '';
  const { parameters, optimiser, learningRate, schedule, steps, seconds, interleave } = options;
  const { width: columns, height: rows, planes } = picture;
  const sources = {
    table: `chosen for ${columns} x ${rows}${planes > 1 ? ` x ${planes}` : ''}`,
    paper: '--preset paper',
    resume: 'as in the file',
  };
  const count = parameters === undefined ? '' : ` (${parameterCount(model)} parameters)`;
  const parts = [
    `${sizesIn(options)}${count}`,
    `${optimiser} ${learningRate.toExponential()} ${schedule}`,
    preconditionerIn(options),
    `${steps} step${steps === 1 ? '' : 's'}${seconds === undefined ? '' : ` in ${seconds} s`}`,
    ...(interleave === undefined ? [] : [`interleaved by ${interleave}`]),
  ];
  const expected = reaches?.findLast(([made]) => made <= steps);
  const reach = expected ? ` (a photograph came to ${expected[1]} dB in ${expected[0]})` : '';
  const others = by === 'table' ? '; what is typed stands, --preset paper is the paper' : '; what is typed stands';
  return `${sources[by]}: ${parts.join(', ')}${reach}${others}`;
}

function sizesIn({ model, depth, rank, width, series, decoder }: FitOptions): string {
  if (model === 'joint-network') return `W = ${width}`;
  const network = depth === 1 ? `R = ${rank}` : rank === width ? `R = W = ${rank}` : `R = ${rank}, W = ${width}`;
  const terms = series === undefined ? '' : `, a series of ${series} term${series === 1 ? '' : 's'}`;
  const units = decoder === undefined ? '' : `, a decoder of ${decoder} unit${decoder === 1 ? '' : 's'}`;
  return network + terms + units;
}

function preconditionerIn({ preconditioner, combine, topK }: FitOptions): string {
  if (preconditioner === 'none') return 'plain';
  const name = preconditioner === 'seppgd' ? `SepPGD ${combine}` : preconditioner;
  return `${name} k ${topK === 'auto' ? topK : `= ${topK}`}`;
}
