/**
 * Which parameters of devices and resources are secrets, and how messages are kept free of them.
 * Source: the metadata of fence-agents 4 and resource-agents 4 for the names in use.
 */

/**
 * A parameter is a secret if its name contains one of these words. The ring's `token` is not meant:
 * it is no parameter of an agent. Names of files and programs that contain a secret are no secrets.
 */
const secretWords = /passw|passphrase|secret|community|credential|token|(^|[_.-])(pass|pin)$/i;
const secretKeys = /(api|access|private|auth|encryption|shared|license)[_-]?key/i;
const namesPlace = /[_-](script|file|path|dir|url)$/i;

export type Parameters = readonly (readonly [name: string, value: string])[];

/** A parameter whose value must not be repeated in a message. */
export function isSecret(parameter: string): boolean {
  if (namesPlace.test(parameter)) return false;
  return secretWords.test(parameter) || secretKeys.test(parameter);
}

/** Fewer characters reveal nothing of a secret, and to mask them would spoil other words. */
const restMin = 3;

/**
 * The output of an agent with its secrets masked: as they are and as written in URLs and JSON, and
 * also the rest of a secret at the beginning, where the output was cut.
 */
export function maskSecrets(parameters: Parameters, output: string): string {
  const secrets = [...new Set(parameters.flatMap(spellings))]
    // The longest first: if one secret begins with another, its rest would remain visible.
    .toSorted((a, b) => b.length - a.length);
  const masked = secrets.reduce((text, secret) => text.replaceAll(secret, "***"), output);
  const rests = secrets.flatMap((secret) =>
    Array.from({ length: Math.max(0, secret.length - restMin) }, (_, at) => secret.slice(at + 1)),
  );
  const rest = rests.find((each) => masked.startsWith(each));
  return rest === undefined ? masked : `***${masked.slice(rest.length)}`;
}

function spellings([name, value]: Parameters[number]): readonly string[] {
  if (value === "" || !isSecret(name)) return [];
  // Half a surrogate pair cannot be encoded in a URL.
  const address = /\p{Surrogate}/u.test(value) ? [] : [encodeURIComponent(value)];
  return [value, JSON.stringify(value).slice(1, -1), ...address];
}
