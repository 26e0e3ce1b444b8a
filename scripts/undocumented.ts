/** The part of TypeDoc's JSON that is looked at. */
export interface Reflection {
  readonly name: string;
  readonly variant: string;
  readonly kind: number;
  readonly children?: readonly Reflection[];
  readonly comment?: object;
  /** Of a function: where its docstring is. */
  readonly signatures?: readonly { readonly comment?: object }[];
}

/** TypeDoc's number for a module. */
const MODULE = 2;

/** The exported names without a docstring, as `module.name`. Members are left to reviewers: many say all by their name. */
export function undocumented(project: Reflection): readonly string[] {
  return modulesOf(project).flatMap((module) =>
    (module.children ?? []).filter((one) => !isDocumented(one)).map((one) => `${module.name}.${one.name}`),
  );
}

/** With a single entry point TypeDoc puts its exports directly into the project. */
function modulesOf(project: Reflection): readonly Reflection[] {
  const children = project.children ?? [];
  return children.some((child) => child.kind === MODULE) ? children : [project];
}

function isDocumented(reflection: Reflection): boolean {
  // A re-export of a name that another module documents is only a reference.
  if (reflection.variant === 'reference') return true;
  return reflection.comment !== undefined || (reflection.signatures?.some((one) => one.comment !== undefined) ?? false);
}
