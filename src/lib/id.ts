import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
let lastTime = 0;
let sequence = 0;

/**
 * `run_01kd…`: a prefix, ten digits of time and ten of chance, in Crockford's base 32. Ids made later sort later,
 * also inside one millisecond of one process.
 */
export function newId(prefix: string, now: number = Date.now()): string {
  sequence = now === lastTime ? sequence + 1 : 0;
  lastTime = now;
  let time = '';
  for (let rest = now, i = 0; i < 10; i++) {
    time = ALPHABET[rest % 32]! + time; // an index below 32
    rest = Math.floor(rest / 32);
  }
  const order =
    ALPHABET[Math.floor(sequence / 1024) % 32]! + ALPHABET[Math.floor(sequence / 32) % 32]! + ALPHABET[sequence % 32]!; // below 32
  let chance = '';
  for (const byte of randomBytes(7)) chance += ALPHABET[byte % 32]!; // below 32
  return `${prefix}_${time}${order}${chance}`;
}
