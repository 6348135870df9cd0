/**
 * Text that must not appear anywhere but where it is used: it prints, serializes and inspects as `[secret]`.
 */
import { inspect } from 'node:util';

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    if (text === '') throw new Error('a secret is empty: its value in Secrets Manager was never set; put it there and start again');
    this.#text = text;
  }

  /** The text itself. Only as an argument of the call that needs it: never into a variable that lives on. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}
