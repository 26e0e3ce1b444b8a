/** `/openapi.json`: made from the route table and its schemas, on first use. */
import { z } from 'zod';
import { ERROR_CODES } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import type { Call, Route } from './route.ts';
import { version } from '../version.ts';

type Json = { [key: string]: unknown };

const made = new WeakMap<readonly Route[], Json>();

export function openapiJson(call: Call): Json {
  const { routes, config } = call.services;
  if (!config().docs) throw new TuttiError('not_found', '`server.docs: false` switches this off.');
  let document = made.get(routes);
  if (document === undefined) made.set(routes, (document = makeOpenapi(routes)));
  return document;
}

/** OpenAPI 3.1, whose schemas are JSON Schema 2020-12, as zod writes it. */
export function makeOpenapi(routes: readonly Route[]): Json {
  const paths: { [path: string]: Json } = {};
  const named: Json = { Error: errorSchema() };
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route, named);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tutti',
      version,
      description:
        'Many models, one endpoint. `/v1` is compatible with OpenAI’s API; `/api` is Tutti’s own: snake_case, seconds, MiB. Model ids in paths may be raw or percent-encoded.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: named,
      responses: {
        Error: {
          description: 'What went wrong, and what to do: `error.code` is one of those in docs/errors.md.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

/** `named` collects the schemas that have a name, which others refer to. */
function operation(route: Route, named: Json): Json {
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [tagOf(route.path)],
    ...(route.role === 'admin' && { description: 'For admins.' }),
    security: route.role === 'public' ? [] : [{ key: [] }],
    parameters: [...pathParameters(route.path), ...queryParameters(route.query, named)],
    ...(route.body !== undefined && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: jsonSchema(route.body, 'input', named) } },
      },
    }),
    responses: { 200: success(route, named), default: { $ref: '#/components/responses/Error' } },
  };
}

function success({ response, events, summary }: Route, named: Json): Json {
  if (response === undefined) return { description: summary };
  const [type, schema] =
    typeof response === 'string' ? [response, {}] : ['application/json', jsonSchema(response, 'output', named)];
  const streamed = events === undefined ? {} : { 'text/event-stream': { schema: jsonSchema(events, 'output', named) } };
  return { description: summary, content: { [type]: { schema }, ...streamed } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output', named: Json): Json {
  // Only transforms cannot be told on the way out; what they give is anything.
  const text = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }));
  const { $schema: _, $defs = {}, ...own } = JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
  for (const [name, definition] of Object.entries($defs as Json)) {
    const { id: _id, ...rest } = definition as Json;
    named[name] = rest;
  }
  const { id, ...rest } = own;
  if (typeof id !== 'string') return own;
  named[id] = rest;
  return { $ref: `#/components/schemas/${id}` };
}

/** `post_api_models_load` */
function operationId({ method, path }: Route): string {
  return [method.toLowerCase(), ...path.split(/[^\w]+/)].filter((word) => word !== '').join('_');
}

/** `v1`, `models`, `runs` … */
function tagOf(path: string): string {
  const [first = '', second] = path.split('/').filter((word) => word !== '');
  return first === 'api' ? (second ?? first) : first === 'v1' ? 'openai' : 'system';
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(query: z.ZodType | undefined, named: Json): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(query, 'input', named) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

function errorSchema(): Json {
  return {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['message', 'type', 'code', 'param'],
        properties: {
          message: { type: 'string' },
          type: { type: 'string', enum: [...new Set(Object.values(ERROR_CODES).map(({ type }) => type))] },
          code: { type: 'string', enum: Object.keys(ERROR_CODES) },
          param: { type: ['string', 'null'], description: 'The field of the request that is wrong.' },
          details: { type: 'object', description: 'Facts for programs: numbers, candidates, positions.' },
        },
      },
    },
  };
}
