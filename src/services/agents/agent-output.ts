/**
 * The output of an agent, as the log, the status and the decisions of its service quote it.
 * Tested in: test/model/secrets.test.ts
 * OUTPUT1  It contains no secret of the resource and no control characters.
 */
import { maskSecrets, type Parameters } from "../../model/secrets.ts";
import { visible } from "../../model/visible-text.ts";

/** One line: at most the last `charsMax` characters; secrets are masked before the text is cut. */
export function printableOutput(parameters: Parameters, output: string, charsMax: number): string {
  const line = maskSecrets(parameters, output).trim().replaceAll(/\s+/g, " ");
  return visible(line.slice(-charsMax));
}
