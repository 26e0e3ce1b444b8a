/** `GET /v1/models` and `/v1/models/{id}`: OpenAI's list, with what Tutti knows beside it. */
import { statusOf } from '../model-status.ts';
import type { Call } from '../route.ts';
import { toOpenaiModel, type OpenaiModel, type OpenaiModels } from '../wire/models.ts';

export function listModels(call: Call): OpenaiModels {
  const { registry } = call.services.tutti;
  return {
    object: 'list',
    data: registry.list().map((model) => toOpenaiModel(model, statusOf(call.services.tutti, model), created(call))),
  };
}

export function getModel(call: Call): OpenaiModel {
  const { registry } = call.services.tutti;
  const model = registry.describe(call.params.model ?? '');
  return toOpenaiModel(model, statusOf(call.services.tutti, model), created(call));
}

/** OpenAI's clients insist on a time: that since which the server knows its models. */
function created(call: Call): number {
  return Math.floor(call.services.startedAt / 1000);
}
