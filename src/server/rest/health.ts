import { z } from 'zod';
import { version } from '../../version.ts';
import type { Call } from '../route.ts';

export const alive = z.strictObject({ status: z.literal('ok') });

/** The header tells a Tutti from any other server at the same address: the command line looks for it. */
export function healthz(call: Call): z.infer<typeof alive> {
  call.reply.header('x-tutti-version', version);
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
