/**
 * The external agents that the configuration refers to and that were found on this machine.
 * Does not search for them; a missing agent is judged elsewhere.
 * Tested in: test/config/agent-elements.test.ts
 */
import {
  type AgentDialect,
  type AgentMetadata,
  type MetadataProblem,
  parseMetadata,
} from "./agent-metadata.ts";

export type FoundAgent =
  | { readonly type: "usable"; readonly file: string; readonly metadata: AgentMetadata }
  /** `file` is null when there is none. */
  | { readonly type: "unusable"; readonly file: string | null; readonly problem: MetadataProblem };

export type DiscoveredAgents = {
  /** Where agents of rgmanager's dialect were looked for. */
  readonly directory: string;
  /** By type; a type without a row has no agent there. */
  readonly byType: ReadonlyMap<string, FoundAgent>;
  /** OCF_ROOT of the agents of the dialect `ocf`. */
  readonly ocfRoot: string;
  /** By `provider:type`. */
  readonly ocf: ReadonlyMap<string, FoundAgent>;
};

/** The answer of one agent that was asked for its metadata. */
export type MetadataAnswer = {
  readonly file: string;
  readonly outcome:
    | { readonly type: "printed"; readonly text: string }
    | { readonly type: "failed"; readonly cause: string };
};

export const agentDirectoryDefault = "/usr/share/cluster";
export const ocfRootDefault = "/usr/lib/ocf";

/** Used where a configuration is read without looking at the machine. */
export const noAgents: DiscoveredAgents = {
  directory: agentDirectoryDefault,
  byType: new Map(),
  ocfRoot: ocfRootDefault,
  ocf: new Map(),
};

export function judgeAnswer(answer: MetadataAnswer, dialect: AgentDialect): FoundAgent {
  const { file, outcome } = answer;
  if (outcome.type === "failed") {
    const remedy = `run "${file} meta-data" by hand, and repair or reinstall the agent`;
    return { type: "unusable", file, problem: { cause: outcome.cause, remedy } };
  }
  const metadata = parseMetadata(outcome.text, dialect);
  if (!metadata.ok) return { type: "unusable", file, problem: metadata.problem };
  return { type: "usable", file, metadata: metadata.value };
}

/**
 * The agents of a directory, by type; the first file of a type counts. A file that cannot be used
 * counts for the type that its name says, unless another file has that type.
 */
export function agentsByType(answers: readonly MetadataAnswer[]): ReadonlyMap<string, FoundAgent> {
  const judged = answers.map((answer) => judgeAnswer(answer, "rgmanager"));
  const byType = new Map<string, FoundAgent>();
  for (const one of judged) {
    if (one.type !== "usable" || byType.has(one.metadata.type)) continue;
    byType.set(one.metadata.type, one);
  }
  for (const one of judged) {
    const type = one.type === "unusable" && one.file !== null ? typeOfFile(one.file) : "";
    if (type !== "" && !byType.has(type)) byType.set(type, one);
  }
  return byType;
}

/** The type that a file's name says: `fs` for `/usr/share/cluster/fs.sh`. */
function typeOfFile(file: string): string {
  return (file.split("/").at(-1) ?? "").replace(/\.[^.]*$/, "");
}
