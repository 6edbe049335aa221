/** The text of a configuration → what it reads as. */
import { type LoadOutcome, readClusterConf } from "../../src/config/cluster-conf.ts";
import { parseXml } from "../../src/config/xml.ts";

export function parseClusterConf(
  text: string,
  options: Parameters<typeof readClusterConf>[1],
): LoadOutcome {
  return readClusterConf(parseXml(text), options);
}
