/** The faces and triangle strips of PLY files, text and binary. */

import { shown, spelled } from '../../host/checks.js';
import { addPolygon, type Corners, type Fail, pointRemedy } from './corners.js';
import { type PlyElement, type PlyHeader, plyHeader } from './plyHeader.js';
import { Lines, numberOf, plainText } from './text.js';

/** Takes the numbers of an element's properties one by one, those of a list after their count. */
interface Numbers {
  begin(what: string): void;
  take(type: string): number;
  end(): void;
  finish(): void;
}

const indexLists = ['vertex_indices', 'vertex_index'];

/** @throws by `fail` a header that is none or claims more than the file holds, a number, list or vertex that is none. */
export function plyCorners(bytes: Uint8Array<ArrayBuffer>, fail: Fail): Corners {
  const file = plainText(bytes);
  const header = plyHeader(file, fail);
  const vertices = header.elements.find(({ name }) => name === 'vertex')?.count ?? 0;
  const positions = new Float64Array(3 * vertices);
  const corners: number[] = [];
  const numbers = header.format === 'ascii' ? textNumbers(file, header, fail) : binaryNumbers(file, header, fail);
  for (const element of header.elements) {
    const places = ['x', 'y', 'z'].map(name => element.properties.findIndex(property => property.name === name));
    if (element.name === 'vertex' && element.count > 0 && places.includes(-1)) fail('has vertices without x, y or z');
    const list = indexListOf(element, fail);
    for (let i = 0; i < element.count; i++) {
      const what = `${spelled(element.name)} ${i}, from 0,`;
      numbers.begin(what);
      element.properties.forEach(({ type, length }, property) => {
        if (length === undefined) {
          const value = numbers.take(type);
          const axis = element.name === 'vertex' ? places.indexOf(property) : -1;
          if (axis >= 0) positions[3 * i + axis] = value;
          return;
        }
        const count = numbers.take(length);
        if (!Number.isInteger(count) || count < 0 || count > file.length)
          fail(`${what} has a list of ${count} numbers`);
        const values = Array.from({ length: count }, () => numbers.take(type));
        if (property === list) addFaces(element, values, what);
      });
      numbers.end();
    }
  }
  numbers.finish();
  return { positions, corners };

  function addFaces({ name }: PlyElement, values: readonly number[], what: string): void {
    const isStrip = name === 'tristrips';
    const wrong = values.find(
      value => !(Number.isInteger(value) && value >= 0 && value < vertices) && !(isStrip && value === -1),
    );
    if (wrong !== undefined) fail(`${what} has vertex ${wrong}, which is none`);
    if (!isStrip) {
      if (values.length < 3) fail(`${what} has ${values.length} corners`);
      addPolygon(corners, values);
      return;
    }
    let start = 0;
    values.forEach((value, at) => {
      if (value === -1) start = at + 1;
      else if (at - start >= 2) {
        const [a, b] = [values[at - 2], values[at - 1]];
        corners.push(...((at - start) % 2 === 0 ? [a, b, value] : [b, a, value]));
      }
    });
  }
}

/** Which property of faces or strips holds their vertices. */
function indexListOf({ name, count, properties }: PlyElement, fail: Fail): number {
  if (name !== 'face' && name !== 'tristrips') return -1;
  const found = properties.findIndex(property => property.length !== undefined && indexLists.includes(property.name));
  if (found < 0 && count > 0) fail(`has a ${name} without a list of vertex_indices`);
  return found;
}

function textNumbers(file: Uint8Array, header: PlyHeader, fail: Fail): Numbers {
  const lines = new Lines(file.subarray(header.bytes));
  const lineOf = () => `line ${header.lines + lines.number}`;
  let words: string[] = [];
  let [at, what] = [0, ''];
  return {
    begin(name) {
      what = name;
      words = lines.nextWords() ?? fail(`ends before ${what}`);
      at = 0;
    },
    take() {
      const word = words[at++] ?? fail(`${lineOf()}: ${what} has ${words.length} numbers, and takes more`);
      return numberOf(word) ?? fail(`${lineOf()}: ${shown(word)} is no number`, pointRemedy);
    },
    end() {
      if (at < words.length) fail(`${lineOf()}: ${what} has ${words.length} numbers, and takes ${at}`);
    },
    finish() {
      if (lines.nextWords()) fail(`${lineOf()}: goes on after its last element`);
    },
  };
}

function binaryNumbers(file: Uint8Array, header: PlyHeader, fail: Fail): Numbers {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const little = header.format === 'binary_little_endian';
  let [at, what] = [header.bytes, ''];
  const readers: Readonly<Record<string, readonly [number, (at: number) => number]>> = {
    int8: [1, from => view.getInt8(from)],
    uint8: [1, from => view.getUint8(from)],
    int16: [2, from => view.getInt16(from, little)],
    uint16: [2, from => view.getUint16(from, little)],
    int32: [4, from => view.getInt32(from, little)],
    uint32: [4, from => view.getUint32(from, little)],
    float32: [4, from => view.getFloat32(from, little)],
    float64: [8, from => view.getFloat64(from, little)],
  };
  return {
    begin(name) {
      what = name;
    },
    take(type) {
      const [bytes, read] = readers[type];
      if (at + bytes > file.length) fail(`ends in ${what}`);
      at += bytes;
      return read(at - bytes);
    },
    end() {},
    finish() {
      if (file.subarray(at).some(byte => byte !== 0 && byte !== 0x0a && byte !== 0x0d && byte !== 0x20)) {
        fail(`has ${file.length - at} bytes after its last element`);
      }
    },
  };
}
