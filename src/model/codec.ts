/**
 * Models as JSON: what a model file says of them. The one place in which values are told by their names; what it does not
 * know by name it refuses.
 */

import { InputError } from '../errors.js';
import { isRecord, shown, spelled } from '../host/checks.js';
import { type Activation, cosine, leakyRelu, relu, sine, tanh } from './activation.js';
import { architecture } from './architecture.js';
import type { Contraction } from './contraction/contraction.js';
import { cp } from './contraction/cp.js';
import { jointNetwork } from './contraction/jointNetwork.js';
import { tensorTrain } from './contraction/tensorTrain.js';
import { tucker } from './contraction/tucker.js';
import { coordinatesOf, type Domain } from './domain/domain.js';
import { grid } from './domain/grid.js';
import { scatteredPoints } from './domain/scatteredPoints.js';
import { defineModel, type Model } from './model.js';
import { decoder } from './readout/decoder.js';
import { identity } from './readout/identity.js';
import { mixing } from './readout/mixing.js';
import type { Readout } from './readout/readout.js';

/** What stands in a file for a value: its name, and what makes it again. */
type Given = Readonly<Record<string, unknown>>;

type NamedSettings = { readonly name: string } & Given;

/** A model as JSON. */
export interface ModelRecord {
  readonly domain: NamedSettings & { readonly axes: number };
  readonly contraction: NamedSettings;
  readonly readout: NamedSettings;
  readonly network: Given;
  readonly members: number;
}

/** What makes values of a name from their settings: those that ship, and a host's own beside them. */
export interface Codec {
  /** Each by its `Activation.name`, which a file has. */
  readonly activations?: Readonly<Record<string, Activation>>;
  /** Of settings that have the number of `axes` too. A domain of a host's own has no coordinates but those it makes from them. */
  readonly domains?: Readonly<Record<string, (settings: Given) => Domain>>;
  /** What makes one of a name from its `settings`. */
  readonly contractions?: Readonly<Record<string, (settings: Given) => Contraction>>;
  /** What makes one of a name from its `settings`. */
  readonly readouts?: Readonly<Record<string, (settings: Given) => Readout>>;
}

/** Those that ship, by name. */
export const activations: Readonly<Record<string, Activation>> = Object.fromEntries(
  [sine, cosine, relu, leakyRelu, tanh].map(one => [one.name, one]),
);

const contractions: NonNullable<Codec['contractions']> = {
  cp: given => cp({ rank: numberOf(given, 'rank'), scale: numberOf(given, 'scale') }),
  'tensor-train': given => tensorTrain({ ranks: ranksOf(given), scale: numberOf(given, 'scale') }),
  tucker: given => tucker({ ranks: ranksOf(given), scale: numberOf(given, 'scale') }),
  'joint-network': given => jointNetwork({ scale: numberOf(given, 'scale') }),
};

function readoutsOf(codec: Codec): NonNullable<Codec['readouts']> {
  return {
    identity: () => identity(),
    mixing: given => mixing({ outputs: numberOf(given, 'outputs') }),
    decoder: given =>
      decoder({
        hidden: numberOf(given, 'hidden'),
        outputs: numberOf(given, 'outputs'),
        activation: named('activation', { ...activations, ...codec.activations }, given.activation),
      }),
    ...codec.readouts,
  };
}

const domains: NonNullable<Codec['domains']> = {
  grid: given => grid(listOf(given, 'points')),
  'scattered-points': given => scatteredPoints({ axes: numberOf(given, 'axes'), points: numberOf(given, 'points') }),
};

function numberOf(given: Given, name: string): number {
  const value = given[name];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new InputError(`${name}: ${shown(value)} is no number`);
}

export function listOf(given: Given, name: string): readonly number[] {
  const value = given[name];
  if (Array.isArray(value) && value.every(Number.isFinite)) return value;
  throw new InputError(`${name}: is no list of numbers`);
}

function ranksOf(given: Given): number | readonly number[] {
  return typeof given.ranks === 'number' ? numberOf(given, 'ranks') : listOf(given, 'ranks');
}

export function named<T>(what: string, table: Readonly<Record<string, T>>, name: unknown): T {
  if (typeof name === 'string' && Object.hasOwn(table, name)) return table[name];
  throw new InputError(`${what}: ${spelled(name)} is unknown: there are ${Object.keys(table).join(', ')}`);
}

/**
 * A model as JSON. Coordinates are not part of it: see `coordinateTensors`.
 *
 * @throws InputError a value that `codec` does not know by name, which no file could be read with.
 */
export function describeModel(
  { domain, contraction, readout, network, members }: Model,
  codec: Codec = {},
): ModelRecord {
  const makeDomain = named('domain', { ...domains, ...codec.domains }, domain.name);
  named('contraction', { ...contractions, ...codec.contractions }, contraction.name);
  named('readout', readoutsOf(codec), readout.name)(readout.settings);
  named('activation', { ...activations, ...codec.activations }, network.activation.name);
  const ofDomain = { ...described('domain', domain), axes: domain.axes };
  if (codec.domains && Object.hasOwn(codec.domains, domain.name)) requireSameDomain(domain, makeDomain(ofDomain));
  return {
    domain: ofDomain,
    contraction: described('contraction', contraction),
    readout: described('readout', readout),
    network: { ...network, activation: network.activation.name },
    members,
  };
}

/** @throws InputError a domain of a host's own whose settings make another one. */
function requireSameDomain(domain: Domain, made: Domain): void {
  const all = (one: Domain) => [one.name, one.isGrid, one.axes, one.shape, ...coordinatesOf(one)].join();
  if (all(domain) === all(made)) return;
  throw new InputError(`domain ${domain.name}: its settings make another one: have them say all that makes it again`);
}

function described(
  what: string,
  { name, settings }: Pick<Domain | Contraction | Readout, 'name' | 'settings'>,
): NamedSettings {
  if (!('name' in settings)) return { name, ...settings };
  throw new InputError(`${what} ${name}: has a setting called name, which a file has for its own: call it otherwise`);
}

/** The model that a record describes, through the same checks as one that is newly made. @throws InputError what it is not. */
export function modelOf(record: unknown, codec: Codec = {}): Model {
  const given = objectOf('model', record);
  const [domain, contraction, readout, network] = ['domain', 'contraction', 'readout', 'network'].map(name =>
    objectOf(name, given[name]),
  );
  const made = architecture({
    width: numberOf(network, 'width'),
    depth: numberOf(network, 'depth'),
    activation: named('activation', { ...activations, ...codec.activations }, network.activation),
    omega: listOf(network, 'omegas'),
    frequencies: listOf(network, 'frequencies'),
  });
  return defineModel({
    domain: named('domain', { ...domains, ...codec.domains }, domain.name)(domain),
    contraction: named('contraction', { ...contractions, ...codec.contractions }, contraction.name)(contraction),
    readout: named('readout', readoutsOf(codec), readout.name)(readout),
    network: made,
    members: numberOf(given, 'members'),
  });
}

export function objectOf(name: string, value: unknown): Given {
  if (isRecord(value)) return value;
  throw new InputError(`${name}: ${shown(value)} is no object`);
}
