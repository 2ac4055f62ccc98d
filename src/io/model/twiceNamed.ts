/** What JSON's own reader keeps silent about: an object that has one name twice, of which it takes the last. */

/** The first name that an object has twice, at any depth. @param json a text that JSON's reader takes. */
export function twiceNamed(json: string): string | undefined {
  // The names so far of each object that is open; of a list nothing.
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < json.length; at++) {
    const sign = json[at];
    if (sign === '{') open.push(new Set());
    else if (sign === '[') open.push(undefined);
    else if (sign === '}' || sign === ']') open.pop();
    else if (sign === '"') {
      const end = endOfString(json, at);
      const names = open.at(-1);
      if (names && isFollowedByColon(json, end)) {
        const name = JSON.parse(json.slice(at, end)) as string;
        if (names.has(name)) return name;
        names.add(name);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Past the closing quote of the string that begins at `from`. */
function endOfString(json: string, from: number): number {
  let at = from + 1;
  while (json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isFollowedByColon(json: string, from: number): boolean {
  let at = from;
  while (' \t\n\r'.includes(json[at] ?? '?')) at++;
  return json[at] === ':';
}
