/** Where the other nodes were, for the lives that come. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "tap";
import { MachineMemory, type MemoryFacts } from "../../src/io/files/machine-memory.ts";
import { ms } from "../../src/model/time.ts";
import { node } from "../membership/frames.ts";

const facts = (machine: string, nowMs: number, said: string[] = []): MemoryFacts => ({
  machine,
  nowMs: ms(nowMs),
  others: [node(2), node(3)],
  warn: (text) => said.push(text),
});

test("MEMORY1: what was seen is not older than the start of whoever asks", async (t) => {
  const directory = t.testdir();
  const memory = await MachineMemory.open(directory, facts("one", 100));
  t.same(memory.knownAt(ms(100)), [], "nothing yet");
  memory.remember([{ node: node(2), machine: "m2" }]);
  t.match(memory.knownAt(ms(900)), [{ node: 2, machine: "m2", atMs: 900 }], "in this process");
  await memory.settled();
  const same = await MachineMemory.open(directory, facts("one", 2000));
  t.match(same.knownAt(ms(5000)), [{ node: 2, machine: "m2", atMs: 2000 }], "in the same boot");
  const later = await MachineMemory.open(directory, facts("another boot", 30_000));
  t.match(later.knownAt(ms(31_000)), [{ node: 2, machine: "m2", atMs: 0 }], "since that boot");
});

test("the last of several is what stays", async (t) => {
  const directory = t.testdir();
  const memory = await MachineMemory.open(directory, facts("one", 0));
  for (const machine of ["a", "b", "c"]) memory.remember([{ node: node(2), machine }]);
  await memory.settled();
  t.match(readFileSync(join(directory, "machines.json"), "utf8"), '"machine":"c"');
});

test("MEMORY2: where the file cannot be read every node was somewhere else", async (t) => {
  for (const text of ["", "{", '{"writtenOn":1,"machines":[]}', '{"machines":[{"node":0}]}']) {
    const said: string[] = [];
    const directory = t.testdir();
    writeFileSync(join(directory, "machines.json"), text);
    const memory = await MachineMemory.open(directory, facts("one", 70, said));
    const unknown = { machine: "unknown", atMs: 70 };
    t.match(memory.knownAt(ms(80)), [
      { node: 2, ...unknown },
      { node: 3, ...unknown },
    ]);
    t.match(said, [/machines\.json: .*damaged: where the other nodes were is unknown/]);
  }
});

test("a file that cannot be written is told, and counts in this process", async (t) => {
  const said: string[] = [];
  const directory = join(t.testdir(), "gone");
  const memory = await MachineMemory.open(directory, facts("one", 0, said));
  memory.remember([{ node: node(2), machine: "m2" }]);
  await memory.settled();
  t.match(said, [/machines\.json not written: ENOENT/]);
  t.match(memory.knownAt(ms(1)), [{ machine: "m2" }]);
});
