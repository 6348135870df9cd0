/** What the tests of processes start from: a supervisor, a directory, an authority; all gone after the file's tests. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { createAuthority, type CertificateAuthority } from '../../../rehearsal/processes/certificate.ts';
import { buildImage, type BuiltImage } from '../../../rehearsal/processes/container-image.ts';
import { Supervisor } from '../../../rehearsal/processes/supervisor.ts';

export interface Site {
  supervisor: Supervisor;
  directory: string;
  authority: CertificateAuthority;
}

export function useSite(): Site {
  const site = {} as Site;
  beforeAll(async () => {
    site.supervisor = new Supervisor();
    site.directory = await site.supervisor.temporaryDirectory('test');
    site.authority = createAuthority({ commonName: 'Baton test', now: new Date(), directory: site.directory });
  });
  afterAll(() => site.supervisor?.close());
  return site;
}

const dockerfile = `# A build stage and a final one, as containers/*/Dockerfile have them.
FROM node:24-slim AS build
WORKDIR /src
COPY . .
RUN node containers/build.ts bot /out

FROM gcr.io/distroless/nodejs24
COPY --from=build /out/ /app/
ENV NODE_ENV=production GREETING="hello there"
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["node", "/app/main.mjs"]
`;

export interface ImageSource {
  /** The files that the build makes. */
  readonly files: Readonly<Record<string, string>>;
  readonly dockerfile?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A context whose build writes the given files, and the image made of it. */
export async function imageOf(site: Site, name: string, source: ImageSource): Promise<BuiltImage> {
  const context = join(site.directory, `context-${name}`);
  const build = `import { mkdirSync, writeFileSync } from 'node:fs';
const [, , name, out] = process.argv;
if (name !== 'bot') throw new Error('unknown image ' + name);
mkdirSync(out, { recursive: true });
for (const [file, text] of Object.entries(${JSON.stringify(source.files)})) writeFileSync(out + '/' + file, text);
`;
  const files = { 'containers/build.ts': build, 'containers/bot/Dockerfile': source.dockerfile ?? dockerfile };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(context, dirname(path)), { recursive: true });
    await writeFile(join(context, path), text);
  }
  const directory = join(site.directory, 'images');
  await mkdir(directory, { recursive: true });
  const labels = source.labels ?? {};
  return buildImage({ dockerfile: join(context, 'containers/bot/Dockerfile'), context, directory, labels });
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
