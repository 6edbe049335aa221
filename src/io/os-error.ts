/**
 * What the operating system's exceptions say: the code and a sentence. Knows nothing else.
 * Tested in: test/io/atomic-file.test.ts
 */

/** `ENOENT` and the like, or null. */
export function causeCode(error: unknown): string | null {
  const coded = typeof error === "object" && error !== null && "code" in error;
  return coded && typeof error.code === "string" ? error.code : null;
}

export function causeText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
