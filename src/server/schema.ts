/** The `server:` section of the config. Light: it is read whenever a config is checked. */
import { z } from 'zod';
import { KEYLESS_PRINCIPALS } from '../contracts/principal.ts';

const apiKey = z.strictObject({
  /** Names the principal in runs, events and budgets. Never secret. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/, 'a key’s name has 1 to 64 letters, digits, dots, dashes, underscores or @')
    .refine((name) => !KEYLESS_PRINCIPALS.includes(name), `the names ${KEYLESS_PRINCIPALS.join(' and ')} are Tutti’s own`)
    .describe('Names the caller in runs, events and budgets.'),
  key: z
    .string()
    .min(8, 'a key has at least 8 characters')
    .regex(/^[\x21-\x7e]+$/, 'a key has only visible ASCII characters, without spaces')
    .describe('The secret that is sent as `Authorization: Bearer <key>`. Quote it as "${NAME}" to read the environment.'),
  role: z
    .enum(['user', 'admin'])
    .default('user')
    .describe('`admin` may also load, swap, pull, evict and reload the config, and sees all runs.'),
  budget_usd_per_day: z
    .number()
    .positive()
    .optional()
    .describe('Refuse further calls once so much was spent since midnight UTC.'),
  rpm: z.int().positive().optional().describe('Requests a minute; more are answered 429.'),
});
export type ApiKey = z.infer<typeof apiKey>;

const cors = z.strictObject({
  /** Exact origins (`https://app.example.com`), or `*` for any. Empty: no CORS headers. */
  origins: z
    .array(
      z
        .string()
        .refine(
          (text) => text === '*' || isOrigin(text),
          'an origin is `*` or scheme, host and port only: https://app.example.com',
        ),
    )
    .default([])
    .describe('Web pages that may call this server: exact origins, or `*`.'),
});

const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  file: z.string().min(1).optional().describe('Write the log there rather than to standard error.'),
});

export const serverSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1').describe('Address to listen on. Beyond loopback an API key is required.'),
    port: z.int().min(0).max(65535).default(8000).describe('0: any free port.'),
    api_keys: z.array(apiKey).default([]),
    cors: cors.prefault({}),
    file_roots: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Folders from which requests may read images, audio and files by path, relative to the config file. Empty: none.',
      ),
    max_body_mb: z.number().positive().max(4096).default(32).describe('Largest request body, in MiB.'),
    keep_alive_seconds: z
      .number()
      .positive()
      .max(3600)
      .default(10)
      .describe('A stream that is silent for so long gets a comment, so that proxies keep it open.'),
    grace_seconds: z
      .number()
      .min(0)
      .max(3600)
      .default(30)
      .describe('On SIGTERM: how long running calls may go on before they are aborted.'),
    log: log.prefault({}),
    docs: z.boolean().default(true).describe('Serve /docs and /openapi.json.'),
    metrics: z.boolean().default(true).describe('Serve /metrics.'),
  })
  .superRefine((server, context) => {
    for (const field of ['name', 'key'] as const) {
      const seen = new Set<string>();
      server.api_keys.forEach((entry, index) => {
        if (seen.has(entry[field])) {
          context.addIssue({ code: 'custom', path: ['api_keys', index, field], message: `another key has the same ${field}` });
        }
        seen.add(entry[field]);
      });
    }
  });
/** The validated section. Times in seconds, sizes in MiB, as in the file. */
export type ServerConfig = z.infer<typeof serverSchema>;

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.origin === text;
}
