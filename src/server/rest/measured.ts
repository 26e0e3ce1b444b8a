/** `/api/models/{model}/measured`: what an evaluation found out, for routing and voting to go by. */
import type { z } from 'zod';
import { measurementSchema } from '../../composition/measured.ts';
import { lookUp, statusOf } from '../model-lookup.ts';
import type { Call } from '../route.ts';
import { toWireModel, type WireModel } from '../wire/models.ts';

export const measuredBody = measurementSchema;

/** Of a model or an orchestration. Shares of other skills stay as they were measured before. */
export function recordMeasured(call: Call<z.output<typeof measuredBody>>): WireModel {
  const { tutti } = call.services;
  const { id } = lookUp(tutti, call.params.model ?? '');
  tutti.measured.record(id, call.body);
  const model = lookUp(tutti, id);
  return toWireModel(model, statusOf(tutti, model));
}
