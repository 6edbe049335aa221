/**
 * The error code and the text of an exception of the operating system.
 * Tested in: test/io/atomic-file.test.ts
 */

/** The code, such as `ENOENT`, or null. */
export function causeCode(error: unknown): string | null {
  const coded = typeof error === "object" && error !== null && "code" in error;
  return coded && typeof error.code === "string" ? error.code : null;
}

export function causeText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
