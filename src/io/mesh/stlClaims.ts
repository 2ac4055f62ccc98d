/** An STL file against what it says of itself: what a loader that trusts it must not be given. */

const headerBytes = 84;
const faceBytes = 50;
/** Where a file may begin its text, after a byte order mark. */
const mostBytesBeforeText = 5;

/**
 * How many faces an STL file has.
 *
 * @param fail throws with what is wrong: a count that does not fit, a vertex that is none, a face or solid without end.
 */
export function stlFaces(bytes: Uint8Array, fail: (what: string) => never): number {
  const claimed = bytes.length < headerBytes ? -1 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(80, true);
  if (headerBytes + claimed * faceBytes === bytes.length) return claimed;
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, mostBytesBeforeText + 4));
  if (start.includes('solid')) return textFaces(new TextDecoder().decode(bytes), fail);
  if (claimed < 0) return fail(`has ${bytes.length} bytes, too few for a header`);
  return fail(`claims ${claimed} faces of ${faceBytes} bytes and has ${bytes.length - headerBytes} bytes of them`);
}

function textFaces(text: string, fail: (what: string) => never): number {
  const solids = text.split('endsolid');
  if (solids.length < 2) fail('has no solid that ends');
  let [faces, vertices] = [0, 0];
  for (const solid of solids.slice(0, -1)) {
    const parts = solid.split('endfacet');
    // Without its end a face would be looked for again from each of its words on.
    const rest = parts.pop();
    faces += parts.length;
    if (rest?.includes('facet')) fail(`has a face that does not end, after ${faces} that do`);
  }
  for (const [, ...coordinates] of text.matchAll(/vertex\s+(\S+)\s+(\S+)\s+(\S+)/g)) {
    if (!coordinates.every(number => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(number))) {
      fail(
        `vertex ${vertices} is at (${coordinates.map(number => number.slice(0, 20)).join(', ')}), which is no place`,
      );
    }
    vertices++;
  }
  if (vertices !== 3 * faces) fail(`has ${vertices} vertices, and its ${faces} faces take ${3 * faces}`);
  return faces;
}
