/**
 * What an editor shows of the packed types, read from the declarations that are built, as the compiler reads them. A
 * docstring counts where it has a word before its first tag that is neither an article nor in the name.
 *
 * - Whatever an entry exports has one: functions, classes, constants, interfaces and other types.
 * - So has every member of an exported interface, class or object type, those of parents that are not exported among them.
 *   Not what is private, nor `[Symbol.dispose]`, which does as `dispose` does.
 * - A member without one is told by its parent in one of two ways alone: it is the member of that name of an interface or a
 *   class that its own extends or implements, which has one; or its type has no name of its own, and the docstring of what is
 *   of that type, takes or returns it, or a tag of it, has the member's name in backquotes.
 * - A name in backquotes is one that whoever reads it can find: that an entry exports, or that stands in what it exports.
 */

import { SyntaxKind } from 'typescript/unstable/ast';
import { API, type NodeHandle, SymbolFlags, type Symbol as TypeSymbol } from 'typescript/unstable/sync';
import { root } from '../../scripts/bundles.js';
import { requireEqual } from '../helpers/compare.js';
import { suite } from '../helpers/suite.js';

const test = suite('docstrings');
const types = `${root}dist/types/`;
const entries = ['index', 'node', 'ops', 'ntk', 'pde'].map(entry => `${types}public/${entry}.d.ts`);

type Node = NonNullable<ReturnType<NodeHandle['resolve']>>;

/** The built declarations as one program, by settings that stand in no file. */
function opened() {
  const path = `${types}tsconfig.json`;
  const compilerOptions = { module: 'ESNext', moduleResolution: 'bundler', target: 'ES2022', types: ['@webgpu/types'] };
  const settings = JSON.stringify({ compilerOptions, files: entries });
  const isSettings = (name: string) => (name === path ? true : undefined);
  const api = new API({
    cwd: root,
    fs: { fileExists: isSettings, readFile: name => (isSettings(name) ? settings : undefined) },
  });
  const [project] = api.updateSnapshot({ openProjects: [path] }).getProjects();
  return { api, project, checker: project.checker };
}

function wordsOf(text: string): string[] {
  const apart = text.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return apart.match(/[a-z0-9]+/g) ?? [];
}

/** Whether a docstring says more than the name does. */
function saysMore(name: string, docstring: string): boolean {
  const said = new Set([...wordsOf(name), 'a', 'an', 'the', 'its', 'of']);
  return wordsOf(docstring).some(word => !said.has(word));
}

/** Names in docstrings that are those of WebGPU, of WGSL, of a condition, or of an attribute whose type has no name. */
const elsewhere = ['adapterInfo', 'main', 'data', 'identities'];

/** Every name that an entry exports and every member of those, which of them say nothing, and which names nobody finds. */
function looked() {
  const { api, project, checker } = opened();
  const seen = new Set<string>();
  const silent: string[] = [];
  const names = new Set(elsewhere);
  const named: (readonly [what: string, name: string])[] = [];
  const docstringOf = (symbol: TypeSymbol) => checker.getDocumentationCommentOfSymbol(symbol);

  /** What the classes and interfaces above one have by a name. */
  function isToldAbove(owner: TypeSymbol, name: string): boolean {
    const parents = owner.declarations.flatMap(handle => {
      const { heritageClauses = [] } = (handle.resolve(project) ?? {}) as {
        readonly heritageClauses?: readonly { readonly types: readonly Node[] }[];
      };
      return heritageClauses.flatMap(clause => clause.types.map(type => checker.getTypeAtLocation(type)));
    });
    return parents.some(parent => {
      const member = parent && checker.getPropertyOfType(parent, name);
      return member !== undefined && saysMore(name, docstringOf(member));
    });
  }

  /** The members of types without a name that stand in a declaration, but for those in its own members. */
  function lookInside(what: string, docstring: string, node: Node): void {
    node.forEachChild(child => {
      if (isMember(child)) return;
      if (child.kind === SyntaxKind.TypeLiteral) {
        for (const member of (child as unknown as { readonly members: readonly { readonly name?: Node }[] }).members) {
          const symbol = member.name && checker.getSymbolAtLocation(member.name);
          if (symbol) look(`${what}.${symbol.name}`, symbol, docstring.includes(`\`${symbol.name}\``), docstring);
        }
      }
      lookInside(what, docstring, child);
    });
  }

  /** @param above what is said of that whose type without a name it is a member of. */
  function look(what: string, symbol: TypeSymbol, isTold = false, above = ''): void {
    const [handle] = symbol.declarations;
    const node = handle?.resolve(project);
    if (!node || !handle.path.includes('/dist/types/') || symbol.name.startsWith('__')) return;
    if (isPrivate(node) || seen.has(`${handle.path} ${handle.index}`)) return;
    seen.add(`${handle.path} ${handle.index}`);
    const docstring = docstringOf(symbol);
    if (!isTold && !saysMore(symbol.name, docstring)) silent.push(what);
    const tags = checker.getJsDocTagsOfSymbol(symbol).map(tag => JSON.stringify(tag));
    const told = [docstring, ...tags].join(' ');
    for (const [, path] of told.matchAll(/`([a-z]\w*(?:\.\w+)*)`/gi)) {
      for (const name of path.split('.')) named.push([what, name]);
    }
    for (const [name] of node
      .getText()
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .matchAll(/\w+/g))
      names.add(name);
    lookInside(what, `${above} ${told}`, node);
  }

  for (const entry of entries) {
    const file = project.program.getSourceFile(entry);
    const entryModule = file && checker.getSymbolAtLocation(file);
    if (!entryModule) throw new Error(`${entry} is not built`);
    for (const exported of checker.getExportsOfModule(entryModule)) {
      const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      names.add(exported.name);
      look(exported.name, symbol);
      if (!(symbol.flags & (SymbolFlags.Interface | SymbolFlags.Class | SymbolFlags.TypeAlias))) continue;
      const type = checker.getDeclaredTypeOfSymbol(symbol);
      const own = type.isObjectType() || type.isIntersectionType() ? checker.getPropertiesOfType(type) : [];
      const statics = symbol.flags & SymbolFlags.Class ? [...symbol.getExports().values()] : [];
      for (const member of [...own, ...statics.filter(({ name }) => name !== 'prototype')]) {
        look(`${exported.name}.${member.name}`, member, isToldAbove(symbol, member.name));
      }
    }
  }
  api.close();
  const lost = named.filter(([, name]) => !names.has(name)).map(([what, name]) => `${what}: ${name}`);
  return { count: seen.size, silent, lost };
}

function isMember({ kind }: Node): boolean {
  return [
    SyntaxKind.PropertySignature,
    SyntaxKind.MethodSignature,
    SyntaxKind.PropertyDeclaration,
    SyntaxKind.MethodDeclaration,
    SyntaxKind.Constructor,
    SyntaxKind.GetAccessor,
    SyntaxKind.SetAccessor,
  ].includes(kind);
}

function isPrivate(node: Node): boolean {
  const { modifiers = [] } = node as { readonly modifiers?: readonly Node[] };
  return modifiers.some(({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.ProtectedKeyword);
}

const found = looked();

test('whatever the public entries export has a docstring that says more than its name, and so has each of its members', () => {
  requireEqual('found', found.count > 1000, true);
  requireEqual('silent', found.silent, []);
});

test('a name in backquotes is one that the public entries have', () => {
  requireEqual('lost', found.lost, []);
});
