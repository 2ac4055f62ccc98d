/**
 * uvu with what it lacks: suites that run without being told to, time-outs, a count that includes what never ran, and
 * errors that are no Error.
 */

import * as uvu from 'uvu';

export type Test = (name: string, body: () => unknown, seconds?: number) => void;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Registered {
  readonly name: string;
  readonly run: () => void;
  tests: number;
}

const defaultSeconds = 120;
const suites: Registered[] = [];
const endings: (() => Promise<void>)[] = [];

/** A suite; it runs once its file has been imported. */
export function suite(name: string): Test {
  const own = uvu.suite(name);
  const registered: Registered = { name, run: () => own.run(), tests: 0 };
  suites.push(registered);
  return (title, body, seconds = defaultSeconds) => {
    registered.tests++;
    own(title, () => withinTime(title, body, seconds));
  };
}

/** What is to be done when all suites of the process have run. */
export function atEnd(work: () => Promise<void>): void {
  endings.push(work);
}

async function withinTime(title: string, body: () => unknown, seconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`"${title}" took more than ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([body(), late]);
  } catch (error) {
    throw error instanceof Error ? error : new Error(`something other than an Error was thrown: ${String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

type Runner = () => Promise<[string | true, number, number, number]>;

/** Runs every suite that was registered. A suite without tests counts as a failure. */
export async function runSuites(): Promise<Counts> {
  const queue = (globalThis as unknown as { UVU_QUEUE: unknown[][] }).UVU_QUEUE;
  let [passed, failed] = [0, 0];
  for (const registered of suites) {
    if (registered.tests === 0) {
      console.error(`suite "${registered.name}" has no tests`);
      failed++;
      continue;
    }
    registered.run();
    const runner = queue[0].pop() as Runner;
    const [errors, good] = await runner();
    if (typeof errors === 'string') console.error(errors);
    passed += good;
    failed += registered.tests - good;
  }
  for (const work of endings) await work();
  return { passed, failed };
}
