/** What mesh files and NPY files say, read another way: corner positions of every triangle, numbers in C order. */

type Triangle = readonly number[];

function numberIn(word: string | undefined): number {
  const [, mantissa, exponent = '0'] = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eEdD]([+-]?\d+))?$/.exec(word ?? '') ?? [];
  return mantissa === undefined ? Number.NaN : Number(`${mantissa}e${exponent}`);
}

function fan(polygon: readonly (readonly number[])[]): Triangle[] {
  return polygon.slice(2).map((corner, i) => [...polygon[0], ...polygon[i + 1], ...corner]);
}

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0+$/, '').replace(/\r\n?/g, '\n');
const words = (line: string) => line.split(/\s+/).filter(word => word !== '');

export function objTriangles(bytes: Uint8Array): Triangle[] {
  const lines = textOf(bytes)
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map(line => words(line.split('#')[0]));
  const vertices: number[][] = [];
  const faces: number[][] = [];
  for (const [word, ...rest] of lines) {
    if (word === 'v') vertices.push(rest.slice(0, 3).map(numberIn));
    if (word === 'f' || word === 'fo') {
      faces.push(rest.map(one => Number.parseInt(one, 10)).map(i => (i < 0 ? vertices.length + i : i - 1)));
    }
  }
  return faces.flatMap(face => fan(face.map(at => vertices[at])));
}

export function stlTriangles(bytes: Uint8Array): Triangle[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 512));
  const isWhole = bytes.length >= 84 && view.getUint32(80, true) * 50 + 84 === bytes.length;
  if (!isWhole && /^\s*solid/i.test(head) && !head.includes('\0')) {
    const body = textOf(bytes).replace(/^\s*(end)?solid\b.*$/gim, '');
    const numbers = [...body.matchAll(/\bvertex\s+(\S+)\s+(\S+)\s+(\S+)/gi)].flatMap(match =>
      match.slice(1, 4).map(numberIn),
    );
    return Array.from({ length: numbers.length / 9 }, (_, i) => numbers.slice(9 * i, 9 * i + 9));
  }
  const held = bytes.length - 84;
  const faces = held % 50 === 0 ? held / 50 : view.getUint32(80, true);
  return Array.from({ length: faces }, (_, face) =>
    Array.from({ length: 9 }, (__, i) => view.getFloat32(96 + 50 * face + 4 * i, true)),
  );
}

export function plyTriangles(bytes: Uint8Array): Triangle[] {
  const text = new TextDecoder('latin1').decode(bytes);
  const end = /end_header[ \t]*\r?\n/.exec(text);
  const start = (end?.index ?? 0) + (end?.[0].length ?? 0);
  const elements: { name: string; count: number; properties: string[][] }[] = [];
  let format = '';
  for (const [word, ...rest] of text
    .slice(0, start)
    .split(/\r\n?|\n/)
    .map(words)) {
    if (word === 'format' && format === '') format = rest[0];
    if (word === 'element') elements.push({ name: rest[0], count: Number(rest[1]), properties: [] });
    if (word === 'property') elements.at(-1)?.properties.push(rest);
  }
  const body = words(text.slice(start).replace(/\0+$/, ''));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = format === 'binary_little_endian';
  let at = format === 'ascii' ? 0 : start;
  const take = (type: string): number => {
    if (format === 'ascii') return numberIn(body[at++]);
    const [size, read] = {
      char: [1, () => view.getInt8(at)],
      uchar: [1, () => view.getUint8(at)],
      short: [2, () => view.getInt16(at, little)],
      ushort: [2, () => view.getUint16(at, little)],
      int: [4, () => view.getInt32(at, little)],
      uint: [4, () => view.getUint32(at, little)],
      float: [4, () => view.getFloat32(at, little)],
      double: [8, () => view.getFloat64(at, little)],
    }[
      type
        .replace('int8', 'char')
        .replace('int16', 'short')
        .replace('int32', 'int')
        .replace('float32', 'float')
        .replace('float64', 'double')
    ] as [number, () => number];
    const value = read();
    at += size;
    return value;
  };
  const vertices: number[][] = [];
  const faces: number[][] = [];
  for (const { name, count, properties } of elements) {
    for (let i = 0; i < count; i++) {
      const vertex = [0, 0, 0];
      for (const [type, ...rest] of properties) {
        if (type === 'list') {
          const list = Array.from({ length: take(rest[0]) }, () => take(rest[1]));
          if (name === 'face' && /^vertex_ind(ices|ex)$/.test(rest[2])) faces.push(list);
        } else {
          const value = take(type);
          if ('xyz'.includes(rest[0])) vertex['xyz'.indexOf(rest[0])] = value;
        }
      }
      if (name === 'vertex') vertices.push(vertex);
    }
  }
  return faces.flatMap(face => fan(face.map(one => vertices[one])));
}
