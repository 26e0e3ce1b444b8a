/** Calls whose arguments are not written as JSON. */

export interface ReadCall {
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** `<function=f><parameter=k>v</parameter>…`, or JSON after the name. Without its closing tag. */
export function readXmlCall(text: string): ReadCall | null {
  const head = /^<function=([^>\s]+)>/.exec(text);
  if (head === null) return null;
  const name = head[1] ?? '';
  const body = text.slice(head[0].length).trim();
  if (body === '') return { name, arguments: '{}' };
  if (body.startsWith('{')) return isJson(body) ? { name, arguments: body } : null;
  const values: Record<string, unknown> = {};
  for (const [, key = '', value = ''] of body.matchAll(/<parameter=([^>]+)>([\s\S]*?)(?:<\/parameter>|(?=<parameter=)|$)/g))
    values[key] = readValue(value.replace(/^\n/, '').replace(/\n$/, ''));
  return Object.keys(values).length === 0 ? null : { name, arguments: JSON.stringify(values) };
}

function readValue(text: string): unknown {
  const trimmed = text.trim();
  if (!/^(?:[[{]|-?\d|true$|false$|null$)/.test(trimmed) || !isJson(trimmed)) return text;
  return JSON.parse(trimmed);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // that it is none is the answer
  }
}

/** FunctionGemma: `call:f{k:<escape>text<escape>,n:12,list:[1,2],deep:{a:true}}`. */
export function readGemmaCall(text: string): ReadCall | null {
  const head = /^\s*call:([\w.-]+)\s*(?=\{)/.exec(text);
  if (head === null) return null;
  const at = { text, position: head[0].length };
  const value = gemmaValue(at);
  return value === undefined || text.slice(at.position).trim() !== ''
    ? null
    : { name: head[1] ?? '', arguments: JSON.stringify(value) };
}

interface Cursor {
  readonly text: string;
  position: number;
}

/** undefined when the text is not in this form. */
function gemmaValue(at: Cursor): unknown {
  const rest = at.text.slice(at.position);
  if (rest.startsWith('<escape>')) {
    const end = rest.indexOf('<escape>', 8);
    if (end < 0) return undefined;
    at.position += end + 8;
    return rest.slice(8, end);
  }
  if (rest.startsWith('{')) return gemmaList(at, '}', true);
  if (rest.startsWith('[')) return gemmaList(at, ']', false);
  const word = /^[^,{}[\]]*/.exec(rest)?.[0] ?? '';
  at.position += word.length;
  return readValue(word.trim());
}

function gemmaList(at: Cursor, close: string, keyed: boolean): unknown {
  const list: unknown[] = [];
  const object: Record<string, unknown> = {};
  at.position++;
  for (;;) {
    const rest = at.text.slice(at.position);
    const skipped = /^[\s,]*/.exec(rest)?.[0].length ?? 0;
    at.position += skipped;
    if (at.text.charAt(at.position) === close) {
      at.position++;
      return keyed ? object : list;
    }
    const key = keyed ? /^(?:<escape>)?([\w.-]+)(?:<escape>)?\s*:\s*/.exec(at.text.slice(at.position)) : null;
    if (keyed && key === null) return undefined;
    at.position += key?.[0].length ?? 0;
    const before = at.position;
    const value = gemmaValue(at);
    if (value === undefined || at.position === before || at.position > at.text.length) return undefined;
    if (keyed) object[key?.[1] ?? ''] = value;
    else list.push(value);
  }
}
