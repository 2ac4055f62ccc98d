/** The polygons of Wavefront OBJ files. */

import { shown } from '../../host/checks.js';
import { addPolygon, type Corners, type Fail, pointRemedy } from './corners.js';
import { Lines, numberOf, plainText, wordsOf } from './text.js';

/** Statements that say nothing of a closed surface of polygons. */
const passedOver = new Set(
  'vt vn vp g o s mg l p mtllib usemtl maplib usemap bevel c_interp d_interp lod shadow_obj trace_obj'.split(' '),
);

/** @throws by `fail` a number that is none, a face of no such vertex, a statement that OBJ does not know. */
export function objCorners(bytes: Uint8Array<ArrayBuffer>, fail: Fail): Corners {
  const lines = new Lines(plainText(bytes));
  const positions: number[] = [];
  const corners: number[] = [];
  let highest = { vertex: -1, line: 0 };
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const { number } = lines;
    let whole = line;
    while (whole.endsWith('\\')) whole = `${whole.slice(0, -1)} ${lines.next() ?? ''}`;
    const hash = whole.indexOf('#');
    const [statement, ...words] = wordsOf(hash < 0 ? whole : whole.slice(0, hash));
    if (statement === undefined || passedOver.has(statement)) continue;
    if (statement === 'v') {
      const numbers = words.map(
        word => numberOf(word) ?? fail(`line ${number}: ${shown(word)} is no number`, pointRemedy),
      );
      if (numbers.length < 3) fail(`line ${number}: a vertex of ${numbers.length} numbers`);
      positions.push(numbers[0], numbers[1], numbers[2]);
    } else if (statement === 'f' || statement === 'fo') {
      const polygon = words.map(word => {
        const index = Number(/^(-?\d{1,15})(\/-?\d*){0,2}$/.exec(word)?.[1] ?? 0);
        const vertex = index < 0 ? positions.length / 3 + index : index - 1;
        if (index === 0 || vertex < 0) fail(`line ${number}: ${shown(word)} is no vertex`);
        if (vertex > highest.vertex) highest = { vertex, line: number };
        return vertex;
      });
      if (polygon.length < 3) fail(`line ${number}: a face of ${polygon.length} corners`);
      addPolygon(corners, polygon);
    } else {
      fail(`line ${number}: ${shown(statement)} is no statement of a polygon mesh`);
    }
  }
  const vertices = positions.length / 3;
  if (highest.vertex >= vertices) {
    fail(`line ${highest.line}: a face has vertex ${highest.vertex + 1}, and there are ${vertices}`);
  }
  return { positions, corners };
}
