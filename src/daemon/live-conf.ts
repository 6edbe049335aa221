/**
 * The conf of this process while it changes: its file, the version in force, and the proposal of a
 * newer version to all nodes.
 * Whether a version comes into force is decided by all members.
 * LIVE1  The file is replaced only by the version in force, and only as a whole.
 * LIVE2  A text is read with the agents and units that this machine had when it was examined for
 *     that text.
 */

import { scriptProblems } from "../config/host/host-check.ts";
import { type Complaint, formatComplaint, preventsStart } from "../config/text/complaint.ts";
import { outcomeText } from "../control/request-codes.ts";
import { replaceWhole } from "../io/files/atomic-file.ts";
import { readText } from "../io/files/text-file.ts";
import type { LogSink } from "../io/ports.ts";
import type { Acceptance } from "../model/acceptance.ts";
import { accept, refuse } from "../model/outcome.ts";
import type { RequestOutcome } from "../model/request-outcome.ts";
import { confChanges } from "../node/conf-changes.ts";
import { type ConfVersion, changeProblem, type ReadText } from "../node/conf-versions.ts";
import { missingScript } from "../services/tree/missing-scripts.ts";
import {
  accountIds,
  type ConfReading,
  checkHere,
  type LoadedConf,
  parseContent,
  readHere,
  readWith,
} from "./loaded-conf.ts";

type Parts = {
  readonly loaded: LoadedConf;
  readonly stateDirectory: string;
  readonly log: LogSink;
};

/** How a proposal to the cluster has ended. */
export type ProposalEnd = { readonly outcome: RequestOutcome; readonly text: string };

/** The permissions of an existing file are kept: an operator may have restricted them. */
const fileMode = { kept: true, otherwise: 0o640 } as const;
/**
 * How many texts are remembered: a proposal, the one that a joining member is told, and those that
 * operators of this node try meanwhile.
 */
const textsMax = 16;
export class LiveConf {
  readonly #log: LogSink;
  #loaded: LoadedConf;
  /** The reading of each text, the latest last. */
  readonly #readings = new Map<string, ConfReading>();
  /** The numbers of the accounts that a reading names, once this machine was asked for them. */
  readonly #accounts = new WeakMap<ConfReading, LoadedConf["accounts"]>();
  /** Resolves when the file is written; writes follow each other. */
  #kept: Promise<void> = Promise.resolve();
  readonly #stateDirectory: string;

  constructor({ loaded, stateDirectory, log }: Parts) {
    this.#loaded = loaded;
    this.#remember(loaded.reading);
    this.#log = log;
    this.#stateDirectory = stateDirectory;
  }

  get loaded(): LoadedConf {
    return this.#loaded;
  }

  /**
   * Must be called before `read`: examines this machine for what the text needs, and logs what is
   * missing, such as a script. Returns this node's objection if the text would stop a service that
   * could not be started again here, or else null.
   */
  async prepare(text: string): Promise<string | null> {
    return (await this.#examine(text)).objection;
  }

  /**
   * Reads a text. A computed multicast address stays as it is, since it cannot change while the
   * ring runs.
   */
  readonly read: ReadText = (text) => {
    const { conf } = this.#loaded;
    const { hash, outcome } = this.#readingOf(text);
    if (outcome.conf === null || outcome.locations === null) {
      return refuse(firstError(outcome.complaints));
    }
    const { totem } = outcome.conf;
    const { address } =
      outcome.locations.multicast === null ? conf.totem.multicast : totem.multicast;
    const multicast = { ...totem.multicast, address };
    return accept({ conf: { ...outcome.conf, totem: { ...totem, multicast } }, hash, text });
  };

  /** Reads the file once, and proposes its text to all nodes with `propose`. */
  async reload(propose: (conf: ConfVersion) => Promise<ProposalEnd>): Promise<Acceptance> {
    const { file, local, reading } = this.#loaded;
    const content = await readText(file);
    if (!content.ok) return { accepted: false, text: `${file}: ${content.problem}` };
    const { complaints, objection } = await this.#examine(content.value);
    const next = this.read(content.value);
    if (!next.ok) return invalid(next.problem);
    if (next.value.hash === reading.hash) return { accepted: true, text: "it is in force already" };
    const problem = changeProblem(this.#inForce(), next.value);
    if (problem !== null) return { accepted: false, text: problem };
    if (preventsStart(complaints)) return invalid(firstError(complaints));
    if (objection !== null) return { accepted: false, text: `${local.name}: ${objection}` };
    const changes = confChanges(this.#loaded.conf, next.value.conf);
    const { outcome, text } = await propose(next.value);
    if (outcome.type === "done") return { accepted: true, text: changes.join("\n") };
    return { accepted: false, text: text === "" ? outcomeText(outcome) : text };
  }

  /** Takes over a version that has come into force, and writes it into the file. */
  adopt({ conf, hash, text }: ConfVersion): void {
    const before = this.#loaded;
    const reading = this.#readingOf(text);
    const accounts = this.#accounts.get(reading) ?? before.accounts;
    this.#loaded = { ...before, conf, reading, accounts };
    this.#say("notice", `configuration version ${conf.version} (${hash.slice(0, 12)}) is in force`);
    const loaded = this.#loaded;
    this.#kept = this.#kept.then(() => this.#keep(loaded, before.reading.text));
  }

  #inForce(): ConfVersion {
    const { conf, reading } = this.#loaded;
    return { conf, hash: reading.hash, text: reading.text };
  }

  /** Examines the machine again, since it may have changed; a text is not parsed again. */
  async #examine(text: string): Promise<{
    readonly complaints: readonly Complaint[];
    readonly objection: string | null;
  }> {
    const { file, local, reading: present, conf: old } = this.#loaded;
    const reading = await readHere(this.#readings.get(text) ?? parseContent(text), file);
    this.#remember(reading);
    const { conf, locations } = reading.outcome;
    if (conf === null || locations === null || reading.hash === present.hash) {
      return { complaints: [], objection: null };
    }
    const asked = { file, nodeName: local.name, stateDirectory: this.#stateDirectory };
    const { complaints, facts } = await checkHere(reading, { conf, locations }, asked);
    this.#accounts.set(reading, accountIds(conf, facts));
    for (const each of complaints) this.#say("warning", formatComplaint(each));
    const change = { old: old.services, next: conf.services };
    const objection = missingScript(change, local.id, scriptProblems(facts.scripts));
    return { complaints, objection };
  }

  /** LIVE2; a text that is not remembered is read with the agents of the version in force. */
  #readingOf(text: string): ConfReading {
    const known = this.#readings.get(text);
    if (known !== undefined) return known;
    const { reading, file } = this.#loaded;
    const fresh = readWith(parseContent(text), reading, file);
    this.#remember(fresh);
    return fresh;
  }

  #remember(reading: ConfReading): void {
    this.#readings.delete(reading.text);
    this.#readings.set(reading.text, reading);
    for (const oldest of this.#readings.keys()) {
      if (this.#readings.size <= textsMax) return;
      this.#readings.delete(oldest);
    }
  }

  /** LIVE1. What somebody else has written into the file meanwhile is kept beside it. */
  async #keep(loaded: LoadedConf, before: string): Promise<void> {
    const { file, conf, reading } = loaded;
    const { text } = reading;
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
