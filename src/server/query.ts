/** Values in a URL's query, which are all texts. */
import { z } from 'zod';

/** `?best`, `?best=true`, `?best=1`; false when absent. */
export const flag = z
  .enum(['', '1', '0', 'true', 'false'])
  .optional()
  .transform((text) => text !== undefined && text !== '0' && text !== 'false');

/** A moment as epoch seconds or as an ISO 8601 date; gives epoch milliseconds. */
export const moment = z.string().transform((text, context) => {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'a time is a number of epoch seconds, or an ISO 8601 date' });
  return z.NEVER;
});

export const positive = (max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'this takes a whole number')
    .transform(Number)
    .pipe(z.int().min(1).max(max));
