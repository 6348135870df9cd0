/** A change of the code that ships, made while it is loaded: nothing is written to a file. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Mutant {
  /** What is wrong with it, in words. */
  readonly name: string;
  readonly file: string;
  readonly at: number;
  readonly length: number;
  readonly text: string;
}

const root = dirname(dirname(import.meta.dirname));

export function sourceOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The file as it is loaded. */
export function changed({ at, length, text }: Mutant, source: string): string {
  return source.slice(0, at) + text + source.slice(at + length);
}

/** The one that this process was told to load, and the address of its file. */
export function mutantOfEnvironment(): { readonly mutant: Mutant; readonly path: string } | undefined {
  const told = process.env['BATON_MUTANT'];
  if (told === undefined) return undefined;
  const mutant = JSON.parse(told) as Mutant;
  return { mutant, path: join(root, mutant.file) };
}

/** By what stands there, which must stand there once: a change of the code shows that a mutant has to follow. */
export function replacing(name: string, file: string, what: string, text: string): Mutant {
  const source = sourceOf(file);
  const at = source.indexOf(what);
  if (at < 0 || source.indexOf(what, at + 1) >= 0) throw new Error(`mutant '${name}': ${file} has not exactly one '${what}': say what it has now`);
  return { name, file, at, length: what.length, text };
}
