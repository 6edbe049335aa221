/** The text of a configuration → what it reads as, and the complaints as `--check` prints them. */
import { type LoadOutcome, readClusterConf } from "../../src/config/cluster-conf.ts";
import { type Complaint, formatComplaint, formatCount } from "../../src/config/text/complaint.ts";
import { parseXml } from "../../src/config/text/xml.ts";

export function parseClusterConf(
  text: string,
  options: Parameters<typeof readClusterConf>[1],
): LoadOutcome {
  return readClusterConf(parseXml(text), options);
}

/** All lines, then the count line `2 errors, 1 warning`; empty text when there is no complaint. */
export function formatComplaints(complaints: readonly Complaint[]): string {
  if (complaints.length === 0) return "";
  return `${[...complaints.map(formatComplaint), formatCount(complaints)].join("\n")}\n`;
}
