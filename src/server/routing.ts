/** Puts the route table into Fastify: ids with slashes, 404 and 405. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TuttiError } from '../errors/error.ts';
import { parseModelPath } from './model-path.ts';
import type { Method, Role, Route } from './route.ts';

const MODEL = '{model}';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call; a path that no route has is open, since nothing is there. */
    role?: Role;
    /** Whether budgets are asked. */
    spends?: boolean;
  }
}

/** Calls a route with what its path held. */
export type Invoke = (route: Route, params: Record<string, string>, request: FastifyRequest, reply: FastifyReply) => unknown;

export function registerRoutes(app: FastifyInstance, routes: readonly Route[], invoke: Invoke): void {
  for (const route of routes) {
    if (route.path.includes(MODEL)) continue;
    app.route({
      method: route.method,
      url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      exposeHeadRoute: route.method === 'GET' && route.response !== 'text/event-stream',
      config: { role: route.role, spends: route.spends ?? false },
      handler: (request, reply) => invoke(route, request.params as Record<string, string>, request, reply),
    });
  }
  for (const group of groupByModelPrefix(routes)) {
    app.route({
      method: group.method,
      url: `${group.prefix}*`,
      exposeHeadRoute: false,
      // The strictest of the group is asked for later, when the action is known; here what all have in common.
      config: { role: 'user' },
      handler: (request, reply) => {
        const path = pathOf(request).slice(group.prefix.length);
        const { id, action } = parseModelPath(path, [...group.byAction.keys()]);
        const route = group.byAction.get(action);
        if (route === undefined || id === '') throw nothingHere(routes, request, reply);
        return invoke(route, { model: id }, request, reply);
      },
    });
  }
  app.setNotFoundHandler((request, reply) => {
    throw nothingHere(routes, request, reply);
  });
}

interface ModelRoutes {
  readonly method: Method;
  /** `/api/models/` */
  readonly prefix: string;
  readonly byAction: Map<string, Route>;
}

function groupByModelPrefix(routes: readonly Route[]): ModelRoutes[] {
  const groups = new Map<string, ModelRoutes>();
  for (const route of routes) {
    const at = route.path.indexOf(MODEL);
    if (at < 0) continue;
    const prefix = route.path.slice(0, at);
    const key = `${route.method} ${prefix}`;
    const group = groups.get(key) ?? { method: route.method, prefix, byAction: new Map<string, Route>() };
    groups.set(key, group);
    group.byAction.set(route.path.slice(at + MODEL.length + 1), route);
  }
  return [...groups.values()];
}

/** The path as it was sent: still encoded, without the query. */
function pathOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '/';
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

/** The routes whose path fits, whatever their method. */
export function routesAt(routes: readonly Route[], path: string): Route[] {
  const bare = path === '/' ? path : path.replace(/\/+$/, '');
  return routes.filter((route) => matches(route.path, bare));
}

function matches(pattern: string, path: string): boolean {
  const source = pattern
    .split(/(\{\w+\})/)
    .map((piece) => (piece === MODEL ? '.+' : piece.startsWith('{') ? '[^/]+' : RegExp.escape(piece)))
    .join('');
  return new RegExp(`^${source}$`).test(path);
}

function nothingHere(routes: readonly Route[], request: FastifyRequest, reply: FastifyReply): TuttiError {
  const path = pathOf(request);
  const allowed = [...new Set(routesAt(routes, path).map((route) => route.method))];
  if (allowed.length === 0 || allowed.includes(request.method as Method)) {
    return new TuttiError('not_found', `There is nothing at ${path}. /openapi.json lists what there is.`);
  }
  reply.header('allow', allowed.join(', '));
  return new TuttiError('method_not_allowed', `${path} takes ${allowed.join(', ')}, not ${request.method}.`);
}
