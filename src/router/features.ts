/**
 * What rules and policies know of a request. Pure and cheap: a few regular expressions over at most `SCANNED_CHARS` of the
 * newest user message, so an ordinary request costs microseconds and a huge one no more than a long one.
 *
 * `task.type`, the first that fits:
 *  1. other operations than `chat`: the capability that is called with it (`embed` → `embedding`)
 *  2. an image in the newest user message or later → `vision`
 *  3. tools that may be called (`tool_choice` is not `none`) → `tool_calling`
 *  4. it opens with "translate …" → `translation`, or `code_generation` when it names a programming language
 *  5. it opens with "summarize …", or says "tl;dr" or "key points of" → `summarization`
 *  6. a code fence, code-like syntax, "write/fix … function/script/test …", a source file's name, or two weaker words
 *     (a language's name, "compile", "API" …) → `code_generation`
 *  7. two cues of reasoning ("prove", "step by step", "puzzle" …, formulas) or one strong one → `reasoning`
 *  8. anything else → `text_generation`
 *
 * `task.complexity`, the rounded sum of these points, at most 10:
 *
 * | feature                                                          | points            | at most |
 * |------------------------------------------------------------------|-------------------|---------|
 * | tokens of the newest user message: ≥ 40, 150, 500, 2000          | 0.5 each          | 2       |
 * | questions after the first                                        | 0.5 each          | 1       |
 * | constraints ("must", "without", "at least", "exactly" …)         | 0.5 each          | 1.5     |
 * | steps after the first (list items, "then", "finally" …)          | 0.5 each          | 1.5     |
 * | code                                                             | 1.5               | 1.5     |
 * | maths (formulas, "equation", "integral" …)                       | 1                 | 1       |
 * | words of reasoning ("prove", "compare", "trade-off", "design" …) | 1 each            | 2       |
 * | user messages after the first                                    | 0.25 each         | 1       |
 * | tools, images                                                    | 0.5 each          | 1       |
 *
 * `task.requires_speed`: "quick(ly)", "asap", "urgent", "hurry", "tl;dr", "short answer", "in one word/sentence", or at most
 * 32 tokens wanted.
 *
 * `task.tokens`: UTF-8 bytes of all messages and tools / 4, and 500 an image. An estimate, good to about a third.
 */
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import { CAPABILITIES, operationOf, type Capability } from '../contracts/vocabulary.ts';

export const INTENTS = ['code', 'docs', 'debug', 'arch', 'general'] as const;
export type Intent = (typeof INTENTS)[number];

/** What a text is about. */
export interface Classification {
  readonly intent: Intent;
  readonly type: Capability;
  /** An integer in 0..10. */
  readonly complexity: number;
  /** 0..1: 0.9 for a strong cue of `type`, 0.7 for weak ones, 0.5 where nothing was found. */
  readonly confidence: number;
  readonly method: 'cues';
}

/** The variables `task.*` of rules. */
export interface TaskFeatures {
  readonly type: Capability;
  readonly intent: Intent;
  readonly complexity: number;
  readonly requiresSpeed: boolean;
  readonly tokens: number;
  readonly hasImages: boolean;
  readonly hasTools: boolean;
}

/** What the caller says of the task himself: the request's `tutti` object. */
export interface FeatureOverrides {
  /** 0..10; rounded. */
  readonly complexity?: number;
  readonly requiresSpeed?: boolean;
}

/** Half of it from the start of a longer text, half from its end: instructions stand at either. */
export const SCANNED_CHARS = 4000;
const TOKENS_PER_IMAGE = 500;
const FEW_TOKENS = 32;

const CODE_REQUEST =
  /\b(?:write|implement|fix|refactor|debug|complete|optimi[sz]e|review|port|generate|create)\b[^.?!\n]{0,60}\b(?:code|functions?|scripts?|programs?|class(?:es)?|methods?|quer(?:y|ies)|regex(?:es)?|unit tests?|components?|endpoints?|snippets?)\b/i;
