/** Uncompressed TIFF files by the specification (Adobe, revision 6), little-endian, in one strip. */

export interface TiffParts {
  readonly width: number;
  readonly height: number;
  /** Pixel by pixel. */
  readonly samples: Uint8Array | Uint16Array | Int16Array | Uint32Array | Float32Array;
  /** 1 gray, 2 colour. */
  readonly photometric: 1 | 2;
  /** 1 whole, 2 signed, 3 floats. */
  readonly format: 1 | 2 | 3;
  /** Of the last channel: 1 an alpha that has been multiplied in, 2 one that has not. */
  readonly extra?: 1 | 2;
}

export function writeTiff({ width, height, samples, photometric, format, extra }: TiffParts): Buffer {
  const channels = samples.length / (width * height);
  const each = (value: number) => Array<number>(channels).fill(value);
  const short = 3;
  const long = 4;
  const fields: [tag: number, kind: number, values: number[]][] = [
    [256, long, [width]],
    [257, long, [height]],
    [258, short, each(8 * samples.BYTES_PER_ELEMENT)],
    [259, short, [1]],
    [262, short, [photometric]],
    [273, long, [0]],
    [277, short, [channels]],
    [278, long, [height]],
    [279, long, [samples.byteLength]],
    ...(extra ? [[338, short, [extra]] as [number, number, number[]]] : []),
    [339, short, each(format)],
  ];
  const directory = 8;
  let free = directory + 2 + 12 * fields.length + 4;
  const start = free + 64;
  const file = Buffer.alloc(start + samples.byteLength);
  file.write('II*\0', 0, 'latin1');
  file.writeUInt32LE(directory, 4);
  file.writeUInt16LE(fields.length, directory);
  fields.forEach(([tag, kind, values], i) => {
    const at = directory + 2 + 12 * i;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(kind, at + 2);
    file.writeUInt32LE(values.length, at + 4);
    const size = kind === short ? 2 : 4;
    let where = at + 8;
    if (size * values.length > 4) {
      file.writeUInt32LE(free, where);
      where = free;
      free += size * values.length;
    }
    values.forEach((value, j) => {
      const stored = tag === 273 ? start : value;
      if (kind === short) file.writeUInt16LE(stored, where + size * j);
      else file.writeUInt32LE(stored, where + size * j);
    });
  });
  file.set(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), start);
  return file;
}
