import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors/codes.ts';
import { ROUTES } from '../../src/server/app.ts';
import { makeOpenapi } from '../../src/server/openapi.ts';
import { startServer } from './harness.ts';

const read = (name: string) => readFile(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  it('lists every code as it is, in the same order', async () => {
    const rows = (await read('errors.md')).split('\n').filter((line) => line.startsWith('| `'));
    expect(rows).toEqual(
      Object.entries(ERROR_CODES).map(
        ([code, { status, retryable, type, help }]) =>
          `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | \`${type}\` | ${help} |`,
      ),
    );
  });
});

describe('docs/http.md', () => {
  it('lists every route with its role and what it is for, and no others', async () => {
    const rows = (await read('http.md')).split('\n').filter((line) => /^\| `(GET|POST|PATCH|DELETE) /.test(line));
    expect(rows).toEqual(ROUTES.map(({ method, path, role, summary }) => `| \`${method} ${path}\` | ${role} | ${summary} |`));
  });
});

describe('the OpenAPI document', () => {
  const document = makeOpenapi(ROUTES) as {
    paths: Record<string, Record<string, { operationId: string; [key: string]: unknown }>>;
  };
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

  it('has every route, each with a name of its own', () => {
    expect(operations).toHaveLength(ROUTES.length);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
  });

  it('describes bodies and answers', () => {
    expect(document.paths['/v1/chat/completions']?.post).toMatchObject({
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              properties: { messages: { type: 'array', minItems: 1 }, tutti: { additionalProperties: false } },
              required: ['messages'],
            },
          },
        },
      },
      responses: { 200: { content: { 'application/json': { schema: { properties: { choices: { type: 'array' } } } } } } },
      security: [{ key: [] }],
    });
    expect(document.paths['/api/models/{model}/load']?.post).toMatchObject({ requestBody: { required: false } });
    expect(document.paths['/api/runs']?.get?.parameters).toContainEqual({
      name: 'status',
      in: 'query',
      required: false,
      schema: { type: 'string', enum: ['running', 'completed', 'failed', 'cancelled', 'waiting'] },
    });
  });

  it('refers to nothing that is not in it', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
    for (const [, reference = ''] of references) {
      let target: unknown = document;
      expect(reference).toMatch(/^#\//);
      for (const key of reference.slice(2).split('/')) target = (target as Record<string, unknown>)[key];
      expect(target, reference).toBeDefined();
    }
  });

  it('is served, beside a page that loads nothing from elsewhere', async () => {
    await using harness = await startServer();
    expect(await (await harness.fetch('/openapi.json')).json()).toEqual(JSON.parse(JSON.stringify(document)));
    const page = await harness.fetch('/docs');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const links = (await page.text()).matchAll(/(?:src|href)="([^"]+)"/g);
    for (const [, link = ''] of links) {
      expect(link).toMatch(/^\/docs\//);
      expect((await harness.fetch(link)).status, link).toBe(200);
    }
    for (const file of ['package.json', '..%2Fpackage.json', 'swagger-ui-bundle.js.map']) {
      expect((await harness.fetch(`/docs/${file}`)).status, file).toBe(404);
    }
  });
});
