import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { commandOutside, parseDockerfile } from '../../../rehearsal/processes/container-image.ts';
import { imageOf, useSite } from './site.ts';

const site = useSite();

const final = (lines: string): string => `FROM node AS build\nRUN node containers/build.ts bot /out\nFROM slim\n${lines}`;
const ending = 'USER 1000\nENTRYPOINT ["node", "/app/main.mjs"]\n';

test("the final stage's tree holds what the build made, read-only, and starts as the image says", async () => {
  const image = await imageOf(site, 'tree', { files: { 'main.mjs': 'console.log("up")', 'healthcheck.mjs': '' } });
  expect(readFileSync(join(image.root, 'app/main.mjs'), 'utf8')).toBe('console.log("up")');
  expect(existsSync(join(image.root, 'app/healthcheck.mjs'))).toBe(true);
  expect(existsSync(join(image.root, 'src'))).toBe(false);
  expect(statSync(join(image.root, 'app')).mode & 0o222).toBe(0);
  expect(statSync(join(image.root, 'app/main.mjs')).mode & 0o222).toBe(0);
  if (process.getuid?.() !== 0) expect(() => writeFileSync(join(image.root, 'app/new'), '')).toThrow(/EACCES/);
  expect(image).toMatchObject({
    entrypoint: ['node', '/app/main.mjs'],
    environment: { NODE_ENV: 'production', GREETING: 'hello there' },
    user: { uid: 65532, gid: 65532 },
    workingDirectory: '/app',
  });
  expect(commandOutside(image, image.entrypoint, '/this/node')).toEqual(['/this/node', join(image.root, 'app/main.mjs')]);
});

test('the digest is of the content: equal for equal, another for another file, setting or label', async () => {
  const files = { 'main.mjs': '1' };
  const digests = await Promise.all([
    imageOf(site, 'a', { files }),
    imageOf(site, 'b', { files }),
    imageOf(site, 'c', { files: { 'main.mjs': '2' } }),
    imageOf(site, 'd', { files, labels: { version: '2' } }),
    imageOf(site, 'e', { files: { ...files, 'other.mjs': '' } }),
  ]).then((images) => images.map(({ digest }) => digest));
  expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(digests[1]).toBe(digests[0]);
  expect(new Set(digests).size).toBe(4);
});

test('one file is copied under the name that the target gives it', async () => {
  const dockerfile = final(`WORKDIR /srv\nCOPY --from=build /out/main.mjs start.mjs\nCOPY --from=build /out/main.mjs /bin/\n${ending}`);
  const { root } = await imageOf(site, 'file', { files: { 'main.mjs': 'x' }, dockerfile });
  expect(existsSync(join(root, 'srv/start.mjs'))).toBe(true);
  expect(existsSync(join(root, 'bin/main.mjs'))).toBe(true);
});

test.each(['guard', 'trader'])('the Dockerfile of the %s is understood whole, and starts as a number', async (name) => {
  const dockerfile = fileURLToPath(new URL(`../../../containers/${name}/Dockerfile`, import.meta.url));
  const { final: stage, bundles } = parseDockerfile(await readFile(dockerfile, 'utf8'), dockerfile);
  expect(bundles).toEqual([{ stage: 'build', args: ['containers/build.ts', name], output: '/out' }]);
  expect(stage.copies).toHaveLength(1);
  expect(stage.user.uid).toBeGreaterThan(0);
  expect([stage.entrypoint[0], stage.entrypoint.at(-1)]).toEqual(['/nodejs/bin/node', '/app/main.mjs']);
});

test('a build that fails says why', async () => {
  const dockerfile = final(`COPY --from=build /out /app\n${ending}`).replace('ts bot', 'ts nobody');
  await expect(imageOf(site, 'broken', { files: {}, dockerfile })).rejects.toThrow(
    /containers\/build\.ts nobody' failed: [^]*unknown image nobody/,
  );
});

test('a copy of what no build step made says where', async () => {
  const dockerfile = final(`COPY --from=build /src/secret /app/\n${ending}`);
  await expect(imageOf(site, 'elsewhere', { files: {}, dockerfile })).rejects.toThrow(
    /Dockerfile:4: nothing is known to make \/src\/secret/,
  );
  const missing = final(`COPY --from=build /out/none.mjs /app/\n${ending}`);
  await expect(imageOf(site, 'missing', { files: {}, dockerfile: missing })).rejects.toThrow(
    /Dockerfile:4: the build did not make \/out\/none.mjs/,
  );
});

test.each([
  [
    'a shell at the end',
    `COPY --from=build /out /app\nRUN apt-get update\n${ending}`,
    /D:5: 'RUN apt-get update' in the final stage is not rehearsed/,
  ],
  ['the shell form', 'USER 1\nENTRYPOINT node main.mjs\n', /D:5: 'ENTRYPOINT node main.mjs': wanted the exec form/],
  ['a CMD', `CMD ["x"]\n${ending}`, /D:4: 'CMD \["x"\]'/],
  ['the context', `COPY package.json /app/\n${ending}`, /D:4: COPY out of the build context/],
  ['no user', 'ENTRYPOINT ["node"]\n', /D:4: the final stage runs as root/],
  ['root', 'USER 0\nENTRYPOINT ["node"]\n', /runs as root/],
  ['a user by name', `USER nonroot\n${ending}`, /D:4: 'USER nonroot': wanted numbers/],
  ['no entry point', 'USER 1\n', /D:4: the final stage has no ENTRYPOINT/],
  ['a variable in ENV', `ENV A=$B\n${ending}`, /D:4: 'ENV A=\$B': wanted NAME=value/],
  ['any download', `ADD https://example.com/tool.tar /app/\n${ending}`, /D:4: 'ADD https/],
])('refuses %s, naming the line', (_what, lines, message) => {
  expect(() => parseDockerfile(final(lines), 'D')).toThrow(message);
});

test('comments, continued lines, labels, ports and a fetched certificate bundle change nothing', () => {
  const bundle = 'ADD --chmod=444 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem /etc/ssl/rds.pem\n';
  const lines = `# why\nLABEL a=b\nEXPOSE 80\n${bundle}ENV A=1 \\\n  # inside\n    B="two words"\n${ending}`;
  const { final: stage } = parseDockerfile(final(lines), 'D');
  expect(stage.environment).toEqual({ A: '1', B: 'two words' });
  expect(stage.user).toEqual({ uid: 1000, gid: 1000 });
});

test('ENV gives back whatever was quoted', () => {
  const value = fc.string({ unit: 'grapheme-ascii' }).filter((text) => !text.includes('$'));
  const names = fc.uniqueArray(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(names, fc.array(value, { minLength: 5, maxLength: 5 }), (keys, values) => {
      const expected = Object.fromEntries(keys.map((key, index) => [key, values[index] ?? '']));
      const quoted = Object.entries(expected).map(([key, text]) => `${key}="${text.replaceAll(/["\\]/g, '\\$&')}"`);
      expect(parseDockerfile(final(`ENV ${quoted.join(' ')}\n${ending}`), 'D').final.environment).toEqual(expected);
    }),
  );
});
