/** What the router is asked for a request, and what may not be asked at all. */
import type { ChatInput } from '../contracts/chat.ts';
import type { ExecuteRequest } from '../contracts/library.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { KEYLESS_PRINCIPALS, LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';
import type { RouteDecision } from '../contracts/run.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Registry } from '../registry/registry.ts';
import type { RouteRequest } from '../router/router.ts';
import type { Snapshot } from './engine.ts';
import { staysHere } from './media.ts';
import type { Orchestration } from './orchestration.ts';

/**
 * A grammar of one's own is for admins: llama.cpp's matcher takes seconds a token for some small ones (nested repetitions of
 * what may be empty), and every call of the runner waits with it. JSON schemas are turned into grammars that it is quick with.
 */
export function checkGrammar(request: ExecuteRequest, principal: Principal): void {
  if (request.operation !== 'chat' || principal.role === 'admin') return;
  if ((request.input as ChatInput).response_format?.type !== 'grammar') return;
  throw new TuttiError('forbidden', 'A grammar of your own needs a key with `role: admin`. Use a JSON schema instead.', {
    param: 'response_format',
  });
}

/**
 * Images and files by web address, where nothing may leave this machine: a model's server here would fetch them as well.
 * Errors: `file_not_allowed`.
 */
export function checkAddresses({ operation, input }: ExecuteRequest): void {
  if (operation !== 'chat') return;
  for (const [i, { content }] of (input as ChatInput).messages.entries()) {
    if (!Array.isArray(content)) continue;
    for (const [j, part] of content.entries()) {
      const at = `messages[${i}].content[${j}]`;
      if (part.type === 'image_url' && isWebAddress(part.image_url.url)) throw staysHere(`${at}.image_url.url`);
      if (part.type === 'file' && isWebAddress(part.file.file_data)) throw staysHere(`${at}.file.file_data`);
    }
  }
}

function isWebAddress(text: unknown): boolean {
  return typeof text === 'string' && /^\s*https?:/i.test(text);
}

export function routeRequest(request: ExecuteRequest): RouteRequest {
  const {
    model,
    capability,
    backend,
    principal = LOCAL_PRINCIPAL,
    metadata,
    complexity,
    requiresSpeed,
    commit,
    policy,
    requestedBy,
  } = request;
  const isCapability = (model === undefined || model === 'auto') && capability !== undefined && capability !== 'auto';
  return {
    target: isCapability ? capability : (model ?? null),
    isCapability,
    ...(backend !== undefined && { backend }),
    operation: request.operation,
    input: request.input,
    principal,
    key: KEYLESS_PRINCIPALS.includes(principal.id) ? '' : principal.id,
    stream: commit !== 'finish',
    ...(metadata && { metadata }),
    ...(complexity !== undefined && { complexity }),
    ...(requiresSpeed !== undefined && { requiresSpeed }),
    ...(policy !== undefined && { policy }),
    ...(requestedBy !== undefined && { requestedBy }),
  };
}

/** The decision where the request brought its own orchestration, or is work of Tutti's own. */
export function decisionFor(
  { descriptor }: Orchestration,
  { isWork = false }: { readonly isWork?: boolean } = {},
): RouteDecision {
  const reason = isWork ? 'work of Tutti’s own' : 'given with the request';
  return {
    target: descriptor.id,
    resolvedBy: isWork ? 'work' : 'inline',
    candidates: [{ model: descriptor.id, score: null, reason }],
    excluded: [],
  };
}

/** What a target is, for strategies: null where it may be several models, or nothing has the name (calling it will say so). */
export function describeTarget(registry: Registry, target: string): ModelDescriptor | null {
  try {
    const resolution = registry.resolve(target);
    if ('model' in resolution) return resolution.model;
    return resolution.by === 'alias' ? (resolution.models[0] ?? null) : null;
  } catch (error) {
    if (TuttiError.isInstance(error)) return null;
    throw error;
  }
}

/** The best models for a capability that could answer the request, best first; none of them an orchestration. */
export function findModels(
  snapshot: Snapshot,
  request: ExecuteRequest,
  capability: Capability,
  count: number,
): readonly ModelId[] {
  const { orchestration: _, ...rest } = request;
  try {
    const { candidates } = snapshot.router.route({ ...routeRequest({ ...rest, model: capability }), backend: undefined });
    return candidates
      .map(({ model }) => model)
      .filter((id) => !snapshot.orchestrations.has(id))
      .slice(0, count);
  } catch (error) {
    // No model has it.
    if (TuttiError.isInstance(error)) return [];
    throw error;
  }
}
