/**
 * Several dispatches as one: its text has the functions of all, and each of its workgroups runs those of one, by its
 * place in a line. What each computes, and in which order, stays as it was.
 *
 * A storage that several bind is bound once, since a shader has eight, and they take turns with workgroup memory. All have
 * workgroups of one size.
 */

import { sizeOf } from '../buffer/layout.js';
import type { Device } from '../device/device.js';
import { totalOf } from '../host/arrays.js';
import { type Dispatch, foldedWorkgroups, totalWork } from './dispatch.js';
import type { BindingLayout } from './kernel.js';
import { operationsInTime, operationsOfFullest, weightOf, workgroupsInTime } from './pace.js';
import { evaluate, integerConstants } from './specialise.js';

interface Bound extends BindingLayout {
  /** As the text has it, with the type. */
  readonly space: string;
  readonly type: string;
  readonly resource: Dispatch['resources'][number];
}

// Of texts as scripts/kernels.ts writes them.
const entry = /@compute@workgroup_size\((\w+)\)\s*fn main\(([^{]*)\)/;
const builtin = /@builtin\((\w+)\)/g;
const binding = /@group\(0\)@binding\([^)]*\)var<([^>]*)>(\w+):([^;]+);/g;
const memory = /var<workgroup>(\w+):array<vec4f,([^;]+)>;/g;
const declared = /(?:\bfn |\bstruct |\bconst |var<private>)(\w+)/g;
/** A struct, or a name that is no member of anything. */
const structOrName = /struct \w+\{[^}]*\}|(?<![.\w])[A-Za-z_]\w*/g;
/** What stays where a text is not written so, is made for subgroups, or has other memory of workgroups. */
const foreign = /@group|@builtin|var<workgroup>/;

/** Whether a device gains by it: on a processor a dispatch costs little, and a text longer to compile than that saves. */
export function joins({ cpu }: Device): boolean {
  return !cpu;
}

/**
 * A dispatch in stretches of its workgroups that each end in time (pace.ts), to the same bits. They share a text, which reads
 * where in the line its stretch begins.
 *
 * @returns the dispatch itself where it ends in time, or is none that would be joined.
 */
export function inStretches(device: Device, dispatch: Dispatch): readonly Dispatch[] {
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  const all = sizeOf(dispatch.workgroups);
  const operations = operationsOfFullest(dispatch);
  const inTime = workgroupsInTime(operations, device.rate);
  const most = Math.min(limit, inTime);
  const joint = joins(device) && all > inTime && join(device, [dispatch], true);
  if (!joint) return [dispatch];
  return Array.from({ length: Math.ceil(all / most) }, (_, i) => {
    const count = Math.min(most, all - i * most);
    return {
      ...joint,
      resources: [new Uint8Array(Uint32Array.of(i * most).buffer), ...joint.resources.slice(1)],
      workgroups: [count, 1, 1],
      work: { operations: operations * count, bytes: 0 },
      follows: i > 0 && all <= limit,
    };
  });
}

/**
 * @param dispatches none of which needs what another writes.
 * @param begins whether the line begins at the place that its first binding has.
 * @returns undefined where a device does not run them as one, or not in time (pace.ts), or a host wrote a text in a way of its own.
 */
export function join(device: Device, dispatches: readonly Dispatch[], begins = false): Dispatch | undefined {
  const sizes = new Set(
    dispatches.map(({ source }) => evaluate(entry.exec(source)?.[1] ?? '', integerConstants(source))),
  );
  const [size] = sizes;
  const work = totalWork(dispatches);
  if (!size || sizes.size > 1 || (dispatches.length > 1 && weightOf(work) > operationsInTime(device.rate)))
    return undefined;
  // What an entry point is given in place w of a part's workgroups, and as invocation l there.
  const builtins: Readonly<Record<string, string>> = {
    workgroup_id: 'v',
    num_workgroups: 'n',
    local_invocation_index: 'l',
    global_invocation_id: `vec3u(v.x*${size}+l,v.yz)`,
  };
  const bound: Bound[] = begins
    ? [{ name: 'begin', access: 'uniform', space: 'uniform', type: 'u32', resource: new Uint8Array() }]
    : [];
  const rooms: number[] = [];
  let texts = '';
  let calls = '';
  let end = 0;
  for (const [i, { source, bindings, resources, workgroups }] of dispatches.entries()) {
    const names = new Map([...source.matchAll(declared)].map(([, name]) => [name, `${name}_${i}`]));
    const rename = (name: string) => names.get(name) ?? name;
    const renamed = (text: string) =>
      text.replace(structOrName, found => (found.endsWith('}') ? found.replace(/\w+\b(?!:)/g, rename) : rename(found)));
    for (const [, space, name, declaration] of source.matchAll(binding)) {
      const at = bindings.findIndex(one => one.name === name); // where an inner axis is cut, its parts are bound last
      const [type, resource] = [renamed(declaration), resources[at]];
      let known = bound.findIndex(one => one.resource === resource);
      if (known < 0) known = bound.push({ ...bindings[at], space, type, resource }) - 1;
      if (!resource || bound[known].type !== type) return undefined; // none where it was joined already
      names.set(name, `B${known}_`);
    }
    for (const [room, [, name, count]] of [...source.matchAll(memory)].entries()) {
      names.set(name, `W${room}_`);
      rooms[room] = Math.max(rooms[room] ?? 0, evaluate(count, integerConstants(source)) as number);
    }
    const values: string[] = [];
    const text = source.replace(entry, (_, __, parameters: string) => {
      return `fn main(${parameters.replace(builtin, (whole, name: string) => {
        values.push(builtins[name]);
        return builtins[name] ? '' : whole;
      })})`;
    });
    texts += renamed(text.replace(binding, '').replace(memory, ''));
    const place = `let n=vec3u(${workgroups});let w=i-${end};let v=vec3u(w%n.x,w/n.x%n.y,w/n.x/n.y);`;
    end += sizeOf(workgroups);
    calls += `if(i<${end}){${place}main_${i}(${values.join()});return;}`;
  }
  const uniforms = bound.filter(({ access }) => access === 'uniform').length;
  // Not a number where a count is written in a form that evaluate does not know.
  const quads = totalOf(rooms, count => count);
  const { limits } = device;
  if (foreign.test(texts) || uniforms > limits.maxUniformBuffersPerShaderStage) return undefined;
  if (bound.length - uniforms > limits.maxStorageBuffersPerShaderStage) return undefined;
  if (!(16 * quads <= limits.maxComputeWorkgroupStorageSize)) return undefined;
  return {
    kernel: dispatches.map(({ kernel }) => kernel).join(' + '),
    extent: `${end} workgroups`,
    source: [
      ...bound.map(({ space, type }, i) => `@group(0)@binding(${i})var<${space}>B${i}_:${type};`),
      ...rooms.map((count, i) => `var<workgroup>W${i}_:array<vec4f,${count}>;`),
      texts,
      `@compute@workgroup_size(${size})fn main(@builtin(workgroup_id)g:vec3u,@builtin(num_workgroups)s:vec3u,@builtin(local_invocation_index)l:u32){let i=${begins ? 'B0_+' : ''}g.y*s.x+g.x;${calls}}`,
    ].join('\n'),
    bindings: bound,
    resources: bound.map(({ resource }) => resource),
    workgroups: foldedWorkgroups(end, 1, device),
    work,
  };
}
