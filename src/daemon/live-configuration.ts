/**
 * The configuration of this process while it changes: the file it came from, the one in force, and
 * what is brought in on all nodes when the file has a newer one.
 * Decides nothing: whether a configuration may follow is judged by every member.
 * LIVE1  The file is replaced only by what is in force, and whole.
 * LIVE2  A text reads with what this machine has said of its agents when it was asked for that
 *     text.
 */

import { createHash } from "node:crypto";
import { parseClusterConf } from "../config/cluster-conf.ts";
import { type Complaint, formatComplaint } from "../config/complaint.ts";
import type { FoundAgents } from "../config/found-agents.ts";
import { checkHost, scriptProblems } from "../config/host-check.ts";
import { outcomeText } from "../control/request-codes.ts";
import { replaceWhole } from "../io/atomic-file.ts";
import { gatherHostFacts } from "../io/host-facts.ts";
import type { LogSink } from "../io/ports.ts";
import { readText } from "../io/text-file.ts";
import type { Acceptance } from "../model/acceptance.ts";
import { accept, refuse } from "../model/outcome.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import { type Configuration, changeProblem, type ReadText } from "../node/configurations.ts";
import { missingScript } from "../services/missing-scripts.ts";
import { searchAgents } from "./agent-search.ts";
import { type LoadedConfiguration, loadConfiguration } from "./configuration.ts";

type Parts = {
  readonly loaded: LoadedConfiguration;
  readonly stateDirectory: string;
  readonly log: LogSink;
};

/** What the cluster made of a proposal. */
export type ProposalEnd = { readonly outcome: RequestOutcome; readonly text: string };

/** Whoever has closed the file to others has his reasons. */
const fileMode = { kept: true, otherwise: 0o640 } as const;
/** A proposal, what a member that joins is told, and what this node's operators try meanwhile. */
const textsMax = 16;
export class LiveConfiguration {
  readonly #log: LogSink;
  #loaded: LoadedConfiguration;
  /** What was found for each text, the latest last. */
  readonly #agents = new Map<string, FoundAgents>();
  /** The file is written by one after the other. */
  #kept: Promise<void> = Promise.resolve();
  readonly #stateDirectory: string;

  constructor({ loaded, stateDirectory, log }: Parts) {
    this.#loaded = loaded;
    this.#agents.set(loaded.text, loaded.agents);
    this.#log = log;
    this.#stateDirectory = stateDirectory;
  }

  get loaded(): LoadedConfiguration {
    return this.#loaded;
  }

  /**
   * Before `read`, and asynchronous: this machine is asked for whatever the text supposes. What is
   * missing here, such as a script, is said. Returns what this node has against the text, if a
   * service would be stopped for it that could not be started again here.
   */
  async prepare(text: string): Promise<string | null> {
    const { file, local, hash, conf } = this.#loaded;
    const { agents, units } = await searchAgents(text);
    this.#remember(text, agents);
    const parsed = parseClusterConf(text, { file, agents });
    if (parsed.conf === null || parsed.places === null) return null;
    if (createHash("sha256").update(text).digest("hex") === hash) return null;
    const facts = {
      ...(await gatherHostFacts(parsed.conf, {
        nodeName: local.name,
        altnames: parsed.places.altnames.map(({ name }) => name),
        stateDirectory: this.#stateDirectory,
      })),
      units,
    };
    for (const each of checkHost(parsed.conf, facts, parsed.places)) {
      this.#say("warning", formatComplaint(each));
    }
    const change = { old: conf.services, next: parsed.conf.services };
    return missingScript(change, local.id, scriptProblems(facts.scripts));
  }

  /** What is computed for this machine stays as it is: it cannot change while the ring lives. */
  readonly read: ReadText = (text) => {
    const { file, conf } = this.#loaded;
    const agents = this.#agents.get(text) ?? this.#loaded.agents;
    const parsed = parseClusterConf(text, { file, agents });
    if (parsed.conf === null || parsed.places === null)
      return refuse(firstError(parsed.complaints));
    const { totem } = parsed.conf;
    const { address } = parsed.places.multicast === null ? conf.totem.multicast : totem.multicast;
    const multicast = { ...totem.multicast, address };
    const hash = createHash("sha256").update(text).digest("hex");
    return accept({ conf: { ...parsed.conf, totem: { ...totem, multicast } }, hash, text });
  };

  /** Reads the file and brings it in on all nodes, by way of `propose`. */
  async reload(
    propose: (configuration: Configuration) => Promise<ProposalEnd>,
  ): Promise<Acceptance> {
    const { file, local, hash } = this.#loaded;
    const content = await readText(file);
    if (!content.ok) return { accepted: false, text: `${file}: ${content.problem}` };
    const objection = await this.prepare(content.value);
    const next = this.read(content.value);
    if (!next.ok) return invalid(next.problem);
    if (next.value.hash === hash) return { accepted: true, text: "it is in force already" };
    const problem = changeProblem(this.#loaded, next.value);
    if (problem !== null) return { accepted: false, text: problem };
    const checked = await loadConfiguration(file, local.name, this.#stateDirectory);
    if (checked.loaded === null) return invalid(firstError(checked.complaints));
    if (objection !== null) return { accepted: false, text: `${local.name}: ${objection}` };
    const { outcome, text } = await propose(next.value);
    if (outcome.type === "done") return { accepted: true, text: "" };
    return { accepted: false, text: text === "" ? outcomeText(outcome) : text };
  }

  /** It is in force from here on. */
  adopt({ conf, hash, text }: Configuration): void {
    const before = this.#loaded;
    const agents = this.#agents.get(text) ?? before.agents;
    this.#loaded = { ...before, conf, hash, text, agents };
    this.#say("notice", `configuration version ${conf.version} (${hash.slice(0, 12)}) is in force`);
    const loaded = this.#loaded;
    this.#kept = this.#kept.then(() => this.#keep(loaded, before.text));
  }

  #remember(text: string, agents: FoundAgents): void {
    this.#agents.delete(text);
    this.#agents.set(text, agents);
    for (const oldest of this.#agents.keys()) {
      if (this.#agents.size <= textsMax) return;
      this.#agents.delete(oldest);
    }
  }

  /** LIVE1. What somebody was writing there in the meantime is kept beside it. */
  async #keep({ file, text, conf }: LoadedConfiguration, before: string): Promise<void> {
    const present = await readText(file);
    if (present.ok && present.value === text) return;
    if (present.ok && present.value !== before) {
      const aside = `${file}.replaced`;
      const saved = await replaceWhole(aside, { text: present.value, mode: 0o600 });
      const where = saved.ok ? aside : "nowhere";
      this.#say("warning", `${file} held something else, which is in ${where} now`);
    }
    const written = await replaceWhole(file, { text, mode: fileMode });
    if (written.ok) {
      this.#say("notice", `${file} holds configuration version ${conf.version} now`);
      return;
    }
    const why = `${written.problem.path}: ${written.problem.cause}`;
    this.#say(
      "err",
      `configuration version ${conf.version} cannot be kept for the next start: ${why}`,
    );
  }

  #say(level: "notice" | "warning" | "err", text: string): void {
    this.#log.write("services", level, { text });
  }
}

function invalid(problem: string): Acceptance {
  return { accepted: false, text: `Not reloading, configuration is not valid: ${problem}` };
}

function firstError(complaints: readonly Complaint[]): string {
  const error = complaints.find(({ severity }) => severity === "error");
  return error === undefined ? "it cannot be read" : formatComplaint(error);
}
