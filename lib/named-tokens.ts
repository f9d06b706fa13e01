/** Tokens of named storages: where Nest cannot resolve one, their names make its error list the names there are. */

/** Names given to StorageModule so far, in the order of the calls. */
const declared = new Set<string>();

/** A storage of this name is registered somewhere in this process. */
export function declareStorage(name: string): void {
  declared.add(name);
}

/**
 * A function that calls itself `label(name)`, and tells the names there are while no storage is called so. Nest prints
 * the name of a token that is a function when it must say that nothing provides it.
 */
export function namedToken<Token extends abstract new (...args: never[]) => unknown>(
  token: Token,
  label: string,
  name: string,
): Token {
  return Object.defineProperty(token, 'name', {
    get: () => (declared.has(name) ? `${label}(${name})` : `${label}(${name}) [${namesThereAre(name)}]`),
  });
}

function namesThereAre(name: string): string {
  const names = [...declared].map((known) => JSON.stringify(known));
  const missing = `there is no storage named ${JSON.stringify(name)}`;
  if (names.length === 0) return `${missing}: import StorageModule.forRoot({ name: ${JSON.stringify(name)} })`;
  return `${missing}; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}
