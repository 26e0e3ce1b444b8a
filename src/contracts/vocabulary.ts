/**
 * The words of Tutti. The rest of the code uses these, and no others, for these things.
 *
 * - **capability**: a kind of work, such as `code_generation` or `vision`. Users can add their own.
 * - **operation**: the shape of a call. Many capabilities share one: all that takes messages and gives text is `chat`.
 * - **model**: an id plus what it can do, what it costs, how good and how fast it is. An orchestration is a model too.
 * - **backend**: code that can list, size, load and call one kind of model.
 * - **runner**: the child process that holds a local model's weights.
 * - **pool**: keeps loaded models inside the memory budget.
 * - **lease**: the right to use a loaded model until it is released; a leased model is never evicted.
 * - **router**: turns a request into a ranked list of candidate models, with the reason for each.
 * - **strategy**: how an orchestration combines calls.
 * - **run**: one execution, a tree of steps; every step is an event.
 * - **task**: a run that is queued.
 * - **confidence**: a number in 0..1 and how it was obtained.
 */

/** Every capability known by name. Others are allowed: a user's own is any snake_case word. */
export const CAPABILITIES = [
  'text_generation',
  'code_generation',
  'reasoning',
  'vision',
  'tool_calling',
  'translation',
  'summarization',
  'embedding',
  'reranking',
  'image_generation',
  'video_generation',
  'audio_generation',
  'model3d_generation',
  'speech_to_text',
  'text_to_speech',
  'audio_classification',
  'speaker_diarization',
  'object_detection',
  'ocr',
  'image_classification',
  'image_segmentation',
  'web_search',
] as const;

/** One of the capabilities that Tutti knows by name. */
export type KnownCapability = (typeof CAPABILITIES)[number];
/** A known capability, or a user's own (`[a-z][a-z0-9_]*`). */
export type Capability = KnownCapability | (string & {});

/** The shape of a user's own capability name. */
export const CAPABILITY_PATTERN = /^[a-z][a-z0-9_]*$/;

const OPERATION_OF: Readonly<Record<KnownCapability, string>> = {
  text_generation: 'chat',
  code_generation: 'chat',
  reasoning: 'chat',
  vision: 'chat',
  tool_calling: 'chat',
  translation: 'chat',
  summarization: 'chat',
  embedding: 'embed',
  reranking: 'rerank',
  image_generation: 'generateImage',
  video_generation: 'generateVideo',
  audio_generation: 'generateAudio',
  model3d_generation: 'generateModel3d',
  speech_to_text: 'transcribe',
  text_to_speech: 'speak',
  audio_classification: 'classifyAudio',
  speaker_diarization: 'diarize',
  object_detection: 'detect',
  ocr: 'recognizeText',
  image_classification: 'classifyImage',
  image_segmentation: 'segment',
  web_search: 'searchWeb',
};

/** The operation that a capability is called with. A user's own capability is `chat`. */
export function operationOf(capability: Capability): string {
  return Object.hasOwn(OPERATION_OF, capability) ? OPERATION_OF[capability as KnownCapability] : 'chat';
}

export function isKnownCapability(word: string): word is KnownCapability {
  return Object.hasOwn(OPERATION_OF, word);
}

/** `backend:name` (`gguf:qwen3-0.6b`), or the bare name of an orchestration (`panel`). */
export type ModelId = string;
/** The name of a configured backend instance, `[a-z][a-z0-9_-]*`. */
export type BackendId = string;
export const BACKEND_ID_PATTERN = /^[a-z][a-z0-9_-]*$/;
/** `cpu`, `gpu:0`, `gpu:1` … */
export type DeviceId = 'cpu' | `gpu:${number}`;
/** `run_…`; later ones sort later. */
export type RunId = string;
/** A step's place in the tree: `root`, `root/0`, `root/0/draft` … Unique inside a run. */
export type StepPath = string;

/** Larger numbers go first; equal ones by arrival. An integer in -1000..1000. */
export type Priority = number;
export const DEFAULT_PRIORITY: Priority = 0;
