/** The kernels as types: which bindings, constants and struct fields each has, derived from its reflection. */

import type { Storage } from '../buffer/memory.js';
import { kernels, schedules } from './generated.js';

export type KernelName = keyof typeof kernels;
export type ScheduleName = keyof typeof schedules;

type Kernels = typeof kernels;
type Binding<K extends KernelName> = Kernels[K]['bindings'][number];

type Value<F> = F extends { type: 'array'; struct: infer S } ? readonly Values<S>[] : number;
export type Values<S> = { readonly [F in keyof S]: Value<S[F]> };

type StructBinding<K extends KernelName> = Extract<Binding<K>, { struct: unknown }>;
type BufferBinding<K extends KernelName> = Exclude<Binding<K>, { struct: unknown }>;

/** One entry of a kernel's table of problems. */
export type Problem<K extends KernelName> = Values<Extract<StructBinding<K>, { table: true }>['struct']>;
/** A kernel's uniform settings. */
export type Settings<K extends KernelName> = Values<Extract<StructBinding<K>, { table: false }>['struct']>;
/** The storages that a kernel binds, by the names it has for them. */
export type Buffers<K extends KernelName> = { readonly [B in BufferBinding<K> as B['name']]: Storage };
export type Constants<K extends KernelName> = { readonly [C in keyof Kernels[K]['constants']]?: number | boolean };

export interface FieldLayout {
  readonly offset: number;
  readonly type: string;
  readonly struct?: Readonly<Record<string, FieldLayout>>;
  readonly stride?: number;
  readonly count?: number;
}

export interface BindingLayout {
  readonly name: string;
  readonly access: 'uniform' | 'read' | 'read_write';
  readonly element?: string;
  readonly struct?: Readonly<Record<string, FieldLayout>>;
  readonly size?: number;
  readonly table?: boolean;
}

export interface KernelDescription {
  readonly path: string;
  readonly scheduled: boolean;
  readonly source: string;
  readonly constants: Readonly<Record<string, string>>;
  readonly bindings: readonly BindingLayout[];
}

export interface ScheduleDescription {
  readonly path: string;
  readonly source: string;
  readonly constants: Readonly<Record<string, string>>;
}

export const catalogue: Readonly<Record<KernelName, KernelDescription>> = kernels;
export const scheduleCatalogue: Readonly<Record<ScheduleName, ScheduleDescription>> = schedules;
