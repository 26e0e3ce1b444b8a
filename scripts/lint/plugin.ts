/**
 * The repository's own lint rules, run by oxlint (`jsPlugins` in `.oxlintrc.json`): the conventions that no ready-made rule
 * can express. `test/project/` plants a violation of each and proves that lint reports it.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { WIRE_TYPES, importProblem, pathProblem } from './layers.ts';

/** The little of oxlint's plug-in interface that is used here. */
interface Position {
  readonly line: number;
}
interface Node {
  readonly type: string;
  readonly loc: { readonly start: Position; readonly end: Position };
  readonly range: readonly [number, number];
}
interface StringNode extends Node {
  readonly value?: unknown;
}
interface ImportNode extends Node {
  readonly source: StringNode | null;
}
interface ImportTypeNode extends Node {
  readonly source?: StringNode;
  readonly argument?: StringNode;
}
interface ProgramNode extends Node {
  readonly body: readonly ImportNode[];
}
interface CallNode extends Node {
  readonly callee: Node & { readonly name?: string; readonly property?: { readonly name?: string } };
  readonly arguments: readonly FunctionNode[];
}
interface FunctionNode extends Node {
  readonly body?: Node & { readonly body?: readonly Node[]; readonly name?: string; readonly value?: unknown };
}
interface ThrowNode extends Node {
  readonly argument: Node & { readonly callee?: { readonly name?: string } };
}
interface PropertyNode extends Node {
  readonly computed: boolean;
  readonly key: Node & { readonly name?: string; readonly value?: unknown };
  readonly value: Node;
}
interface NewNode extends Node {
  readonly callee: { readonly name?: string };
  readonly arguments: readonly (Node & { readonly properties?: readonly Node[] })[];
}
interface Context {
  readonly filename: string;
  readonly sourceCode: { getAllComments(): readonly Node[] };
  report(problem: { node: Node; message: string }): void;
}
interface Rule {
  create(context: Context): Partial<Record<string, (node: never) => void>>;
}

const ROOT = resolve(import.meta.dirname, '..', '..');
/** The condition under which package.json names the unbuilt sources of each subpath. */
const SOURCE_CONDITION = 'tutti-source';

const pathOf = (file: string): string => relative(ROOT, file).split(sep).join('/');

