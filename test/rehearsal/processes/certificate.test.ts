import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';

import { createAuthority } from '../../../rehearsal/processes/certificate.ts';
import { useSite } from './site.ts';

const site = useSite();

test('a certificate names its host and its issuer, and serves nothing else', () => {
  const ca = new X509Certificate(readFileSync(site.authority.caFile));
  const server = new X509Certificate(site.authority.issue(['127.0.0.1', 'localhost']).certificatePem);
  expect(server.checkIssued(ca)).toBe(true);
  expect(server.verify(ca.publicKey)).toBe(true);
  expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(server.checkIP('127.0.0.2')).toBeUndefined();
  expect(server.checkHost('localhost')).toBe('localhost');
  expect([ca.ca, server.ca]).toEqual([true, false]);
  expect(server.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(Date.parse(server.validTo) - Date.now()).toBeGreaterThan(23 * 3600 * 1000);
});

test('serial numbers differ, also beyond one byte', () => {
  const serials = Array.from({ length: 300 }, () => new X509Certificate(site.authority.issue(['localhost']).certificatePem).serialNumber);
  expect(new Set(serials).size).toBe(300);
});

test('a TLS client trusts it by its authority, and not by another', async () => {
  const { certificatePem: cert, privateKeyPem: key } = site.authority.issue(['127.0.0.1']);
  const server = createServer({ cert, key }, (socket) => socket.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const greet = (ca: string): Promise<string> =>
    new Promise((resolve, reject) => {
      connect({ host: '127.0.0.1', port, ca: readFileSync(ca) })
        .once('data', (data) => resolve(data.toString()))
        .once('error', reject);
    });
  try {
    await expect(greet(site.authority.caFile)).resolves.toBe('hello');
    const other = createAuthority({ commonName: 'another', now: new Date(), directory: await site.supervisor.temporaryDirectory('other') });
    await expect(greet(other.caFile)).rejects.toThrow(/unable to (get|verify)|self-signed|signature/i);
  } finally {
    server.close();
  }
});
