/** A kernel as a value: its text, and what stands in it, with types derived from that. */

import type { Storage } from '../buffer/memory.js';

/** What a module constant may be set to: a bool, or a number written as the u32, i32 or f32 that it replaces. */
export type ConstantValue = number | boolean;

/**
 * The fields of a struct that a kernel reads, in their order. All are of whole words of 4 bytes and so lie directly after
 * each other (WGSL, section 14.4.1).
 */
export interface StructLayout {
  readonly [field: string]: FieldLayout;
}
export type FieldLayout = 'u32' | 'f32' | { readonly struct: StructLayout; readonly count: number };

/** One binding of a kernel, in group 0. */
export interface BindingLayout {
  /** Of the variable in the text, by which a dispatch is given its storage. */
  readonly name: string;
  /** Uniform settings, or storage that is read, or read and written. */
  readonly access: 'uniform' | 'read' | 'read_write';
  /** Of a struct, the uniform settings; or of an array of structs, a table. */
  readonly struct?: StructLayout;
  /** Whether it is an array of such structs, one for each problem. */
  readonly table?: boolean;
}

/** A kernel: those of this package are under kernels/ and `src/wgsl`, a host's own come from `kernelOf`. */
export interface Kernel {
  /** By which errors, profiles and captures call it. */
  readonly name: string;
  /**
   * WGSL, with its imports in place and its slots open. Of a kernel of this package its type alone knows what follows: a
   * dispatch reads it off the text.
   */
  readonly source: string;
  /** Where a text of another file is put in: see `SlotText`. */
  readonly slots?: readonly string[];
  /** The values of the module constants that a dispatch may set. */
  readonly constants?: Readonly<Record<string, ConstantValue>>;
  /** In the order of their numbers; where they are absent a dispatch reads them off the text. */
  readonly bindings?: readonly BindingLayout[];
}

/** What fills a slot of a kernel: a schedule of the matrix products, an activation, a pointwise loss. */
export interface SlotText {
  /** By which errors call it, and a tuner tells products apart: two texts have two names. */
  readonly name: string;
  /** WGSL that is put in the place of the slot. */
  readonly source: string;
  /** Values of the module constants in it. */
  readonly constants?: Readonly<Record<string, ConstantValue>>;
}

type Binding<K extends Kernel> = BindingsIn<K['source']>;
type BindingsIn<S> = S extends { readonly bindings?: readonly (infer B extends BindingLayout)[] } ? B : never;

type Value<F> = F extends { struct: infer S } ? readonly Values<S>[] : number;
type Values<S> = { readonly [F in keyof S]: Value<S[F]> };

type StructBinding<K extends Kernel> = Extract<Binding<K>, { struct: unknown }>;
type BufferBinding<K extends Kernel> = Exclude<Binding<K>, { struct: unknown }>;

/** Values of a struct whose fields are known at run time alone. */
export type FieldValues = { readonly [field: string]: number | readonly FieldValues[] };

/** Whether a kernel's text came at run time, so that no types can be derived from it. */
type Loose<K extends Kernel> = string extends K['name'] ? true : false;

/** One entry of a kernel's table of problems. */
export type Problem<K extends Kernel> =
  Loose<K> extends true ? FieldValues : Values<Extract<StructBinding<K>, { table: true }>['struct']>;
/** A kernel's uniform settings. */
export type Settings<K extends Kernel> =
  Loose<K> extends true ? FieldValues : Values<Extract<StructBinding<K>, { table: false }>['struct']>;
/** The storages that a kernel binds, by the names it has for them. */
export type Buffers<K extends Kernel> =
  Loose<K> extends true
    ? Readonly<Record<string, Storage>>
    : { readonly [B in BufferBinding<K> as B['name']]: Storage };
export type Constants<K extends Kernel> =
  Loose<K> extends true
    ? Readonly<Record<string, ConstantValue>>
    : { readonly [C in keyof ConstantsIn<K['source']>]?: ConstantValue };
type ConstantsIn<S> = S extends { readonly constants?: infer C } ? NonNullable<C> : never;
/** What stands in a kernel's slots, but for the schedule, which the device chooses. */
export type Slots<K extends Kernel> =
  Loose<K> extends true
    ? Readonly<Record<string, SlotText>>
    : { readonly [S in Exclude<SlotsIn<K['source']>, 'schedule'>]: SlotText };
type SlotsIn<S> = S extends { readonly slots?: readonly (infer N extends string)[] } ? N : never;
