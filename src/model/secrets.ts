/**
 * Which parameters of devices and resources are secrets, and how they are kept out of messages.
 * Knows names and values only.
 * Source: the metadata of fence-agents 4 and resource-agents 4 for the names in use.
 */

/**
 * A word of the name is enough. `token` is none of the ring's: that is no parameter of an agent.
 * Names of files and programs that have the secret are not the secret.
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

/** Fewer characters of a secret say nothing, and would mask the beginning of words. */
const restMin = 3;

/**
 * What an agent printed, as it may be repeated: its secrets are masked wherever they stand, as they
 * are and as they are written in addresses and JSON, also what is left of one at the beginning,
 * where the output was cut.
 */
export function maskSecrets(parameters: Parameters, output: string): string {
  const secrets = [...new Set(parameters.flatMap(spellings))]
    // The longest first: a secret that begins with another one would leave its rest behind.
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
  // A half of a surrogate pair is no text, and cannot be in an address.
  const address = /\p{Surrogate}/u.test(value) ? [] : [encodeURIComponent(value)];
  return [value, JSON.stringify(value).slice(1, -1), ...address];
}
