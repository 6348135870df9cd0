/** Reads every key of a restored cache, whatever its type. Answers how many there were; one that expired meanwhile is no loss. */
import type { Redis } from 'ioredis';

const perScan = 500;

export async function readCache(redis: Pick<Redis, 'scan' | 'dump'>): Promise<number> {
  const read = new Set<string>();
  let cursor = '0';
  do {
    const [next, names] = await redis.scan(cursor, 'COUNT', perScan);
    for (const name of names) await redis.dump(name);
    for (const name of names) read.add(name);
    cursor = next;
  } while (cursor !== '0');
  return read.size;
}
