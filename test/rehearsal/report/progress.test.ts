/** What a person reads when scenarios run side by side. */
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { createProgress } from '../../../rehearsal/report/progress.ts';

function screen() {
  let written = '';
  const stream = Object.assign(new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk);
      done();
    },
  }), { isTTY: false });
  const progress = createProgress(stream as unknown as NodeJS.WriteStream);
  /** The lines, without their times. */
  const lines = () => stripVTControlCharacters(written).split('\n').filter((line) => line !== '').map((line) => line.replaceAll(/ *\d+\.\d s ?/g, '').trim());
  return { progress, lines };
}

test('each part is one piece, in order, whichever ends first', () => {
  const { progress, lines } = screen();
  progress.note('before');
  const [first, second, third] = progress.inTurn(3);
  second!.heading('second');
  first!.heading('first');
  const end = second!.begin('a step of the second');
  third!.heading('third');
  first!.note('goes on');
  end();
  expect(lines()).toEqual(['before', 'first', 'goes on']);
  third!.close();
  first!.close();
  expect(lines()).toEqual(['before', 'first', 'goes on', 'second', '✓ a step of the second']);
  second!.note('is shown at once now');
  expect(lines().at(-1)).toBe('is shown at once now');
  second!.close();
  expect(lines().slice(-2)).toEqual(['is shown at once now', 'third']);
  progress.note('after');
  expect(lines().at(-1)).toBe('after');
});

test('a step that was begun behind another part ends in its own', () => {
  const { progress, lines } = screen();
  const [first, second] = progress.inTurn(2);
  const end = second!.begin('long');
  first!.close();
  end('failed');
  end();
  expect(lines()).toEqual(['✗ long']);
});
