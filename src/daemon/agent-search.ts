/**
 * Finds the external agents that a conf asks for, and reads their metadata.
 * Tested in: test/e2e/external-agents.test.ts
 */
import { parseMetadata } from "../config/agents/agent-metadata.ts";
import {
  agentsByType,
  type DiscoveredAgents,
  type FoundAgent,
  judgeAnswer,
  ocfRootDefault,
} from "../config/agents/discovered-agents.ts";
import { referencedAgents } from "../config/agents/referenced-agents.ts";
import type { UnitFact } from "../config/host/host-check.ts";
import type { ParsedXml } from "../config/text/xml.ts";
import { unitFact } from "../io/host/unit-facts.ts";
import { askDirectory, askFile } from "../io/processes/agent-metadata-run.ts";

export type AgentSearch = {
  readonly agents: DiscoveredAgents;
  readonly units: ReadonlyMap<string, UnitFact>;
};

/** Runs nothing for a conf that asks for no external agent. */
export async function searchAgents(parsed: ParsedXml): Promise<AgentSearch> {
  const wanted = referencedAgents(parsed);
  const { directory } = wanted;
  const answers = await askDirectory(directory, wanted.types, (metadata) => {
    const parsed = parseMetadata(metadata, "rgmanager");
    return parsed.ok ? parsed.value.type : null;
  });
  const ocf = await Promise.all(wanted.ocf.map((name) => ocfAgent(name)));
  const units = await Promise.all(
    wanted.units.map(async (unit) => [unit, await unitFact(unit)] as const),
  );
  return {
    agents: {
      directory,
      byType: agentsByType(answers),
      ocfRoot: ocfRootDefault,
      ocf: new Map(ocf.flatMap((one) => (one === null ? [] : [one]))),
    },
    units: new Map(units),
  };
}

/** Null: there is no such file. */
async function ocfAgent(name: string): Promise<readonly [string, FoundAgent] | null> {
  const [provider = "", type = ""] = name.split(":");
  const file = `${ocfRootDefault}/resource.d/${provider}/${type}`;
  const outcome = await askFile(file, ocfRootDefault);
  return outcome === null ? null : [name, judgeAnswer({ file, outcome }, "ocf")];
}
