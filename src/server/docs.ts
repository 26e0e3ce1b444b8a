/** `/docs`: Swagger UI, from this machine. Its files are read when somebody asks for them. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { TuttiError } from '../errors/error.ts';
import { version } from '../version.ts';
import type { Call } from './route.ts';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tutti: the HTTP interface</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;
const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#ui', deepLinking: true, docExpansion: 'list' });\n`;

/** What the page loads; nothing else of the package is served. */
const TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};
/** Everything comes from here. Swagger UI writes styles into the page, and its icons are data URLs. */
const POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/** Whoever opens the address in a browser finds the page. */
export function home(call: Call): FastifyReply | { name: string; version: string } {
  return call.services.config().docs ? call.reply.redirect('/docs') : { name: 'tutti', version };
}

export function docsPage(call: Call): FastifyReply {
  assertEnabled(call);
  return call.reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).send(PAGE);
}

export async function docsFile(call: Call): Promise<FastifyReply> {
  assertEnabled(call);
  const file = call.params.file ?? '';
  if (file === 'start.js') return call.reply.type('text/javascript; charset=utf-8').send(START);
  const type = Object.hasOwn(TYPES, file) ? TYPES[file] : undefined;
  if (type === undefined) throw new TuttiError('not_found', `There is nothing at /docs/${file}.`);
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  return call.reply
    .type(type)
    .header('cache-control', 'max-age=86400')
    .send(await readFile(join(folder, file)));
}

function assertEnabled(call: Call): void {
  if (!call.services.config().docs) throw new TuttiError('not_found', '`server.docs: false` switches this off.');
}
