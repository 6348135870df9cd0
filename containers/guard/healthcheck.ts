/** What the container's health check runs: 0 when the guard says healthy, else 1 and its reasons. */
import { get } from 'node:http';

const timeoutMs = 4000;
const url = `http://127.0.0.1:${process.env['BATON_GUARD_PORT']}/healthz`;

const call = get(url, { timeout: timeoutMs }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.pipe(process.stdout);
});
call.on('timeout', () => call.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)));
call.on('error', (error) => {
  process.stdout.write(`${error.message}\n`);
  process.exitCode = 1;
});
