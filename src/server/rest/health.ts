import { z } from 'zod';
import type { Call } from '../route.ts';

export const alive = z.strictObject({ status: z.literal('ok') });

export function healthz(): z.infer<typeof alive> {
  return { status: 'ok' };
}

export const readiness = z.strictObject({ ready: z.boolean(), reasons: z.array(z.string()).describe('Why it is not ready.') });

/** 503 while it cannot serve. */
export function readyz(call: Call): z.infer<typeof readiness> {
  const { tutti, isDraining } = call.services;
  const { ok, reasons } = tutti.ready();
  const ready = ok && !isDraining();
  if (!ready) call.reply.code(503);
  return { ready, reasons: isDraining() ? ['The server is shutting down.', ...reasons] : [...reasons] };
}
