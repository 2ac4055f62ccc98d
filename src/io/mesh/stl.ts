/** The faces of STL files, binary and text. */

import { shown } from '../../host/checks.js';
import type { Corners, Fail } from './corners.js';
import { pointRemedy } from './corners.js';
import { Lines, numberOf, plainText, wordsOf } from './text.js';

const headerBytes = 84;
const faceBytes = 50;
/** A text has none of a binary header's zeros in so many bytes. */
const bytesLookedAt = 512;

/** @throws by `fail` bytes that are no whole faces, a face or number that is none. */
export function stlCorners(bytes: Uint8Array<ArrayBuffer>, fail: Fail): Corners {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const claimed = bytes.length < headerBytes ? -1 : view.getUint32(80, true);
  if (headerBytes + claimed * faceBytes !== bytes.length) {
    const text = plainText(bytes);
    const start = new TextDecoder('latin1').decode(text.subarray(0, bytesLookedAt));
    if (/^\s*solid/i.test(start) && !start.includes('\0')) return textCorners(new Lines(text), fail);
  }
  if (claimed < 0) return fail(`has ${bytes.length} bytes, too few for a header`);
  const held = bytes.length - headerBytes;
  // Where the size is whole it tells; a count may be left at nothing by what wrote the file in one go.
  const faces = held % faceBytes === 0 ? held / faceBytes : claimed;
  const doubt = `claims ${claimed} faces of ${faceBytes} bytes and has ${held} bytes of them`;
  if (faces * faceBytes > held || (faces === 0 && held >= faceBytes)) fail(doubt);
  const positions = new Float64Array(9 * faces);
  for (let face = 0; face < faces; face++) {
    for (let i = 0; i < 9; i++) {
      positions[9 * face + i] = view.getFloat32(headerBytes + face * faceBytes + 12 + 4 * i, true);
    }
  }
  return { positions, ...(held - faces * faceBytes >= faceBytes && { doubt }) };
}

function textCorners(lines: Lines, fail: Fail): Corners {
  const positions: number[] = [];
  let vertices = 0; // of the face that is begun
  let numbers = 0; // that the vertex still takes
  let begun = 0; // words of a name that may be those of a face
  let state = 'outside' as 'outside' | 'named' | 'facet' | 'loop' | 'looped';
  const faces = () => Math.floor(positions.length / 9);
  const noNumber = (word: string) => fail(`line ${lines.number}: ${shown(word)} is no number`, pointRemedy);
  const take = (text: string) => {
    const word = text.toLowerCase();
    const wrong = () => fail(`line ${lines.number}: ${shown(text)} does not belong there`);
    if (numbers > 0) {
      positions.push(numberOf(text) ?? noNumber(text));
      numbers--;
    } else if (state === 'outside') {
      if (word === 'solid' || word === 'endsolid') [state, begun] = ['named', 0];
      else if (word === 'facet') [state, vertices] = ['facet', 0];
      else wrong();
    } else if (state === 'named') {
      // A name ends with its line; where all is one line, before what no name has.
      if (begun === 2 && numberOf(text) !== undefined) [state, vertices] = ['facet', 0];
      else if (begun === 1 && word === 'normal') begun = 2;
      else begun = word === 'facet' ? 1 : 0;
    } else if (state === 'facet') {
      if (word === 'loop') state = 'loop';
      else if (word.startsWith('end') || word === 'vertex' || word === 'facet') wrong();
    } else if (state === 'loop' && word === 'vertex') {
      if (++vertices > 3) fail(`line ${lines.number}: a face of more than three vertices`);
      numbers = 3;
    } else if (state === 'loop' && word === 'endloop') {
      if (vertices !== 3) fail(`line ${lines.number}: a face of ${vertices} vertices`);
      state = 'looped';
    } else if (state === 'looped' && word === 'endfacet') state = 'outside';
    else wrong();
  };
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    for (const piece of piecesOf(line)) for (const word of wordsOf(piece)) take(word);
    if (numbers > 0) noNumber('');
    if (state === 'named') state = 'outside';
  }
  if (state !== 'outside') fail(`ends in a face, after ${faces()} that are whole`);
  return { positions };
}

/** Characters of a line whose words are held at once. */
const pieceLength = 2 ** 16;

/** A line cut between words: a whole file may be one, and its words take many times its bytes. */
function* piecesOf(line: string): Generator<string> {
  for (let at = 0; at < line.length; ) {
    let end = at + pieceLength;
    while (end < line.length && !/\s/.test(line[end])) end++;
    yield line.slice(at, end);
    at = end;
  }
}
