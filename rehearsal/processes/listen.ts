/**
 * Listening on this machine alone, on ports that nobody fixed. A server of another program cannot be asked which port
 * it chose: between finding one free and that server's own listening somebody else may take it, so starting is tried
 * again with another.
 */
import { createServer, type AddressInfo, type Server } from 'node:net';

/** Starts a server of ours on this port, or on one of the system's choice, and answers the port. */
export async function listenLocally(server: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** A server's start failed because its port was taken. */
export class PortTakenError extends Error {
  constructor(port: number, cause: unknown) {
    super(`port ${port} was taken before the server could listen on it`, { cause });
    this.name = 'PortTakenError';
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenLocally(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const attempts = 5;

export async function onFreePort<Started>(start: (port: number) => Promise<Started>): Promise<Started> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (!(error instanceof PortTakenError) || attempt === attempts) throw error;
    }
  }
}
