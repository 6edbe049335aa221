/**
 * On which machines the nodes of the cluster were when this one was last on a ring with them, as
 * `machines.json` of the state directory: after a start nobody may be left who remembers.
 * Does not know what it is for, nor who is a member.
 * MEMORY1  The instant of a machine is never too early: for the next life of this process it is the
 *     start of that life, after that of the process in the same boot, and later that of the boot.
 * MEMORY2  A damaged or unreadable file says that every node was on some other machine.
 */
import { join } from "node:path";
import { type NodeId, parseNodeId } from "../model/ids.ts";
import type { Ms } from "../model/time.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";
import { parseJson } from "./json-text.ts";

type Known = { readonly node: NodeId; readonly machine: string };
type Remembered = Known & { readonly atMs: number };
/** Null: it was seen by a life of this process. */
type Stored = Known & { readonly atMs: number | null };
type MemoryRecord = { readonly writtenOn: string; readonly machines: readonly Known[] };

export type MemoryFacts = {
  /** The name of this machine, see machine-name.ts. */
  readonly machine: string;
  /** Boot time. */
  readonly nowMs: Ms;
  readonly others: readonly NodeId[];
  readonly warn: (text: string) => void;
};

const unknownMachine = "unknown";

export class MachineMemory {
  readonly #path: string;
  readonly #facts: MemoryFacts;
  #known: readonly Stored[] = [];
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, facts: MemoryFacts) {
    this.#path = path;
    this.#facts = facts;
  }

  static async open(directory: string, facts: MemoryFacts): Promise<MachineMemory> {
    const path = join(directory, "machines.json");
    const memory = new MachineMemory(path, facts);
    const text = await readWhole(path);
    if (text.ok && text.value === null) return memory;
    const record = text.ok ? parseRecord(text.value ?? "") : null;
    if (record === null) {
      const cause = text.ok ? "the content is damaged" : text.problem.cause;
      const rule = "after a start of the whole cluster services wait for one lease";
      facts.warn(`${path}: ${cause}: where the other nodes were is unknown; ${rule}`);
      memory.#known = facts.others.map((node) => ({
        ...{ node, machine: unknownMachine, atMs: facts.nowMs },
      }));
      return memory;
    }
    const atMs = record.writtenOn === facts.machine ? facts.nowMs : 0;
    memory.#known = record.machines.map((one) => ({ ...one, atMs }));
    return memory;
  }

  /** For a life that begins now, boot time. */
  knownAt(nowMs: Ms): readonly Remembered[] {
    return this.#known.map((one) => ({ ...one, atMs: one.atMs ?? nowMs }));
  }

  /** From now on these are known, also to a later process. */
  remember(machines: readonly Known[]): void {
    this.#known = machines.map((one) => ({ ...one, atMs: null }));
    const record: MemoryRecord = { writtenOn: this.#facts.machine, machines };
    const content = { text: `${JSON.stringify(record)}\n`, mode: 0o600 };
    this.#writing = this.#writing.then(async () => {
      const written = await replaceWhole(this.#path, content);
      if (written.ok) return;
      const { path, cause } = written.problem;
      this.#facts.warn(`${path} not written: ${cause}; the next start will not know the others`);
    });
  }

  /** All that was to be remembered is in the file. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}

function parseRecord(text: string): MemoryRecord | null {
  const record = parseJson(text);
  if (typeof record !== "object" || record === null) return null;
  if (!("writtenOn" in record && "machines" in record)) return null;
  const { writtenOn, machines } = record;
  if (typeof writtenOn !== "string" || !Array.isArray(machines)) return null;
  const known = machines.map(parseKnown);
  const whole = known.filter((one) => one !== null);
  return whole.length === known.length ? { writtenOn, machines: whole } : null;
}

function parseKnown(value: unknown): Known | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("node" in value && "machine" in value)) return null;
  const node = parseNodeId(value.node);
  return node === null || typeof value.machine !== "string"
    ? null
    : { node, machine: value.machine };
}
