/**
 * Waits for a condition, with a limit: the only way to wait in tests with real processes.
 */

export type UntilOptions = {
  /** What it takes at most on a quiet machine; a busy one gets a multiple of that. */
  readonly timeoutMs?: number;
  /** Between two looks. */
  readonly everyMs?: number;
  /** What is said when time is up, for example the logs so far. */
  readonly describe?: () => string;
};

/** A limit says that nothing will come any more, not how fast the machine is. */
const patience = 4;

export async function until(
  condition: () => boolean | Promise<boolean>,
  options: UntilOptions = {},
): Promise<void> {
  const timeoutMs = patience * (options.timeoutMs ?? 15_000);
  const everyMs = options.everyMs ?? 5;
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${options.describe?.() ?? String(condition)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
