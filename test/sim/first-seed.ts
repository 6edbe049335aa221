/** The first new seed of a test run. */
import { execFileSync } from "node:child_process";

/** From the commit, so that every commit explores anew and every failure repeats. */
export function firstSeed(): number {
  try {
    const hash = execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8", stdio: "pipe" });
    return Number.parseInt(hash.slice(0, 7), 16);
  } catch {
    return 1;
  }
}
