/**
 * Orders for which the machine has no processes, descriptors or memory ("no room"): nothing was
 * done, so nothing has failed. The order is given again after a pause that grows.
 * Source: fork(2), execve(2), pipe(2) and open(2) for the errors; dash and bash for the words of a
 * script that could not fork.
 * Tested in: test/services/external-agent.test.ts, test/services/script-agent.test.ts
 * EXHAUSTION1  Exhaustion is not a verdict: a check that could not be made says neither good nor
 *     bad.
 */
import type { AgentOrder, AgentReport, AgentVerdict } from "./agent-orders.ts";
import { type Ms, ms } from "./time.ts";

/**
 * How long an order is given again. `unlimited`: until there is room, where it must be done here;
 * `short`: for a quarter of a minute, where another node can do it instead.
 */
export type RetryLimit = "unlimited" | "short";

const firstPauseMs = 500;
const pauseMsMax = 5000;
/** 0.5 + 1 + 2 + 4 + 5 s. */
const shortTries = 5;
/** After this many tries a script's message about fork counts as an ordinary failure. */
const forklessTries = 7;

/** Whether the cause of a failure is that descriptors, processes or memory were used up. */
export function isExhaustion(cause: string): boolean {
  return /\b(EAGAIN|EMFILE|ENFILE|ENOMEM)\b/.test(cause);
}

/** The pause before the next try, after `tries` tries. */
export function exhaustionPauseMs(tries: number): Ms {
  return ms(Math.min(firstPauseMs * 2 ** tries, pauseMsMax));
}

/** Returns the report of the first try for which there was room, or of the last try. */
export function* retryWhileExhausted(
  order: AgentOrder,
  how: { readonly retry: RetryLimit; readonly what: string },
): Generator<AgentOrder, AgentReport, AgentReport> {
  for (let tries = 0; ; tries += 1) {
    const report = yield order;
    const cause = exhaustionOf(report, tries);
    if (cause === null || (how.retry === "short" && tries >= shortTries)) return report;
    const pauseMs = exhaustionPauseMs(tries);
    const why = `${how.what} could not be tried (${cause}): again in ${pauseMs / 1000} s`;
    yield { type: "pause", pauseMs, why };
  }
}

/** The verdict of an agent that was not started. */
export function notStarted(
  what: string,
  { absent, cause }: Extract<AgentReport, { readonly type: "not-started" }>,
): AgentVerdict {
  const verdict = { code: absent ? notInstalled : 1, text: `${what} impossible: ${cause}` };
  return isExhaustion(cause) ? { ...verdict, untried: true } : verdict;
}

const notInstalled = 5;

/** Why the order could not be tried; null: it was tried. */
function exhaustionOf(report: AgentReport, tries: number): string | null {
  switch (report.type) {
    case "not-started":
    case "failed":
      return isExhaustion(report.cause) ? report.cause : null;
    case "exited":
      if (report.code === 0 || tries >= forklessTries) return null;
      return forkless.exec(report.output)?.[0] ?? null;
    default:
      return null;
  }
}

const forkless =
  /cannot fork|fork: (retry: )?(resource temporarily unavailable|cannot allocate memory)/i;
