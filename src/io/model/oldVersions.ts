/** Files of the versions before, brought into today's form: all that they called otherwise. */

import { InputError } from '../../errors.js';
import { shown } from '../../host/checks.js';
import { listOf, named, objectOf } from '../../model/codec.js';
import type { Model } from '../../model/model.js';
import { collectParameters, holdsParameters } from './parameterTensors.js';
import type { DecodedFile } from './safetensors.js';

type Fields = Readonly<Record<string, unknown>>;

/** The metadata of a file of this version, its model left out. */
export function upgradeFields(version: number, fields: Fields): Fields {
  if (version > 1) return fields;
  const { top: topK, ...others } = fields;
  return { ...others, topK, optimiser: { name: 'adam', since: 0 } }; // all were Adam's
}

/** What such a file says of its model. @throws InputError what it could not say. */
export function upgradeModel(version: number, record: unknown): unknown {
  if (version > 2) return record;
  const given = version === 1 ? fromFirst(record) : objectOf('model', record);
  const domain = objectOf('domain', given.domain);
  return {
    ...given,
    domain: { ...renamed(domain), ...(domain.name === scattered && { points: countOf(domain) }) },
    contraction: renamed(objectOf('contraction', given.contraction)),
  };
}

/** A file of some version, and what its metadata say. */
interface VersionedFile {
  readonly version: number;
  readonly path: string;
  readonly file: DecodedFile;
  readonly model: Model;
  readonly optimiser: { readonly name: string; readonly since: number } | undefined;
}

/** How such a file calls a parameter of this name. */
export function calledIn(version: number): (name: string) => string {
  return version > 1 ? name => name : name => name.replace(/^member/, 'channel');
}

/** Its tensors in the form of today but for the parameters' names, and its optimiser where its state is there. */
export function upgradeFile({
  version,
  file,
  optimiser,
  ...source
}: VersionedFile): Pick<VersionedFile, 'file' | 'optimiser'> {
  if (version > 1) return { file, optimiser };
  const moments = ['firstMoment', 'secondMoment'].map(name => ({
    name,
    source: { ...source, file, called: (parameter: string) => `${name}.${calledIn(version)(parameter)}` },
  }));
  if (!moments.every(moment => holdsParameters(moment.source))) return { file, optimiser: undefined };
  const found = moments.map(({ name, source: ofMoment }) => {
    const data = collectParameters(ofMoment);
    return [`optimiser.${name}`, { shape: [data.length], data }] as const;
  });
  return { file: { ...file, tensors: new Map([...file.tensors, ...found]) }, optimiser };
}

/** Of the second version. */
const scattered = 'points';
const newNames: Readonly<Record<string, string>> = {
  [scattered]: 'scattered-points',
  tt: 'tensor-train',
  joint: 'joint-network',
};

function renamed(value: Fields): Fields {
  const { name } = value;
  return typeof name === 'string' && Object.hasOwn(newNames, name) ? { ...value, name: newNames[name] } : value;
}

/** How many scattered points there are, of which the second version had the number once for each axis. */
function countOf(domain: Fields): number {
  const points = listOf(domain, 'points');
  if (points.every(count => count === points[0])) return points[0];
  throw new InputError(`points: ${points.join(', ')} are no scattered points, of which every axis has as many`);
}

const firstNames: Readonly<Record<string, string>> = { cp: 'cp', tt: 'tt', tucker: 'tucker', mlp: 'joint' };

/** A model of the first version in the form of the second. */
function fromFirst(record: unknown): Fields {
  const {
    kind,
    grid: points,
    scattered: isScattered = false,
    channels,
    outputs = 1,
    network,
    ...settings
  } = objectOf('model', record);
  if (typeof isScattered !== 'boolean') {
    throw new InputError(`scattered: ${shown(isScattered)} is neither true nor false`);
  }
  const name = named('kind', firstNames, kind);
  return {
    domain: { name: isScattered ? scattered : 'grid', axes: listOf({ points }, 'points').length, points },
    contraction: { ...settings, name },
    readout: outputs === 1 ? { name: 'identity' } : { name: 'mixing', outputs },
    network,
    members: channels,
  };
}