const CODE_SYNTAX =
  /```|(?<=\w)\.(?:tsx?|jsx?|mjs|py|rs|go|java|cpp|cc|rb|php|sql|sh|kt|swift|cs)\b|\bdef \w+\(|\bfunction \w*\(|=>\s*[{(]|\b(?:const|let|var) \w+ =|#include\b|\bSELECT\b.{1,80}\bFROM\b/;
const CODE_WEAK =
  /\b(?:typescript|javascript|python|rust|golang|java|kotlin|c\+\+|c#|php|ruby|bash|sql|html|css|react|node\.?js|regex|code|coding|compil(?:e|er|es)|runtime|exception|bug|api|algorithm|refactor|unit tests?|git|docker(?:file)?|npm|recursion|variable|async|stack trace)(?![\w])/gi;
const LANGUAGE =
  /\b(?:typescript|javascript|python|rust|golang|java|kotlin|c\+\+|c#|php|ruby|bash|sql|html|css)(?![\w])|```|\b(?:code|function|script|program)\b/i;
const OPENING = String.raw`^\W*(?:(?:hi|hello|hey|please|can|could|would|will|you|i want you to|kindly|now)\W+){0,4}`;
const TRANSLATE = new RegExp(`${OPENING}translat(?:e|ion)\\b|\\btranslate (?:this|it|the (?:following|text|sentence))\\b`, 'i');
const SUMMARIZE = new RegExp(
  `${OPENING}(?:summari[sz]e|sum up|condense|give (?:me )?an? (?:short |brief )?summary)\\b|\\btl;?dr\\b|\\bkey points (?:of|from|in)\\b|\\bsummari[sz]e (?:this|it|the (?:following|text|article))\\b`,
  'i',
);
const REASON_STRONG =
  /\b(?:prove(?: that)?\b|proof (?:of|that)\b|step[- ]by[- ]step\b|logic(?:al)? (?:puzzle|riddle)\b|think (?:carefully|hard|through)\b|derive\b|deduce\b|solve (?:the|this|for)\b)/i;
const REASON_WORD =
  /\b(?:prove|proof|derive|deduce|infer|reason(?:ing)?|analy[sz]e|analysis|compare|evaluate|trade-?offs?|why|justify|design|step[- ]by[- ]step|puzzle|riddle|paradox|strategy|optimal|probability|hypothesis)\b/gi;
const MATHS =
  /\b(?:equations?|integrals?|derivatives?|theorems?|matri(?:x|ces)|polynomials?|logarithms?|modulo|eigenvalues?|calculus|algebra)\b|\$[^$\n]{1,80}[=^\\][^$\n]{0,80}\$|\\(?:frac|int|sum|sqrt)\b|[∑∫√≤≥≠∞]|\b[a-z]\s?[\^=]\s?-?\d/i;
