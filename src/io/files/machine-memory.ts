/**
 * The machines on which the other nodes were when this node was last on a ring with them. They are
 * stored in `machines.json` of the state directory, since after a start of the whole cluster no
 * running node knows them.
 * MEMORY1  The time at which a machine was last seen is never too early. For a later life of this
 *     process it is the start of that life; for a later process of the same boot, the start of that
 *     process; after a reboot, the instant of the boot.
 * MEMORY2  After a damaged or unreadable file, every node counts as having been on another machine.
 */
import { join } from "node:path";
import type { NodeId } from "../../model/ids.ts";
import { list, nodeId, readOrNull, record, type Shaped, text } from "../../model/shape.ts";
import type { Ms } from "../../model/time.ts";
import { parseJson } from "../json-text.ts";
import { readWhole, replaceWhole } from "./atomic-file.ts";

const known = record({ node: nodeId, machine: text });
const stored = record({ writtenOn: text, machines: list(known) });

type Known = Shaped<typeof known>;
type Remembered = Known & { readonly atMs: number };
/** `atMs` null: a life of this process has seen the machine. */
type Stored = Known & { readonly atMs: number | null };
type MemoryRecord = Shaped<typeof stored>;

export type MemoryFacts = {
  /** The name of this machine, see machine-name.ts. */
  readonly machine: string;
  /** The present boot time. */
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
    const last = content.ok ? readOrNull(stored, parseJson(content.value ?? "")) : null;
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

  /** The machines that a life knows which begins at this boot time. */
  knownAt(nowMs: Ms): readonly Remembered[] {
    return this.#known.map((one) => ({ ...one, atMs: one.atMs ?? nowMs }));
  }

  /** Remembers these machines, also for later processes. */
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

  /** Resolves when the file is written. */
  async settled(): Promise<void> {
    await this.#writing;
  }
}
