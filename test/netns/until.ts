/**
 * Waits for a condition, with a limit: the only way to wait in tests with real processes.
 */

export type UntilOptions = {
  readonly timeoutMs?: number;
  /** What is said when time is up, for example the logs so far. */
  readonly describe?: () => string;
};

export async function until(
  condition: () => boolean | Promise<boolean>,
  options: UntilOptions = {},
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${options.describe?.() ?? String(condition)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
