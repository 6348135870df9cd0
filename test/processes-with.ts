/** What a command left behind. */
import { readdir, readFile } from 'node:fs/promises';

/** Processes whose command line or environment names this directory. */
export async function processesWith(text: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const files = await Promise.all(['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')));
      return files.some((content) => content.includes(text)) ? [pid] : [];
    }),
  );
  return found.flat();
}
