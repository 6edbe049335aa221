/**
 * Deliberate bugs of death certificates; see bug-hunt.ts. What no search provokes is found by the
 * tests of the parts: two machines with one life, a pipe that is closed while its writer lives,
 * recorded frames, a sweep that began before the end of clusterd, and a certificate that is applied
 * to a node that is back.
 */
import { type Mutant, mutant } from "./bug-hunt.ts";

export const certificateMutants: readonly Mutant[] = [
  mutant("lease", "a guard certifies whatever its sweep has left", [
    {
      file: "guard/lease-guard.js",
      find: "this.#onSwept(input.rest, nowMs);",
      replace: "this.#onSwept([], nowMs);",
    },
  ]),
  mutant("lease", "the certificate of any life releases its node", [
    {
      file: "fencing/death-certificate.js",
      find: "incarnationOf(proven.life) !== incarnation",
      replace: "false",
    },
  ]),
];
