/**
 * What an agent printed, as it is repeated in the log, the status and the decisions of its service.
 * Knows neither the agent nor what its words mean.
 * Tested in: test/model/secrets.test.ts
 * OUTPUT1  No secret of the resource is in it, and nothing that a terminal would obey.
 */
import { maskSecrets, type Parameters } from "../../model/secrets.ts";
import { visible } from "../../model/visible-text.ts";

/** One line, at most so many characters of its end; the secrets are masked before it is cut. */
export function printableOutput(parameters: Parameters, output: string, charsMax: number): string {
  const line = maskSecrets(parameters, output).trim().replaceAll(/\s+/g, " ");
  return visible(line.slice(-charsMax));
}
