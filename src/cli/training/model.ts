/** The model that the options of a training describe, on a grid. */

import { InputError } from '../../errors.js';
import { fourierFrequencies, outputsOf } from '../../experiments/image/model.js';
import { relu } from '../../model/activation.js';
import { architecture } from '../../model/architecture.js';
import { activations } from '../../model/codec.js';
import type { Contraction } from '../../model/contraction/contraction.js';
import { cp } from '../../model/contraction/cp.js';
import { jointNetwork } from '../../model/contraction/jointNetwork.js';
import { tensorTrain } from '../../model/contraction/tensorTrain.js';
import { tucker } from '../../model/contraction/tucker.js';
import { grid } from '../../model/domain/grid.js';
import { fourierSeries } from '../../model/fourierSeries.js';
import { defineModel, type Model } from '../../model/model.js';
import type { ModelName, ModelOptions } from './options.js';

const contractions: Readonly<Record<ModelName, (options: ModelOptions) => Contraction>> = {
  cp: ({ rank }) => cp({ rank: rank as number }),
  'tensor-train': ({ rank }) => tensorTrain({ ranks: rank }),
  tucker: ({ rank }) => tucker({ ranks: rank }),
  'joint-network': () => jointNetwork(),
};

function decoderOf({ decoder: hidden, decoderActivation = relu.name }: ModelOptions, bias: readonly number[]) {
  return hidden === undefined ? undefined : { hidden, activation: activations[decoderActivation], bias };
}

/** @throws InputError two encodings at once, or a series of points of several coordinates. */
function frequenciesOf({ fourier, series, width, seed, model }: ModelOptions, coordinates: number): number[] {
  if (series === undefined) return fourier === undefined ? [] : fourierFrequencies(fourier, coordinates, width, seed);
  if (fourier !== undefined)
    throw new InputError(`--series ${series} with --fourier ${fourier}: leave one of them out`);
  if (coordinates > 1)
    throw new InputError(`--series ${series} with --model ${model}: it encodes one coordinate: use --fourier`);
  return fourierSeries({ terms: series });
}

/**
 * @param shape points of each axis.
 * @param planes of what is represented: members of the model, or its outputs where they are mixed.
 * @param means of the planes, from which a decoder begins; 0 where they are left out.
 */
export function modelOf(
  shape: readonly number[],
  planes: number,
  options: ModelOptions,
  mixed = false,
  means: readonly number[] = [],
): Model {
  const { width, depth, omega } = options;
  const coordinates = options.model === 'joint-network' ? shape.length : 1;
  const network = architecture({
    width,
    depth,
    activation: activations[options.activation],
    frequencies: frequenciesOf(options, coordinates),
    ...(omega !== undefined && { omega }),
  });
  return defineModel({
    domain: grid(shape),
    contraction: contractions[options.model](options),
    network,
    ...outputsOf(planes, mixed, decoderOf(options, means)),
  });
}
