/** The line in which `sepnn fit` says what it picked, by what, and what else there is. */

import { type Model, parameterCount } from '../../model/model.js';
import type { Choice } from './choose.js';
import type { Picture } from './largest.js';
import type { FitOptions } from './options.js';

/** @param options as they were settled. @returns '' where all was typed. */
export function whyOf({ by, names, expected }: Choice, options: FitOptions, picture: Picture, model: Model): string {
  if (names.length === 0) return '';
  const { rank, width, parameters, optimiser, learningRate, schedule, steps, seconds } = options;
  const { width: columns, height: rows, planes } = picture;
  const sources = {
    table: `chosen for ${columns} x ${rows}${planes > 1 ? ` x ${planes}` : ''}`,
    paper: '--preset paper',
    resume: 'as in the file',
  };
  const count = parameters === undefined ? '' : ` (${parameterCount(model)} parameters)`;
  const parts = [
    `${sizesIn(rank, width, options.model)}${count}`,
    `${optimiser} ${learningRate.toExponential()} ${schedule}`,
    preconditionerIn(options),
    `${steps} step${steps === 1 ? '' : 's'}${seconds === undefined ? '' : ` in ${seconds} s`}`,
  ];
  const reach = expected ? ` (a photograph came to ${expected[1]} dB in ${expected[0]})` : '';
  const others = by === 'table' ? '; what is typed stands, --preset paper is the paper' : '; what is typed stands';
  return `${sources[by]}: ${parts.join(', ')}${reach}${others}`;
}

function sizesIn(rank: FitOptions['rank'], width: number, model: string): string {
  if (model === 'joint-network') return `W = ${width}`;
  return rank === width ? `R = W = ${rank}` : `R = ${rank}, W = ${width}`;
}

function preconditionerIn({ preconditioner, combine, topK }: FitOptions): string {
  if (preconditioner === 'none') return 'plain';
  const name = preconditioner === 'seppgd' ? `SepPGD ${combine}` : preconditioner;
  return `${name} k ${topK === 'auto' ? topK : `= ${topK}`}`;
}
