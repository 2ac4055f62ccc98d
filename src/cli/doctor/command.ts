/** `sepnn doctor`: which adapters there are, what they can do, and whether they compute right. */

import { readFile } from 'node:fs/promises';
import type { AdapterKind } from '../../device/adapter.js';
import { featuresOf } from '../../device/device.js';
import { InputError, isInputError, RunError } from '../../errors.js';
import { compareCase, runCase } from '../../experiments/golden/goldenCase.js';
import { type Quantities, requireCase } from '../../experiments/golden/goldenFormat.js';
import type { Engine } from '../../graph/engine.js';
import { writeWhole } from '../../io/files.js';
import { openQuietly } from '../engine.js';
import { adapterKinds, adapterOption, matrixUnitsOption } from '../options.js';
import { print, table } from '../terminal.js';
import { Command, Option } from '../vendor.js';
import { type SelfTest, selfTest } from './selfTest.js';

interface DoctorOptions {
  readonly case?: string;
  readonly write?: string;
  readonly adapter: AdapterKind | 'auto';
  readonly matrixUnits?: true;
  readonly json: boolean;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('which adapters there are, their limits and features, and whether they compute right')
    .addOption(new Option('--case <file>', 'run one golden case and compare'))
    .addOption(new Option('--write <file>', 'write what the engine computed of the case instead'))
    .addOption(adapterOption())
    .addOption(matrixUnitsOption())
    .addOption(new Option('--json', 'print one JSON object and nothing else on stdout').default(false))
    .action(async (options: DoctorOptions) => {
      if (options.write !== undefined && options.case === undefined) {
        throw new InputError(`--write ${options.write}: there is nothing to write without --case`);
      }
      await (options.case === undefined ? examine(options) : runGoldenCase(options.case, options));
    });
}

interface Finding {
  readonly kind: AdapterKind;
  readonly found: boolean;
  readonly description?: string;
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: readonly string[];
  readonly tests?: readonly SelfTest[];
  readonly reason?: string;
}

const shownLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const;

async function examine(options: DoctorOptions): Promise<void> {
  const kinds = adapterKinds.filter((kind): kind is AdapterKind => kind !== 'auto');
  const findings: Finding[] = [];
  let refusal: InputError | undefined;
  for (const kind of options.adapter === 'auto' ? kinds : [options.adapter]) {
    const opened = await openQuietly(kind, options.matrixUnits).catch((error: Error) => error);
    if (isInputError(opened)) refusal = opened;
    if (options.adapter === kind && refusal) throw refusal;
    const isFound = !(opened instanceof Error);
    findings.push(isFound ? await examineEngine(kind, opened) : { kind, found: false, reason: opened.message });
  }
  const reasons = new Set(findings.map(({ reason }) => reason));
  const [reason] = reasons;
  // Of something that every adapter wants, such as a package.
  if (findings.length > 1 && reasons.size === 1 && reason !== undefined && !options.json) {
    throw refusal ?? new RunError(reason);
  }
  print(options.json ? JSON.stringify({ adapters: findings }) : findings.map(describe).join('\n\n'));
  const found = findings.filter(finding => finding.found);
  if (found.length === 0 && options.matrixUnits) {
    throw new InputError('--matrix-units: no adapter was found that has them: leave it out');
  }
  if (found.length === 0) throw refusal ?? new RunError('no WebGPU adapter was found');
  const wrong = found.find(finding => finding.tests?.some(test => !test.passed));
  if (wrong) throw new RunError(`the ${wrong.kind} adapter computes wrong`);
}

async function examineEngine(kind: AdapterKind, engine: Engine): Promise<Finding> {
  try {
    const { device, adapter } = engine;
    return {
      kind,
      found: true,
      description: adapter.description || adapter.architecture,
      limits: Object.fromEntries(shownLimits.map(limit => [limit, device.limits[limit]])),
      features: featuresOf(device),
      tests: await (device.kind === 'software' ? onTwo(engine) : selfTest(engine)),
    };
  } finally {
    await engine.dispose();
  }
}

/** lavapipe compiles a text as it is first dispatched, on the one thread of a device's queue. */
async function onTwo(engine: Engine): Promise<SelfTest[]> {
  const second = await openQuietly('software');
  try {
    return await selfTest(engine, second);
  } finally {
    await second.dispose();
  }
}

function describe({ kind, found, description, limits = {}, features = [], tests = [], reason }: Finding): string {
  if (!found) return `${kind}: ${reason}`;
  const rows = [
    ...Object.entries(limits).map(([name, value]) => [name, String(value)]),
    ['features enabled', features.join(' ') || 'none'],
    ...tests.map(test => [test.name, verdictOf(test)]),
  ];
  return `${kind}: ${description}\n${table(['', ''], rows)}`;
}

function verdictOf({ passed, reason, checks, quantity, error, tolerance }: SelfTest): string {
  if (reason !== undefined) return `WRONG: ${reason}`;
  const allowed = `error ${error.toExponential(1)}, at most ${tolerance.toExponential(0)}`;
  return passed ? `right in ${checks} quantities: ${allowed}` : `WRONG: ${quantity}: ${allowed}`;
}

async function runGoldenCase(path: string, options: DoctorOptions): Promise<void> {
  const given = await readJson(path);
  const golden = requireCase(given);
  const engine = await openQuietly(options.adapter, options.matrixUnits);
  try {
    const computed = await runCase(engine, golden);
    if (options.write !== undefined) {
      await writeWhole(options.write, JSON.stringify(computed));
      print(options.json ? JSON.stringify({ case: path, written: options.write }) : `written: ${options.write}`);
      return;
    }
    const errors = compareCase(given as Quantities, computed);
    const rows = errors.map(({ name, error }) => [name, error.toExponential(2)]);
    print(
      options.json
        ? JSON.stringify({ case: path, errors: Object.fromEntries(errors.map(({ name, error }) => [name, error])) })
        : table(['quantity', 'relative error'], rows),
    );
  } finally {
    await engine.dispose();
  }
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new InputError(`--case ${path}: cannot be read (${(error as Error).message}): check the path`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`--case ${path}: is no JSON: give a golden case`);
  }
}
