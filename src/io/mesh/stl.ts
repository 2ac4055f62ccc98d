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
  if (faces * faceBytes > held) fail(`claims ${claimed} faces of ${faceBytes} bytes and has ${held} bytes of them`);
  const positions = new Float64Array(9 * faces);
  for (let face = 0; face < faces; face++) {
    for (let i = 0; i < 9; i++) {
      positions[9 * face + i] = view.getFloat32(headerBytes + face * faceBytes + 12 + 4 * i, true);
    }
  }
  return { positions };
}

function textCorners(lines: Lines, fail: Fail): Corners {
  const positions: number[] = [];
  let vertices = 0; // of the face that is begun
  let state: 'outside' | 'facet' | 'loop' | 'looped' = 'outside';
  const faces = () => Math.floor(positions.length / 9);
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const words = wordsOf(line);
    for (let at = 0; at < words.length; at++) {
      const word = words[at].toLowerCase();
      const wrong = () => fail(`line ${lines.number}: "${shown(words[at])}" does not belong there`);
      if (state === 'outside') {
        if (word === 'solid' || word === 'endsolid') break; // a name ends with its line
        if (word !== 'facet') wrong();
        [state, vertices] = ['facet', 0];
      } else if (state === 'facet') {
        if (word === 'loop') state = 'loop';
        else if (word.startsWith('end') || word === 'vertex' || word === 'facet') wrong();
      } else if (state === 'loop' && word === 'vertex') {
        const numbers = [1, 2, 3].map(i => {
          const text = words[at + i] ?? '';
          return numberOf(text) ?? fail(`line ${lines.number}: "${shown(text)}" is no number`, pointRemedy);
        });
        positions.push(...numbers);
        at += 3;
        if (++vertices > 3) fail(`line ${lines.number}: a face of more than three vertices`);
      } else if (state === 'loop' && word === 'endloop') {
        if (vertices !== 3) fail(`line ${lines.number}: a face of ${vertices} vertices`);
        state = 'looped';
      } else if (state === 'looped' && word === 'endfacet') state = 'outside';
      else wrong();
    }
  }
  if (state !== 'outside') fail(`ends in a face, after ${faces()} that are whole`);
  return { positions };
}
