/**
 * Judges of process groups in a simulated cluster. They keep what each node's clients were told,
 * ring by ring, and hold the nodes against each other; they share no code with the groups.
 */
import type { GroupEvent, GroupInput, GroupOutput } from "../../src/groups/group-events.ts";
import { formatRing } from "../../src/model/ids.ts";
import { describeEvent } from "../groups/group-nodes.ts";
import { Violation } from "./judges.ts";
import type { GroupWitness, WatchedGroups } from "./watched-groups.ts";

type Told = { readonly number: number; readonly text: string; readonly event: GroupEvent };

/** What one node was given and has told in one ring. */
type Chapter = {
  readonly life: WatchedGroups;
  readonly ring: string;
  /** The rings since the last exchange that had ended, and who came along. */
  readonly from: string;
  readonly told: Told[];
  /** Place of the last frame delivered before the transitional configuration. */
  regularEnd: number;
  delivered: number;
  transitional: boolean;
  /** Place of the exchange's end; its changes depend on where a node has come from. */
  activation: number | null;
  /** How the node went on; empty when it ended in this ring. */
  to: string;
  /** Places at which the observer's group was not watched yet. */
  watchedFrom: number;
};

/** The group in which every node has a process, the observer. */
export const watched = "g";
export const observer = 1;

export class GroupJudge implements GroupWitness {
  readonly #chapters: Chapter[] = [];
  readonly #current = new Map<WatchedGroups, Chapter>();
  readonly #together = new Map<WatchedGroups, string>();
  readonly #members = new Map<string, string>();
  readonly #tables = new Map<string, string>();
  /** By receiver and sender: the number of the last message, to see that none comes back. */
  readonly #last = new Map<string, number>();
  readonly #acknowledged: { readonly chapter: Chapter; readonly number: number }[] = [];
  readonly #lives = new Map<WatchedGroups, number>();
  /** By number of the client: as which process it has joined. */
  readonly #processes = new Map<WatchedGroups, Map<number, number>>();
  #messages = 0;

  /** Messages that were delivered to any client. */
  get messages(): number {
    return this.#messages;
  }

  get rings(): number {
    return new Set(this.#chapters.map(({ ring }) => ring)).size;
  }

  given(life: WatchedGroups, input: GroupInput): void {
    const chapter = this.#current.get(life);
    if (input.type === "connect") this.#connected(life, input);
    if (input.type === "deliver" && chapter !== undefined) {
      chapter.delivered += 1;
      if (!chapter.transitional) chapter.regularEnd = chapter.delivered;
    }
    if (input.type !== "configuration") return;
    const { kind, ring, members } = input.configuration;
    if (kind === "transitional") {
      if (chapter !== undefined) chapter.transitional = true;
      this.#together.set(life, `${formatRing(ring)} with ${members.join(" ")}`);
      return;
    }
    const along = this.#together.get(life) ?? "";
    // Until an exchange has ended it matters where a node was before.
    const origin = chapter === undefined ? `node ${life.node} ` : chapter.from;
    const from = chapter?.activation != null ? along : `${origin}, ${along}`;
    const watching = chapter !== undefined && chapter.watchedFrom < Number.POSITIVE_INFINITY;
    if (chapter !== undefined) chapter.to = `${formatRing(ring)} ${along}`;
    const next: Chapter = {
      life,
      ring: formatRing(ring),
      from,
      told: [],
      regularEnd: 0,
      delivered: 0,
      transitional: false,
      activation: null,
      to: "",
      watchedFrom: watching ? 0 : Number.POSITIVE_INFINITY,
    };
    this.#current.set(life, next);
    this.#chapters.push(next);
  }

  said(life: WatchedGroups, output: GroupOutput): void {
    const chapter = this.#current.get(life);
    if (output.type === "answer" && output.answer.type === "ordered" && chapter !== undefined) {
      this.#acknowledged.push({ chapter, number: output.answer.order.number });
    }
    if (output.type !== "event" || chapter === undefined) return;
    const { event, clients } = output;
    if (event.order.number !== chapter.delivered) {
      throw new Violation(`node ${life.node}: place ${event.order.number} of ${chapter.delivered}`);
    }
    if (event.type === "ring") this.#onRing(chapter, event.order.number);
    const processes = clients.map((client) => this.#processes.get(life)?.get(client) ?? 0);
    for (const process of processes) this.#follow(life, process, event);
    if (!processes.includes(observer)) return;
    const { number } = event.order;
    chapter.watchedFrom = Math.min(chapter.watchedFrom, number);
    chapter.told.push({ number, text: describeEvent(event), event });
  }

  /** Everything is over: what the nodes were told fits together. */
  finish(): void {
    for (const [index, one] of this.#chapters.entries()) {
      for (const other of this.#chapters.slice(index + 1)) {
        if (one.ring === other.ring && one.life !== other.life) compare(one, other);
      }
    }
    for (const { chapter, number } of this.#acknowledged) this.#judgeAcknowledged(chapter, number);
  }

  #connected(
    life: WatchedGroups,
    { client, process }: { readonly client: number; readonly process: number | null },
  ): void {
    const known = this.#processes.get(life) ?? new Map<number, number>();
    this.#processes.set(life, known.set(client, process ?? 0));
  }

  #onRing(chapter: Chapter, number: number): void {
    chapter.activation = number;
    const table = JSON.stringify(chapter.life.snapshot().groups);
    const known = this.#tables.get(chapter.ring) ?? table;
    this.#tables.set(chapter.ring, table);
    if (known !== table) throw new Violation(`ring ${chapter.ring} has two tables of members`);
  }

  /** What one client sees is consistent in itself. */
  #follow(life: WatchedGroups, process: number, event: GroupEvent): void {
    const key = `${life.node} ${process} ${this.#lifeNumber(life)}`;
    if (event.type === "message") {
      this.#messages += 1;
      this.#followMessage(key, event);
    }
    if (event.type !== "configuration") return;
    const name = (one: { readonly node: number; readonly process: number }) =>
      `${one.node}.${one.process}`;
    const before = this.#members.get(key)?.split(" ").filter(Boolean);
    const after = event.members.map(name);
    const left = event.left.map(name);
    const joined = event.joined.map(name);
    const expected = [...(before ?? []).filter((one) => !left.includes(one)), ...joined].sort();
    if (before !== undefined && expected.join() !== [...after].sort().join()) {
      throw new Violation(`${key}: members ${after} follow ${before} by ${describeEvent(event)}`);
    }
    const gone = left.includes(`${life.node}.${process}`);
    if (gone) this.#members.delete(key);
    else this.#members.set(key, after.join(" "));
  }