function entriesOfPackage(): readonly string[] {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports?: Record<string, unknown> };
  return Object.values(manifest.exports ?? {}).flatMap((conditions) => {
    const source = typeof conditions === 'object' && conditions !== null ? Reflect.get(conditions, SOURCE_CONDITION) : undefined;
    return typeof source === 'string' ? [source.replace(/^\.\//, '')] : [];
  });
}
const ENTRIES = entriesOfPackage();

const direction: Rule = {
  create(context) {
    const importer = pathOf(context.filename);
    const check = (node: Node, source: StringNode | null | undefined): void => {
      if (typeof source?.value !== 'string') return;
      const target = source.value.startsWith('.') ? pathOf(resolve(dirname(context.filename), source.value)) : source.value;
      const message = importProblem(importer, target);
      if (message !== null) context.report({ node, message });
    };
    return {
      ImportDeclaration: (node: ImportNode) => check(node, node.source),
      ExportNamedDeclaration: (node: ImportNode) => check(node, node.source),
      ExportAllDeclaration: (node: ImportNode) => check(node, node.source),
      ImportExpression: (node: ImportNode) => check(node, node.source),
      TSImportType: (node: ImportTypeNode) => check(node, node.source ?? node.argument),
    };
  },
};

const layout: Rule = {
  create(context) {
    const file = pathOf(context.filename);
    return {
      Program(node: ProgramNode) {
        const problem = pathProblem(file, ENTRIES);
        if (problem !== null) return context.report({ node, message: problem });
        if (!file.startsWith('src/') || ENTRIES.includes(file) || file === WIRE_TYPES) return;
        const reexports = node.body.filter((one) => one.type.startsWith('Export') && Boolean(one.source));
        if (reexports.length > 0 && reexports.length === node.body.length) {
          context.report({ node, message: 'no barrels: a file that only re-exports hides where things live' });
        }
      },
    };
  },
};

const nonNullReason: Rule = {
  create(context) {
    if (isTest(context.filename)) return {};
    let commented: Set<number> | null = null;
    return {
      TSNonNullExpression(node: Node) {
        commented ??= new Set(context.sourceCode.getAllComments().map((comment) => comment.loc.start.line));
        if (!commented.has(node.loc.end.line)) {
          context.report({
            node,
            message: 'say on the same line why this is never null (`!; // below length`), or check for it',
          });
        }
      },
    };
  },
};

const tuttiErrors: Rule = {
  create(context) {
    const file = pathOf(context.filename);
    if (!file.startsWith('src/') || isTest(file) || file.startsWith('src/testing/')) return {};
    return {
      ThrowStatement(node: ThrowNode) {
        const thrown = node.argument.type === 'NewExpression' ? (node.argument.callee?.name ?? '') : '';
        if (/^(Type|Range|Reference|Syntax)?Error$/.test(thrown)) {
          context.report({ node, message: 'throw a TuttiError with a code of src/errors/codes.ts: callers decide by the code' });
        }
      },
    };
  },
};

const wireDetails: Rule = {
  create(context) {
    return {
      NewExpression(node: NewNode) {
        if (node.callee.name !== 'TuttiError') return;
        const details = node.arguments[2]?.properties?.find((one) => isProperty(one) && keyOf(one) === 'details');
        if (details === undefined) return;
        for (const property of propertiesIn(details)) {
          if (!/[A-Z]/.test(keyOf(property))) continue;
          context.report({
            node: property,
            message: 'details of errors go over the wire as they are: write their keys in snake_case',
          });
        }
      },
    };
  },
};

/** Of the objects that are written in it, at any depth; not of patterns. */
function* propertiesIn(value: unknown): Generator<PropertyNode> {
  if (typeof value !== 'object' || value === null) return;
  if ('type' in value && (value.type === 'ObjectPattern' || value.type === 'NewExpression')) return;
  if ('type' in value && isProperty(value as Node)) yield value as PropertyNode;
  for (const [name, child] of Object.entries(value)) if (name !== 'parent') yield* propertiesIn(child);
}

function isProperty(node: Node): node is PropertyNode {
  return node.type === 'Property';
}

function keyOf({ computed, key }: PropertyNode): string {
  return computed ? '' : (key.name ?? String(key.value));
}

const makeFolder: Rule = {
  create(context) {
    const file = pathOf(context.filename);
    if (!file.startsWith('src/') || isTest(file)) return {};
    return {
      CallExpression(node: CallNode) {
        const name = node.callee.name ?? node.callee.property?.name ?? '';
        const options: Node & { readonly properties?: readonly Node[] } = node.arguments[1] ?? node;
        if (!/^mkdir(Sync)?$/.test(name)) return;
        if (!options.properties?.some((one) => isProperty(one) && keyOf(one) === 'recursive')) return;
        context.report({ node, message: 'use `makeFolder` of src/lib/folder.ts: this never ends below /proc' });
      },
    };
  },
};

const silentCatch: Rule = {
  create(context) {
    let comments: readonly Node[] | null = null;
    const explained = (node: Node): boolean => {
      comments ??= context.sourceCode.getAllComments();
      return comments.some(
        (comment) =>
          (comment.range[0] >= node.range[0] && comment.range[1] <= node.range[1]) ||
          comment.loc.start.line === node.loc.end.line,
      );
    };
    return {
      CallExpression(node: CallNode) {
        const handler = node.callee.property?.name === 'catch' ? node.arguments[0] : undefined;
        if (handler?.body === undefined || !saysNothing(handler) || explained(node)) return;
        context.report({ node, message: 'a swallowed error needs a comment that says why nobody has to know of it' });
      },
    };
  },
};

/** Whether a handler does nothing: an empty block, `undefined` or `null`. */
function saysNothing({ body }: FunctionNode): boolean {
  if (body?.type === 'BlockStatement') return body.body?.length === 0;
  return body?.name === 'undefined' || (body?.type === 'Literal' && body.value === null);
}

const waitForEvents: Rule = {
  create(context) {
    const file = pathOf(context.filename);
    if (!isTest(file)) return {};
    const message = 'tests wait for events and never for time: use the fake clock, or await what should happen';
    return {
      CallExpression(node: CallNode) {
        if (node.callee.name === 'setTimeout' || node.callee.name === 'sleep') context.report({ node, message });
      },
      ImportDeclaration(node: ImportNode) {
        if (String(node.source?.value).endsWith('timers/promises')) context.report({ node, message });
      },
    };
  },
};

function isTest(file: string): boolean {
  return file.endsWith('.test.ts');
}

export default {
  meta: { name: 'tutti' },
  rules: {
    direction,
    layout,
    'non-null-reason': nonNullReason,
    'tutti-errors': tuttiErrors,
    'silent-catch': silentCatch,
    'wire-details': wireDetails,
    'make-folder': makeFolder,
    'wait-for-events': waitForEvents,
  },
};
