import { type FileHandle, open } from 'node:fs/promises';
import { isRecord } from '../../host/checks.js';
import { metadataKey } from './fileRecord.js';

const mostHeaderBytes = 100e6;

/**
 * What a model file records of its training, by its header alone: of thousands of files nobody wants the numbers.
 *
 * @returns undefined where there is no such file, or it is none of ours or is cut short.
 */
export async function readTraining(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  try {
    return file && (await trainingIn(file));
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

async function trainingIn(file: FileHandle): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { size } = await file.stat();
  const start = await bytesOf(file, 0, 8);
  const length = Number(new DataView(start.buffer).getBigUint64(0, true));
  if (length > Math.min(mostHeaderBytes, size - 8)) return undefined;
  const header = JSON.parse(new TextDecoder().decode(await bytesOf(file, 8, length))) as Record<string, unknown>;
  const { __metadata__: metadata, ...tensors } = header;
  const ends = Object.values(tensors).map(tensor => (tensor as { data_offsets: [number, number] }).data_offsets[1]);
  if (size !== 8 + length + Math.max(0, ...ends)) return undefined;
  const { training } = JSON.parse((metadata as Record<string, string>)[metadataKey]) as { training?: unknown };
  return isRecord(training) ? training : undefined;
}

async function bytesOf(file: FileHandle, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
