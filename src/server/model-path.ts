/**
 * Model ids in paths. Ids may hold `/` and `:` and are taken raw or percent-encoded, so `{model}` in a route's path
 * stands for one or more segments; what follows it in the path (`/load`) is an action.
 */
import { TuttiError } from '../errors/error.ts';

export interface ModelPath {
  readonly id: string;
  /** The route's last segment, or '' for the model itself. */
  readonly action: string;
}

/**
 * Takes apart what stands behind `/api/models/`, without the query. Only a whole, unencoded last segment is an action,
 * so a model that is named like one is reached by encoding its slashes: `/api/models/hf:org%2Fload`.
 *
 * | rest | actions | id | action |
 * |---|---|---|---|
 * | `gguf:qwen3` | load | `gguf:qwen3` | |
 * | `openrouter:a/b/load` | load | `openrouter:a/b` | load |
 * | `openrouter%3Aa%2Fb/load/` | load | `openrouter:a/b` | load |
 * | `load` | load | `load` | |
 */
export function parseModelPath(rest: string, actions: readonly string[]): ModelPath {
  const path = rest.replace(/\/+$/, '');
  const cut = path.lastIndexOf('/');
  const last = path.slice(cut + 1);
  const isAction = cut > 0 && actions.includes(last);
  return { id: decode(isAction ? path.slice(0, cut) : path), action: isAction ? last : '' };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new TuttiError('invalid_request', `\`${text}\` is not a valid percent-encoded model id.`, { cause, param: 'model' });
  }
}
