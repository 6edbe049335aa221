/**
 * Stores what a node must know in its next life, in files of its state directory: `ring.json`
 * (upper bound of the ring sequence, last incarnation) and `tracking-token`.
 * Source: corosync exec/totemsrp.c keeps a ring sequence in stable storage at every change.
 * Deviations: the stored value is a bound far in advance, so that no change of the membership waits
 * for the disk; without a file, ring sequences start at the wall clock, not at 1, since other nodes
 * may still know a ring that an earlier life represented.
 * STORE1  No ring sequence is used by two lives: a life starts above the bound of the lives before
 *     it, or, if that is lost, above every sequence that their clock permitted.
 * STORE2  Incarnations rise with every life, even if the wall clock was set back.
 * STORE3  A damaged file is refused, not taken for a missing one, or STORE1 would not hold.
 * STORE4  Values that the next start would refuse are never written.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ringSeqMax } from "../../model/ids.ts";
import { accept, invariant, type Result, refuse } from "../../model/outcome.ts";
import type { Ms } from "../../model/time.ts";
import { causeCode, causeText } from "../os-error.ts";
import type { Store, StoredLife, StoreProblem } from "../ports.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";
import { isAbsurd, nextLife, parseRecord, type RingRecord } from "./ring-record.ts";

export class FileStore implements Store {
  readonly #directory: string;
  readonly #ringPath: string;
  readonly #tokenPath: string;
  #durable: RingRecord | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
    this.#ringPath = join(directory, "ring.json");
    this.#tokenPath = join(directory, "tracking-token");
  }

  async beginLife(wallMs: Ms): Promise<Result<StoredLife, StoreProblem>> {
    const directory = await this.#directoryThere();
    if (!directory.ok) return directory;
    const text = await readWhole(this.#ringPath);
    if (!text.ok) return text;
    const last = text.value === null ? null : parseRecord(text.value);
    if (last === null && text.value !== null) return refuse(this.#damaged(this.#ringPath));
    if (last !== null && isAbsurd(last)) return refuse(this.#absurd(last.ringSeq));
    const life = nextLife(last, wallMs);
    if (life === null) return refuse(this.#damaged(this.#ringPath));
    const { incarnation, ringSeqDurable: ringSeq } = life;
    const written = await this.#write({ ringSeq, incarnation });
    return written.ok ? accept(life) : written;
  }

  async raiseRingSeq(bound: number): Promise<Result<number, StoreProblem>> {
    const turn = this.#writing.then(() => this.#raise(bound));
    this.#writing = turn;
    return turn;
  }

  async trackingToken(): Promise<Result<string, StoreProblem>> {
    const directory = await this.#directoryThere();
    if (!directory.ok) return directory;
    const text = await readWhole(this.#tokenPath);
    if (!text.ok) return text;
    if (text.value !== null) {
      const token = text.value.trim();
      return /^[0-9a-f]{32}$/.test(token) ? accept(token) : refuse(this.#damaged(this.#tokenPath));
    }
    const token = randomBytes(16).toString("hex");
    const written = await replaceWhole(this.#tokenPath, { text: `${token}\n`, mode: 0o600 });
    return written.ok ? accept(token) : written;
  }

  async #raise(bound: number): Promise<Result<number, StoreProblem>> {
    const durable = this.#durable;
    invariant(durable !== null, "STORE1: the bound is raised before the life has begun");
    if (bound <= durable.ringSeq) return accept(durable.ringSeq);
    if (!(bound <= ringSeqMax)) return refuse(this.#absurd(bound));
    const written = await this.#write({ ...durable, ringSeq: bound });
    return written.ok ? accept(bound) : written;
  }

  async #write(record: RingRecord): Promise<Result<null, StoreProblem>> {
    const text = `${JSON.stringify(record)}\n`;
    const written = await replaceWhole(this.#ringPath, {
      text,
      mode: 0o600,
      orWriteOver: true,
    });
    if (written.ok) this.#durable = record;
    return written;
  }

  async #directoryThere(): Promise<Result<null, StoreProblem>> {
    try {
      await mkdir(this.#directory, { mode: 0o750 });
      return accept(null);
    } catch (error) {
      if (causeCode(error) === "EEXIST") return accept(null);
      return refuse({ type: "unwritable", path: this.#directory, cause: causeText(error) });
    }
  }

  /**
   * The problem of a ring sequence that no clock explains: another node has sent it, so further
   * nodes may have stored it, too.
   */
  #absurd(ringSeq: number): StoreProblem {
    const cause =
      `ring sequence ${ringSeq} is beyond any clock: somebody with the key has made it up. ` +
      "Stop clusterd on all nodes, remove this file on each of them, then start them again";
    return { type: "unreadable", path: this.#ringPath, cause };
  }

  #damaged(path: string): StoreProblem {
    return { type: "unreadable", path, cause: "the content is damaged" };
  }
}
