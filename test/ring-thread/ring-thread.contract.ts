/**
 * The course of the conversation with a ring thread (ring-port.ts), held against the real thread,
 * the simulated thread of the searches, and the ring without faults of the stories.
 */
import { type Test, test } from "tap";
import type { RingThreadOutput } from "../../src/ring-thread/ring-port.ts";
import type { RingThread } from "../../src/ring-thread/ring-thread-start.ts";

export type ThreadStation = {
  readonly thread: RingThread;
  readonly outputs: readonly RingThreadOutput[];
};

export type ThreadBench = {
  /** Starts the ring thread of a node; heartbeats are answered, exchanges end at once. */
  readonly start: (node: number) => Promise<ThreadStation>;
  readonly until: (what: string, condition: () => boolean) => Promise<void>;
};

type Output<Type extends RingThreadOutput["type"]> = Extract<
  RingThreadOutput,
  { readonly type: Type }
>;

function of<Type extends RingThreadOutput["type"]>(
  { outputs }: ThreadStation,
  type: Type,
): readonly Output<Type>[] {
  return outputs.filter((output): output is Output<Type> => output.type === type);
}

/** The members of the last regular configuration, as text. */
function membersOf(station: ThreadStation): string {
  const regular = of(station, "configuration").filter(
    ({ configuration }) => configuration.kind === "regular",
  );
  return regular.at(-1)?.configuration.members.join(" ") ?? "";
}

function say(station: ThreadStation, text: string): void {
  station.thread.post({ type: "submit", lane: "app", payload: Buffer.from(text), safe: true });
}

function heard(station: ThreadStation): readonly string[] {
  return of(station, "deliver").map(({ payload }) => Buffer.from(payload).toString());
}

type Opener = (t: Test) => Promise<ThreadBench>;

/** Two nodes in one ring. */
async function pair(t: Test, open: Opener) {
  const bench = await open(t);
  const [one, two] = [await bench.start(1), await bench.start(2)];
  await bench.until("both are in one ring", () =>
    [one, two].every((station) => membersOf(station) === "1 2"),
  );
  return { one, two, ...bench };
}

export function ringThreadContract(name: string, open: Opener): void {
  course(name, open);
  ends(name, open);
}

function course(name: string, open: Opener): void {
  test(`${name}: the first output is "started", and rings begin with a regular one`, async (t) => {
    const { one, two } = await pair(t, open);
    for (const station of [one, two]) {
      t.equal(station.outputs.find(({ type }) => type !== "notice")?.type, "started");
      t.equal(of(station, "started").length, 1);
      t.equal(of(station, "configuration")[0]?.configuration.kind, "regular");
    }
    const lives = of(one, "configuration").at(-1)?.incarnations ?? [];
    t.same(
      [...lives].map(([, incarnation]) => incarnation).sort(),
      [one, two].map((station) => of(station, "started")[0]?.incarnation).sort(),
      "a configuration names the lives of the members",
    );
  });

  test(`${name}: messages come to all in one order, the sender included`, async (t) => {
    const { one, two, until } = await pair(t, open);
    for (let index = 0; index < 20; index += 1) {
      say(one, `one ${index}`);
      say(two, `two ${index}`);
    }
    for (const station of [one, two]) {
      await until("all are delivered", () => heard(station).length === 40);
    }
    t.same(heard(one), heard(two));
    const own = heard(one).filter((text) => text.startsWith("one"));
    t.same(
      own,
      own.map((_, index) => `one ${index}`),
      "each sender's in its order",
    );
  });

  test(`${name}: leases come from the ring that is told, and rise`, async (t) => {
    const { one, until } = await pair(t, open);
    const ring = () => of(one, "configuration").at(-1)?.configuration.ring;
    const leases = () => of(one, "lease").filter(({ lease }) => lease.ring.seq === ring()?.seq);
    await until("two leases", () => leases().length >= 2);
    const starts = leases().map(({ lease }) => lease.startMs);
    t.same(
      starts,
      [...starts].sort((a, b) => a - b),
    );
  });
}

function ends(name: string, open: Opener): void {
  test(`${name}: after "leave" comes "stopped", and nothing follows it`, async (t) => {
    const { one, two, until } = await pair(t, open);
    two.thread.post({ type: "leave" });
    await until("it has stopped", () => two.outputs.at(-1)?.type === "stopped");
    two.thread.post({ type: "leave" });
    say(two, "too late");
    await until("the other is alone", () => membersOf(one) === "1");
    t.equal(two.outputs.at(-1)?.type, "stopped");
    t.equal(of(two, "stopped").length, 1);
    t.notOk(heard(one).includes("too late"));
  });

  test(`${name}: a thread that was killed says nothing more`, async (t) => {
    const { one, two, until } = await pair(t, open);
    await two.thread.kill();
    const said = two.outputs.length;
    say(one, "after the end");
    await until("the other is alone", () => membersOf(one) === "1");
    await until("and goes on", () => heard(one).includes("after the end"));
    t.equal(two.outputs.length, said);
    t.notOk(of(two, "stopped").length + of(two, "fatal").length);
  });
}
