/** Tools for the tests of this folder. */
import type { JsonSchema, ToolDefinition } from '../../contracts/chat.ts';

function tool(name: string, properties: Record<string, JsonSchema>, required: readonly string[]): ToolDefinition {
  return { type: 'function', function: { name, parameters: { type: 'object', properties, required: [...required] } } };
}

export const WEATHER = tool(
  'get_weather',
  { city: { type: 'string' }, days: { type: 'integer' }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
  ['city'],
);
export const LIGHTS = tool(
  'home.lights.set',
  {
    room: { type: 'string' },
    on: { type: 'boolean' },
    level: { type: 'number' },
    colors: { type: 'array', items: { type: 'string' } },
  },
  ['room', 'on'],
);
export const NOTE = tool('save_note', { text: { type: 'string' }, meta: { type: 'object' } }, ['text']);
export const DICE = tool('roll_dice', { sides: { type: 'integer' } }, []);

export const TOOLS = [WEATHER, LIGHTS, NOTE, DICE];
