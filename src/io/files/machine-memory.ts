/**
 * On which machines the nodes of the cluster were when this one was last on a ring with them, as
 * `machines.json` of the state directory: after a start nobody may be left who remembers.
 * Does not know what it is for, nor who is a member.
 * MEMORY1  The instant of a machine is never too early: for the next life of this process it is the
 *     start of that life, after that of the process in the same boot, and later that of the boot.
 * MEMORY2  A damaged or unreadable file says that every node was on some other machine.
 */
import { join } from "node:path";
import type { NodeId } from "../../model/ids.ts";
import { fitting, list, nodeId, record, type Shaped, text } from "../../model/shape.ts";
import type { Ms } from "../../model/time.ts";
import { parseJson } from "../json-text.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";

const known = record({ node: nodeId, machine: text });
const stored = record({ writtenOn: text, machines: list(known) });

type Known = Shaped<typeof known>;
type Remembered = Known & { readonly atMs: number };
/** Null: it was seen by a life of this process. */
type Stored = Known & { readonly atMs: number | null };
type MemoryRecord = Shaped<typeof stored>;

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
    const content = await readWhole(path);
    if (content.ok && content.value === null) return memory;
    const last = content.ok ? fitting(stored, parseJson(content.value ?? "")) : null;
    if (last === null) {
      const cause = content.ok ? "the content is damaged" : content.problem.cause;
      const rule = "after a start of the whole cluster services wait for one lease";
      facts.warn(`${path}: ${cause}: where the other nodes were is unknown; ${rule}`);
      const somewhere = { machine: unknownMachine, atMs: facts.nowMs };
      memory.#known = facts.others.map((node) => ({ node, ...somewhere }));
      return memory;
    }
    const atMs = last.writtenOn === facts.machine ? facts.nowMs : 0;
    memory.#known = last.machines.map((one) => ({ ...one, atMs }));
    return memory;
  }

  /** For a life that begins now, boot time. */
  knownAt(nowMs: Ms): readonly Remembered[] {
    return this.#known.map((one) => ({ ...one, atMs: one.atMs ?? nowMs }));
  }

  /** From now on these are known, also to a later process. */
  remember(machines: readonly Known[]): void {
    this.#known = machines.map((one) => ({ ...one, atMs: null }));
    const written: MemoryRecord = { writtenOn: this.#facts.machine, machines };
    const content = { text: `${JSON.stringify(written)}\n`, mode: 0o600 };
    this.#writing = this.#writing.then(async () => {
      const replaced = await replaceWhole(this.#path, content);
      if (replaced.ok) return;
      const { path, cause } = replaced.problem;
      this.#facts.warn(`${path} not written: ${cause}; the next start will not know the others`);
    });
  }

  /** All that was to be remembered is in the file. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}
