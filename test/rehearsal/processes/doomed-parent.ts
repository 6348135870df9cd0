/** A parent for supervisor.test.ts to kill: it starts a deaf child and a paused one, says so, and waits. */
import { Supervisor } from '../../../rehearsal/processes/supervisor.ts';

const supervisor = new Supervisor();
const directory = await supervisor.temporaryDirectory('doomed');
const deaf = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);";
const children = await Promise.all(
  ['deaf', 'paused'].map((name) => supervisor.spawn({ name, command: process.execPath, args: ['-e', deaf], env: {}, cwd: directory })),
);
children[1]?.pause();
console.log(JSON.stringify({ pids: children.map(({ pid }) => pid), directory }));