  #followMessage(key: string, event: Extract<GroupEvent, { readonly type: "message" }>): void {
    const members = this.#members.get(key)?.split(" ") ?? [];
    const { node } = event.from;
    if (!members.some((one) => one.startsWith(`${node}.`))) {
      throw new Violation(`${key}: a message of node ${node}, which has no member in ${members}`);
    }
    // Messages are `life/sender/number`, perhaps with more behind.
    const [sender = "", number = ""] = textOf(event).split("#");
    const lastKey = `${key} ${sender}`;
    const last = this.#last.get(lastKey) ?? 0;
    if (Number(number) <= last) {
      throw new Violation(`${key}: ${sender}#${number} comes after number ${last}`);
    }
    this.#last.set(lastKey, Number(number));
  }

  #lifeNumber(life: WatchedGroups): number {
    const number = this.#lives.get(life) ?? this.#lives.size + 1;
    this.#lives.set(life, number);
    return number;
  }

  /** An acknowledged message reached everybody who was there and has lived to see the next ring. */
  #judgeAcknowledged(chapter: Chapter, number: number): void {
    const told = chapter.told.find((one) => one.number === number && one.event.type === "message");
    if (told === undefined || number > chapter.regularEnd) return;
    for (const other of this.#chapters) {
      const there = other.ring === chapter.ring && other.watchedFrom < number && other.to !== "";
      if (!there || other.told.some((one) => one.text === told.text)) continue;
      throw new Violation(`${told.text} was acknowledged, node ${other.life.node} never saw it`);
    }
  }
}

function textOf({ payload }: Extract<GroupEvent, { readonly type: "message" }>): string {
  return Buffer.from(payload).toString("latin1", 0, 60);
}

function compare(one: Chapter, other: Chapter): void {
  const alike = one.to !== "" && one.to === other.to;
  const until = alike ? Number.POSITIVE_INFINITY : Math.min(one.regularEnd, other.regularEnd);
  const from = Math.max(one.watchedFrom, other.watchedFrom);
  // Who has come another way sees other changes, though the same members afterwards.
  const cameAlike = one.from === other.from;
  const pick = (chapter: Chapter) =>
    chapter.told
      .filter(({ number }) => number > from && number <= until)
      .filter(({ number }) => cameAlike || number !== chapter.activation)
      .map(({ number, text }) => `${number} ${text}`);
  const [a, b] = [pick(one), pick(other)];
  const place = a.findIndex((text, index) => text !== b[index]);
  if (place < 0 && a.length === b.length) return;
  const at = place < 0 ? a.length : place;
  throw new Violation(
    `ring ${one.ring}: node ${one.life.node} was told "${a[at]}", ` +
      `node ${other.life.node} "${b[at]}"`,
  );
}
