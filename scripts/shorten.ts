/**
 * Letters for the names in a kernel's text that nobody outside it goes by, as a compiler's registers: what a reader wants
 * stands in kernels/. A name has the same letter in all texts, so that what they share stays the same, word for word.
 */

/** Marks, and names that are neither a member of anything nor an attribute. */
const markOrName = /\/\/#.*$|(?<![\w.@])[A-Za-z_]\w*/gm;
/** A variable, a constant or a parameter of a function. */
const ownName = /\b(?:let|var|const) (\w+)|[(,](?:@builtin\(\w+\))?(\w+):/g;
/** What a text declares beside its bindings, which hosts and dispatches know. */
const declaration = /\b(?:fn|struct|var<(?:workgroup|private)>) ?(\w+)|^const (\w+)/gm;
/** A constant that is a plain number, which is no shorter by name. */
const plainConstant = /^const (\w+)=((?:0x[\da-f]+|[\d.]+(?:e-?\d+)?)[fui]?);\n?/gm;
const structBody = /(?<=\bstruct \w+)\{[^}]*\}/g;
const functionHead = /\bfn (\w+)\(/g;

const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
/** Of what a function declares. */
const shortest = [...letters, ...letters.slice(26).flatMap(numbered)];
/** Of functions, structs and the like. A constant in capitals is one that a dispatch sets. */
const shortestShared = [...letters.slice(26), ...letters.slice(0, 26).flatMap(numbered)];

function numbered(letter: string): string[] {
  return [...'0123456789'].map(digit => letter + digit);
}

/**
 * The texts with short names, each at its place, and without those functions of what they import that they do not call.
 *
 * @param texts stripped, of kernels and of what fills their slots.
 * @param code all that dispatches kernels: a constant that it names keeps its name.
 */
export function shortened(texts: readonly string[], code = ''): string[] {
  const known = new Set(code.match(/\b[A-Z][A-Z0-9_]+\b/g));
  const unset = sharedNames(texts, known);
  const plain = texts.map(text => inlined(text, unset));
  const shared = sharedNames(plain, known);
  const renamed = plain.map(text => withNames(withoutUncalled(text, shared), shared));
  const own = ownNames(renamed.flatMap(functionsOf));
  return renamed.map(text => {
    let at = 0;
    const pieces = functionsOf(text).map(({ start, end, body, locals }) => {
      const before = text.slice(at, start);
      at = end;
      return before + withNames(body, own, locals);
    });
    return pieces.join('') + text.slice(at);
  });
}

/** The text without those of these constants that are plain numbers, which stand wherever they were named. */
function inlined(text: string, names: ReadonlyMap<string, string>): string {
  const values = new Map<string, string>();
  const rest = text.replace(plainConstant, (whole, name: string, value: string) => {
    if (!names.has(name)) return whole;
    values.set(name, value);
    return '';
  });
  return withNames(rest, values);
}

/** The text without those of these functions that nothing in it calls, and then without what those alone called. */
function withoutUncalled(text: string, names: ReadonlyMap<string, string>): string {
  const counts = new Map<string, number>();
  for (const name of namesIn(text)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const idle = functionsOf(text).find(({ name }) => names.has(name) && counts.get(name) === 1);
  return idle ? withoutUncalled(text.slice(0, idle.start) + text.slice(idle.end), names) : text;
}

/** The text with new names for those of the map, or for those of them that are among `only`. */
function withNames(text: string, names: ReadonlyMap<string, string>, only?: ReadonlySet<string>): string {
  return text.replace(markOrName, name => ((only?.has(name) ?? true) && names.get(name)) || name);
}

function namesIn(text: string): string[] {
  return [...text.matchAll(markOrName)].map(([name]) => name).filter(name => !name.startsWith('//#'));
}

/** The most frequent first. */
function byFrequency(names: ReadonlySet<string>, texts: readonly string[]): string[] {
  const counts = new Map([...names].map(name => [name, 0]));
  for (const name of texts.flatMap(namesIn)) if (names.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name]) => name);
}

/** Functions, structs, memory of workgroups and constants, but for those by which a text and what fills its slots know each other. */
function sharedNames(texts: readonly string[], known: ReadonlySet<string>): ReadonlyMap<string, string> {
  const declared = texts.map(
    text => new Set([...text.matchAll(declaration)].map(match => (match[1] ?? match[2]) as string)),
  );
  const all = new Set(declared.flatMap(names => [...names]));
  const locals = texts.map(text => new Set(functionsOf(text).flatMap(one => [...one.locals])));
  texts.forEach((text, i) => {
    for (const name of namesIn(text)) if (!declared[i]?.has(name) && !locals[i]?.has(name)) all.delete(name);
  });
  const fields = texts.flatMap(text => [...text.matchAll(structBody)].flatMap(([body]) => namesIn(body)));
  for (const name of ['main', ...known, ...fields.filter(field => !/^[A-Z]/.test(field))]) all.delete(name);
  const names = new Set(texts.flatMap(namesIn));
  const constants = new Set(texts.flatMap(text => [...text.matchAll(declaration)].map(([, , name]) => name)));
  const free = shortestShared.filter(name => !names.has(name));
  return new Map(
    byFrequency(all, texts).map(name => {
      const at = free.findIndex(short => !constants.has(name) || short !== short.toUpperCase());
      return [name, ...free.splice(at, 1)] as [string, string];
    }),
  );
}

interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly body: string;
  /** Names that it declares, its parameters' among them. */
  readonly locals: ReadonlySet<string>;
}

/** The functions of a text, in their order. */
function functionsOf(text: string): Part[] {
  return [...text.matchAll(functionHead)].map(({ index, 1: name = '' }) => {
    let end = text.indexOf('{', index) + 1;
    for (let depth = 1; depth > 0; end++) depth += { '{': 1, '}': -1 }[text[end] as string] ?? 0;
    const body = text.slice(index, end);
    const locals = new Set([...body.matchAll(ownName)].map(match => (match[1] ?? match[2]) as string));
    const called = [...locals].find(name => new RegExp(`(?<![\\w.])${name}\\(`).test(body));
    if (called) throw new Error(`${body.split('{')[0]} has a variable ${called} and calls what has its name`);
    return { name, start: index, end, body, locals };
  });
}

/** A letter that is free wherever the name stands, the first for the most frequent names. */
function ownNames(functions: readonly Part[]): ReadonlyMap<string, string> {
  const short = new Map<string, string>();
  const all = new Set(functions.flatMap(({ locals }) => [...locals]));
  const bodies = functions.map(({ body }) => body);
  const namesOf = functions.map(({ body }) => new Set(namesIn(body)));
  for (const name of byFrequency(all, bodies)) {
    const taken = new Set<string>();
    functions.forEach(({ locals }, i) => {
      if (!locals.has(name)) return;
      for (const other of namesOf[i] as ReadonlySet<string>)
        taken.add(locals.has(other) ? (short.get(other) ?? '') : other);
    });
    short.set(name, shortest.find(letter => !taken.has(letter)) ?? name);
  }
  return short;
}
