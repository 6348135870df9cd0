/**
 * `npm run rehearse -- serve`: the rehearsed system stays up after the first cutover, with its traders trading, for people
 * to look into with the AWS CLI, psql, redis-cli and a browser, and to harm.
 */
import pc from 'picocolors';
import { openInstallation, type InstallationOptions } from '../installation.ts';
import { Stage } from '../stage.ts';
import { accessTo, describeAccess } from './access.ts';
import { Controls } from './controls.ts';
import { Watch } from './live.ts';
import { Page } from './page.ts';

export interface ServeOptions extends InstallationOptions {
  /** Prints what a person needs, on standard output. */
  readonly print: (text: string) => void;
  /** Settles when the person has had enough. */
  readonly untilStopped: () => Promise<void>;
}

export async function serve(options: ServeOptions): Promise<void> {
  const { progress, print, untilStopped, assembly } = options;
  const installation = await openInstallation({ ...options, cuttable: true });
  const stage = Stage.on(installation, progress);
  try {
    progress.heading('First cutover: the book is opened');
    const first = await stage.cutover(stage.releases.first, 'The first release of this book');
    if (first.outcome !== 'succeeded') throw new Error(`the first cutover ended as '${first.outcome}': ${first.cause ?? 'without a cause'}`);
    const access = accessTo(installation);
    const controls = new Controls(stage, installation);
    const page = await Page.open({
      title: `Baton: a rehearsal of ${assembly.settings.environment}`,
      origin: access.endpoint,
      watch: new Watch(installation, stage),
      controls,
      commands: describeAccess(access, 'hidden'),
      // Said in the terminal and on the page, as a thing that is over.
      onNote: (text) => stage.injected(text)(),
    });
    installation.front.answerUnsigned((request, response) => page.handle(request, response));
    try {
      progress.heading('It trades, and stays up until Ctrl-C');
      print(`${describeAccess(access, 'shown')}\n\n${pc.dim('Ctrl-C ends it and leaves nothing behind.')}`);
      await untilStopped();
    } finally {
      controls.close();
      page.close();
    }
  } finally {
    const closed = progress.begin('Put everything away');
    await stage.close();
    closed();
  }
}
