/** Fields in which callers send credentials on to a provider. Those of Tutti's own config never get into a request. */
const SECRET =
  /^((x[-_])?api[-_]?key|(proxy[-_])?authorization|(access|auth|bearer|refresh)[-_]?token|client[-_]?secret|secret|password)$/i;

/** For `JSON.stringify`: leaves out texts under a name of credentials. A tool's schema may well have a property of such a name. */
export function withoutSecrets(name: string, value: unknown): unknown {
  return typeof value === 'string' && SECRET.test(name) ? undefined : value;
}
