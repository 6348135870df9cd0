/**
 * A throw-away certificate authority, so that PostgreSQL and Redis speak TLS here as they do on AWS and clients
 * verify them as they do there. Node signs but does not write X.509; the few DER structures that a certificate
 * needs (RFC 5280) are written here instead of bringing in a library of twenty packages for them.
 */
import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CertificateAuthority {
  /** The authority's own certificate, for NODE_EXTRA_CA_CERTS and the like. */
  readonly caFile: string;
  issue(names: readonly string[]): ServerCertificate;
}

export interface AuthorityOptions {
  readonly commonName: string;
  readonly now: Date;
  /** Where the authority's certificate is written. Its key stays in memory. */
  readonly directory: string;
}

const dayMs = 86_400_000;
const oid = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** Valid from an hour before `now` to a day after it. */
export function createAuthority({ commonName, now, directory }: AuthorityOptions): CertificateAuthority {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authorityKeyId = keyIdentifier(authority.publicKey);
  let serial = 1;

  const write = (subject: string, key: KeyObject, extensions: readonly Buffer[]): string =>
    certificate({ serial: serial++, issuer: commonName, subject, key, signedWith: authority.privateKey, extensions, now });

  const caFile = join(directory, 'ca.pem');
  const own = write(commonName, authority.publicKey, [
    extension(oid.basicConstraints, sequence(boolean(true)), 'critical'),
    // keyCertSign and cRLSign.
    extension(oid.keyUsage, bitString(Buffer.from([0b0000_0110]), 1), 'critical'),
    extension(oid.subjectKeyIdentifier, octetString(authorityKeyId)),
  ]);
  writeFileSync(caFile, own, { mode: 0o644 });

  return {
    caFile,
    issue(names) {
      const [first] = names;
      if (first === undefined) throw new Error('a server certificate needs a name: none was given; pass a host name or an address');
      const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const certificatePem = write(first, server.publicKey, [
        extension(oid.basicConstraints, sequence(), 'critical'),
        // digitalSignature.
        extension(oid.keyUsage, bitString(Buffer.from([0b1000_0000]), 7), 'critical'),
        extension(oid.extendedKeyUsage, sequence(objectIdentifier(oid.serverAuth))),
        extension(oid.authorityKeyIdentifier, sequence(tagged(0x80, authorityKeyId))),
        extension(oid.subjectAltName, sequence(...names.map(alternativeName))),
      ]);
      return { certificatePem, privateKeyPem: server.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string };
    },
  };
}

function certificate(fields: {
  serial: number;
  issuer: string;
  subject: string;
  key: KeyObject;
  signedWith: KeyObject;
  extensions: readonly Buffer[];
  now: Date;
}): string {
  const algorithm = sequence(objectIdentifier(oid.ecdsaWithSha256));
  const version3 = tagged(0xa0, integer(2));
  const validity = sequence(utcTime(new Date(fields.now.getTime() - dayMs / 24)), utcTime(new Date(fields.now.getTime() + dayMs)));
  const body = sequence(
    version3,
    integer(fields.serial),
    algorithm,
    name(fields.issuer),
    validity,
    name(fields.subject),
    fields.key.export({ format: 'der', type: 'spki' }),
    tagged(0xa3, sequence(...fields.extensions)),
  );
  const signed = sequence(body, algorithm, bitString(sign('sha256', body, fields.signedWith), 0));
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** RFC 5280, 4.2.1.2, method 1 hashes the key's bits; any hash of the key serves as well. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest()
    .subarray(0, 20);
}

function alternativeName(host: string): Buffer {
  const version = isIP(host);
  if (version === 6) throw new Error(`a certificate for '${host}': only IPv4 addresses and names are written here`);
  if (version === 4) return tagged(0x87, Buffer.from(host.split('.').map(Number)));
  return tagged(0x82, Buffer.from(host, 'ascii'));
}

const name = (commonName: string): Buffer =>
  sequence(tagged(0x31, sequence(objectIdentifier(oid.commonName), tagged(0x0c, Buffer.from(commonName, 'utf8')))));

const extension = (id: string, value: Buffer, critical?: 'critical'): Buffer =>
  sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));

// DER (X.690): a tag, the length, the content.
function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag, ...derLength(content.length)]), content]);
}

function derLength(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts));
const octetString = (content: Buffer): Buffer => tagged(0x04, content);
const bitString = (content: Buffer, unusedBits: number): Buffer => tagged(0x03, Buffer.concat([Buffer.from([unusedBits]), content]));
const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.from([value ? 0xff : 0]));

/** A small whole number; the leading zero keeps it positive. */
function integer(value: number): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
  return tagged(0x02, (bytes[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

/** YYMMDDHHMMSSZ, which serves until 2049. */
const utcTime = (time: Date): Buffer => tagged(0x17, Buffer.from(`${time.toISOString().replace(/\D/g, '').slice(2, 14)}Z`, 'ascii'));

function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const base128 = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) base128.unshift((left & 0x7f) | 0x80);
    bytes.push(...base128);
  }
  return tagged(0x06, Buffer.from(bytes));
}
