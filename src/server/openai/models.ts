/** `GET /v1/models` and `/v1/models/{id}`: OpenAI's list, with what Tutti knows beside it. */
import type { ModelDescriptor } from '../../contracts/model.ts';
import { aliasesOf, lookUp, statusOf } from '../model-lookup.ts';
import type { Call } from '../route.ts';
import { toOpenaiModel, type OpenaiModel, type OpenaiModelList } from '../wire/models.ts';

/** Aliases are in the list, too: whoever chooses from it should find every name that works. */
export function listModels(call: Call): OpenaiModelList {
  const { tutti } = call.services;
  const aliases = aliasesOf(tutti).map((alias) => ({ ...wire(call, alias), owned_by: 'tutti' }));
  return { object: 'list', data: [...tutti.registry.list().map((model) => wire(call, model)), ...aliases] };
}

export function getModel(call: Call): OpenaiModel {
  const { tutti } = call.services;
  const name = call.params.model ?? '';
  const alias = aliasesOf(tutti).find(({ id }) => id === name);
  return alias === undefined ? wire(call, lookUp(tutti, name)) : { ...wire(call, alias), owned_by: 'tutti' };
}

function wire(call: Call, model: ModelDescriptor): OpenaiModel {
  // OpenAI's clients insist on a time: that since which the server knows its models.
  return toOpenaiModel(model, statusOf(call.services.tutti, model), Math.floor(call.services.startedAt / 1000));
}