const CONSTRAINT =
  /\b(?:must(?:n't| not)?|should(?:n't| not)?|only|at (?:least|most)|without|exactly|no (?:more|less|fewer) than|ensure|requires?|requirements?|do(?:n't| not)|avoid|constraints?|except|unless)\b/gi;
const STEP = /^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+\S|\b(?:then|finally|afterwards|next|secondly|thirdly|lastly|after that)\b/gim;
const SPEED =
  /\bquick(?:ly)?\b(?! brown)|\basap\b|\burgent(?:ly)?\b|\bhurry\b|\btl;?dr\b|\bshort answer\b|\bin (?:one|a single) (?:word|sentence)\b|\bas fast as (?:you can|possible)\b/i;
const DEBUG_STRONG =
  /\b(?:[Tt]raceback|[Ss]tack ?trace|[Ss]egfault|[Ss]egmentation fault|(?:[Uu]ncaught|[Uu]nhandled) \w|core dump|[Dd]ebug(?:ging)?\b)|(?:Error|Exception):/;
const DEBUG_WEAK =
  /\b(?:errors?|exceptions?|bugs?|crash(?:es|ed)?|fix|fails?|failing|failed|broken|(?:does|do|is|did)(?:n't| not) work(?:ing)?|wrong output|hangs?)\b/gi;
const ARCH =
  /\b(?:architect(?:ure|ural)?|system design|micro-?services?|scalab(?:le|ility)|design (?:a|an|the) (?:[\w-]+ ){0,3}(?:system|service|schema|database|api|platform|pipeline)|event[- ]driven|load balanc(?:er|ing)|(?:database|data) (?:schema|model))\b/i;
const DOCS =
  /\b(?:documentation|docstrings?|readme|change ?log|api reference|user guide|tutorial|how[- ]to guide|(?:write|add|improve|update) (?:the )?(?:docs?|comments))\b|\bdocument (?:this|the|how)\b/i;

/** What a text is about, by its cues. */
export function classify(text: string): Classification {
  return classifyText(text, { tools: false, images: false, turns: 1 });
}

/** The features of a call. `input` is that of the operation. */
export function featuresOf(operation: string, input: unknown, overrides: FeatureOverrides = {}): TaskFeatures {
  return operation === 'chat'
    ? chatFeatures(input as ChatInput, overrides) // the operation's input, validated where the call came in
    : otherFeatures(operation, input, overrides);
}

function chatFeatures(input: ChatInput, overrides: FeatureOverrides): TaskFeatures {
  const scan = scanMessages(input.messages);
  const hasTools = (input.tools?.length ?? 0) > 0 && input.tool_choice !== 'none';
  const toolBytes = hasTools ? JSON.stringify(input.tools).length : 0;
  const found = classifyText(scan.text, { tools: hasTools, images: scan.recentImage, turns: scan.turns });
  const wanted = input.max_completion_tokens ?? input.max_tokens ?? Infinity;
  return {
    type: found.type,
    intent: found.intent,
    complexity: overrides.complexity === undefined ? found.complexity : clampComplexity(overrides.complexity),
    requiresSpeed: overrides.requiresSpeed ?? (wanted <= FEW_TOKENS || SPEED.test(window(scan.text))),
    tokens: Math.ceil((scan.bytes + toolBytes) / 4) + scan.images * TOKENS_PER_IMAGE,
    hasImages: scan.images > 0,
    hasTools,
  };
}

function otherFeatures(operation: string, input: unknown, overrides: FeatureOverrides): TaskFeatures {
  return {
    type: CAPABILITIES.find((capability) => operationOf(capability) === operation) ?? operation,
    intent: 'general',
    complexity: clampComplexity(overrides.complexity ?? 0),
    requiresSpeed: overrides.requiresSpeed ?? false,
    tokens: longestTokens(input),
    hasImages: false,
    hasTools: false,
  };
}

/** Inputs of `embed` are embedded one by one, so the longest must fit the context. */
function longestTokens(input: unknown): number {
  const value = typeof input === 'object' && input !== null && 'input' in input ? input.input : undefined;
  if (typeof value === 'string') return tokensOfText(value);
  if (!Array.isArray(value)) return 0;
  if (typeof value[0] === 'number') return value.length;
  let longest = 0;
  for (const item of value as readonly unknown[]) {
    const tokens = typeof item === 'string' ? tokensOfText(item) : Array.isArray(item) ? item.length : 0;
    if (tokens > longest) longest = tokens;
  }
  return longest;
}

function tokensOfText(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

interface MessageScan {
  /** The newest user message. */
  readonly text: string;
  readonly bytes: number;
  readonly images: number;
  /** An image in the newest user message or after it. */
  readonly recentImage: boolean;
  readonly turns: number;
}

function scanMessages(messages: readonly ChatMessage[]): MessageScan {
  let text = '';
  let bytes = 0;
  let images = 0;
  let recentImage = false;
  let turns = 0;
  for (const message of messages) {
    if (message.role === 'user') {
      turns++;
      text = '';
      recentImage = false;
    }
    const content = message.content;
    if (typeof content === 'string') {
      bytes += Buffer.byteLength(content);
      if (message.role === 'user') text = content;
    } else if (content) {
      for (const part of content) {
        if (part.type === 'text') {
          bytes += Buffer.byteLength(part.text);
          if (message.role === 'user') text = text === '' ? part.text : `${text}\n${part.text}`;
        } else if (part.type === 'image_url') {
          images++;
          recentImage = true;
        }
      }
    }
    if (message.role === 'assistant' && message.tool_calls) bytes += JSON.stringify(message.tool_calls).length;
  }
  return { text, bytes, images, recentImage, turns };
}

interface Surroundings {
  readonly tools: boolean;
  readonly images: boolean;
  /** User messages. */
  readonly turns: number;
}

function classifyText(whole: string, around: Surroundings): Classification {
  const text = window(whole);
  const code = codeStrength(text);
  const maths = MATHS.test(text);
  const reasonWords = count(text, REASON_WORD, 4);
  const { type, confidence } = typeOf(text, { ...around, code, maths, reasonWords });
  return {
    type,
    intent: intentOf(text, code),
    complexity: clampComplexity(
      lengthPoints(whole) +
        Math.min(0.5 * Math.max(0, count(text, /\?/g, 4) - 1), 1) +
        Math.min(0.5 * count(text, CONSTRAINT, 3), 1.5) +
        Math.min(0.5 * Math.max(0, count(text, STEP, 5) - 1), 1.5) +
        (code === 'none' ? 0 : 1.5) +
        (maths ? 1 : 0) +
        Math.min(reasonWords, 2) +
        Math.min(0.25 * Math.max(0, around.turns - 1), 1) +
        (around.tools ? 0.5 : 0) +
        (around.images ? 0.5 : 0),
    ),
    confidence,
    method: 'cues',
  };
}

type Strength = 'none' | 'weak' | 'strong';

function typeOf(
  text: string,
  found: Surroundings & { code: Strength; maths: boolean; reasonWords: number },
): { type: Capability; confidence: number } {
  if (found.images) return { type: 'vision', confidence: 0.9 };
  if (found.tools) return { type: 'tool_calling', confidence: 0.9 };
  if (TRANSLATE.test(text)) return { type: LANGUAGE.test(text) ? 'code_generation' : 'translation', confidence: 0.9 };
  if (SUMMARIZE.test(text)) return { type: 'summarization', confidence: 0.9 };
  if (found.code !== 'none') return { type: 'code_generation', confidence: found.code === 'strong' ? 0.9 : 0.7 };
  if (REASON_STRONG.test(text)) return { type: 'reasoning', confidence: 0.9 };
  if (found.reasonWords + (found.maths ? 1 : 0) >= 2) return { type: 'reasoning', confidence: 0.7 };
  return { type: 'text_generation', confidence: 0.5 };
}

function intentOf(text: string, code: Strength): Intent {
  if (DEBUG_STRONG.test(text)) return 'debug';
  const troubles = count(text, DEBUG_WEAK, 2);
  if (troubles >= 2 || (troubles === 1 && code !== 'none')) return 'debug';
  if (ARCH.test(text)) return 'arch';
  if (DOCS.test(text)) return 'docs';
  return code === 'none' ? 'general' : 'code';
}

function codeStrength(text: string): Strength {
  if (CODE_SYNTAX.test(text) || CODE_REQUEST.test(text)) return 'strong';
  return count(text, CODE_WEAK, 2) >= 2 ? 'weak' : 'none';
}

function lengthPoints(text: string): number {
  const tokens = tokensOfText(text);
  return [40, 150, 500, 2000].filter((step) => tokens >= step).length * 0.5;
}

/** How often a global expression is found, counted up to `most`. */
function count(text: string, pattern: RegExp, most: number): number {
  let found = 0;
  pattern.lastIndex = 0;
  while (found < most && pattern.test(text)) found++;
  pattern.lastIndex = 0;
  return found;
}

function window(text: string): string {
  if (text.length <= SCANNED_CHARS) return text;
  return `${text.slice(0, SCANNED_CHARS / 2)}\n${text.slice(-SCANNED_CHARS / 2)}`;
}

function clampComplexity(points: number): number {
  return Math.round(Math.min(10, Math.max(0, points)));
}
