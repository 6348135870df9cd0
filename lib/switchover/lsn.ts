/** A position in PostgreSQL's write-ahead log, as it writes it: two hexadecimal halves of a number of bytes. */
export function bytesOf(lsn: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(lsn) ?? [];
  if (high === undefined || low === undefined) throw new Error(`not a position in the write-ahead log, such as 16/B374D848: '${lsn}'`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** How many bytes the one is behind the other; 0 where it is not. */
export function bytesBehind(one: string, other: string): number {
  const behind = bytesOf(other) - bytesOf(one);
  return behind > 0n ? Number(behind) : 0;
}
