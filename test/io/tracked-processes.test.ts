/** Who is found and killed, on a /proc that a test makes up: what no real one does on demand. */
import { test } from "tap";
import { isForeign, type Privileges } from "../../src/io/processes/foreign-processes.ts";
import { KernelFiles, type KernelLook } from "../../src/io/processes/kernel-files.ts";
import { traitsIn } from "../../src/io/processes/process-traits.ts";
import { TrackedProcesses } from "../../src/io/processes/tracked-processes.ts";
import { parseServiceName, type ServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";

type FakeProcess = {
  readonly environ: string | KernelLook<string>;
  parent?: number;
  readonly flags?: number;
  readonly state?: string;
  readonly threads?: number;
  /** Where its environment begins; 0 while its program is being loaded. */
  environmentAt?: number;
  /** Nobody can read what the kernel says of it. */
  readonly dark?: boolean;
  /** What becomes of it when it gets a signal; without: it ends. */
  readonly signalled?: (signal: string) => void;
};

const token = "t1";
const mark = (...more: readonly string[]) =>
  ["CLUSTERD_TRACK=t1", "CLUSTERD_SERVICE=service:web", ...more, ""].join("\0");
const tooMany = { type: "unknown", cause: "EMFILE: too many open files", denied: false } as const;
const denied = { type: "unknown", cause: "EACCES: permission denied", denied: true } as const;
const privileges =
  "CapEff:\t000001fffeffffff\nCapPrm:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\n";

const web = service("web");
const scope = { token, service: web };

function service(name: string): ServiceName {
  const parsed = parseServiceName(name);
  if (parsed === null) throw new Error(name);
  return parsed;
}

class FakeProc extends KernelFiles {
  readonly processes = new Map<number, FakeProcess>();
  readonly signals: string[] = [];
  /** Looks that fail before one works. */
  listFailures = 0;
  /** Is told of each file that is read. */
  onText: (path: string) => void = () => undefined;

  override async names(path: string): Promise<KernelLook<readonly string[]>> {
    if (path !== "/proc") return { type: "absent" };
    if (this.listFailures > 0) {
      this.listFailures -= 1;
      return tooMany;
    }
    return { type: "seen", value: ["self", ...[...this.processes.keys()].map(String)] };
  }

  override async text(path: string): Promise<KernelLook<string>> {
    const [, , pid = "", file = ""] = path.split("/");
    this.onText(path);
    if (pid === "self") {
      return { type: "seen", value: file === "status" ? privileges : "0 0 4294967295" };
    }
    const one = this.processes.get(Number(pid));
    if (one === undefined) return { type: "absent" };
    if (file === "environ") {
      return typeof one.environ === "string" ? { type: "seen", value: one.environ } : one.environ;
    }
    if (file === "stat" && one.dark === true) return tooMany;
    if (file === "stat") return { type: "seen", value: statLine(Number(pid), one) };
    return { type: "seen", value: file === "comm" ? `p${pid}\n` : "" };
  }

  readonly signal = (pid: number, signal: string): void => {
    this.signals.push(`${signal} ${pid}`);
    const one = this.processes.get(pid);
    if (one?.signalled !== undefined) one.signalled(signal);
    else this.processes.delete(pid);
  };

  tracked(forker: string | null = null): TrackedProcesses {
    return new TrackedProcesses({ files: this, cgroups: null, forker, signal: this.signal });
  }
}

function statLine(pid: number, one: FakeProcess): string {
  const { state = "S", parent = 1, flags = 0, threads = 1, environmentAt = 4096 } = one;
  const before = [state, parent, pid, pid, 0, -1, flags, ...Array<number>(10).fill(0)];
  const environmentEnd = environmentAt === 0 ? 0 : environmentAt + one.environ.toString().length;
  const after = [...Array<number>(27).fill(0), environmentAt, environmentEnd];
  return `${pid} (p) ${[...before, threads, 0, 100 + pid, ...after].join(" ")} 0\n`;
}

function proc(processes: Readonly<Record<number, FakeProcess>>): FakeProc {
  const made = new FakeProc();
  for (const [pid, one] of Object.entries(processes)) made.processes.set(Number(pid), one);
  return made;
}

test("a process that has ended is no reason to doubt; any other failure is", async (t) => {
  const gone = proc({ 7: { environ: { type: "absent" } }, 8: { environ: mark() } });
  t.match(await gone.tracked().list(scope), { found: [{ pid: 8 }], unseen: [] });
  const exhausted = proc({ 7: { environ: tooMany }, 8: { environ: mark() } });
  t.match(await exhausted.tracked().list(scope), {
    found: [{ pid: 8 }],
    unseen: ["/proc/7/environ: EMFILE: too many open files"],
  });
  const blind = proc({ 8: { environ: mark() } });
  blind.listFailures = 1;
  t.same(await blind.tracked().list(scope), {
    found: [],
    unseen: ["/proc: EMFILE: too many open files"],
  });
});

test("TRACKED3: while a program is being loaded nobody knows whose process it is", async (t) => {
  const loading: FakeProcess = { environ: "", environmentAt: 0 };
  const files = proc({ 7: loading, 8: { environ: "" }, 9: { environ: "", flags: 0x200000 } });
  t.same(await files.tracked().list(scope), {
    found: [],
    unseen: ["/proc/7/environ: it is loading its program"],
  });
  let looks = 0;
  files.onText = (path) => {
    looks += path === "/proc/7/environ" ? 1 : 0;
    if (looks === 2) files.processes.set(7, { environ: mark() });
  };
  t.match(await files.tracked().list(scope), { found: [{ pid: 7 }], unseen: [] });
  t.equal(looks, 2, "once more");
});

test("a kill goes on until it could look", async (t) => {
  const files = proc({ 8: { environ: mark() } });
  files.listFailures = 3;
  t.same(await files.tracked().kill(scope), { found: [], unseen: [] });
  t.same(files.signals, ["SIGKILL 8"]);
  const never = proc({});
  never.listFailures = 1000;
  t.match(await never.tracked().kill(scope), { found: [], unseen: [/EMFILE/] });
});

test("TRACKED2: a child of which nothing tells whose it is stays until it has ended", async (t) => {
  const files = proc({ 8: { environ: mark() } });
  let kills = 0;
  files.processes.set(9, {
    environ: "PATH=/bin\0",
    parent: 8,
    signalled: () => {
      kills += 1;
      const orphan = files.processes.get(9);
      if (orphan !== undefined) orphan.parent = 1;
      if (kills === 5) files.processes.delete(9);
    },
  });
  t.same(await files.tracked().kill(scope), { found: [], unseen: [] });
  t.equal(kills, 5, "again and again, though its parent has gone at once");
  const forEver = proc({ 8: { environ: mark() } });
  forEver.processes.set(9, {
    environ: "PATH=/bin\0",
    parent: 8,
    signalled: () => {
      const orphan = forEver.processes.get(9);
      if (orphan !== undefined) orphan.parent = 1;
    },
  });
  t.match(await forEver.tracked().kill(scope), { found: [{ pid: 9 }], unseen: [] });
});

test("TRACKED2: what was found and cannot be looked at afterwards is left", async (t) => {
  const files = proc({ 8: { environ: mark(), dark: true, signalled: () => undefined } });
  t.match(await files.tracked().kill(scope), { found: [{ pid: 8 }] });
});

test("a copy of clusterd that does not run its program yet is not nothing", async (t) => {
  const own = "PATH=/bin\0NOTIFY_SOCKET=/run/x\0";
  const forked = proc({ 7: { environ: own, flags: 0x40 }, 8: { environ: own } });
  const look = await forked.tracked(own).list({ token, service: null });
  t.match(look, { found: [], unseen: [/process 7 was forked by clusterd/] });
  t.same(await forked.tracked(null).list(scope), { found: [], unseen: [] });
});

test("the first thread may have ended, and the process lives on", async (t) => {
  const line = (one: Partial<FakeProcess>) => statLine(7, { environ: "", ...one });
  t.equal(traitsIn(line({ state: "Z" })).type, "absent");
  t.equal(traitsIn(line({ state: "Z", threads: 2 })).type, "seen");
  t.equal(traitsIn(line({ state: "X" })).type, "absent");
  t.match(traitsIn(line({ parent: 3 })), { value: { parent: 3, started: "107" } });
});

test("what a stop has left gets SIGTERM, then SIGKILL; what has an owner is spared", async (t) => {
  const order = {
    settleMs: ms(60),
    graceMs: ms(60),
    forceMs: ms(200),
    spared: { units: [], instances: ["Filesystem:data"] },
  };
  const deaf = { signalled: () => undefined, environ: mark() };
  const files = proc({
    7: { environ: mark() },
    8: {
      environ: mark(),
      signalled: (signal) => signal === "SIGKILL" && files.processes.delete(8),
    },
    9: { environ: mark("OCF_RESOURCE_INSTANCE=Filesystem:data") },
  });
  const result = await files.tracked().end(scope, order);
  t.match(result, { ended: [{ pid: 7 }, { pid: 8 }], left: [], unseen: [] });
  t.same(files.signals, ["SIGTERM 7", "SIGTERM 8", "SIGKILL 8"]);
  t.ok(files.processes.has(9));
  const stuck = await proc({ 7: deaf }).tracked().end(scope, order);
  t.match(stuck, { ended: [], left: [{ pid: 7 }] });
  const slow = proc({ 7: deaf });
  setTimeout(() => slow.processes.delete(7), 10);
  t.same(await slow.tracked().end(scope, order), { ended: [], left: [], unseen: [] });
  t.same(slow.signals, [], "it needed a moment");
});

test("whose environment may not be read, and cannot be ours all the same", async (t) => {
  const own: Privileges = { mayRead: true, bounding: 0xfn, users: "0 0 4294967295", user: 0 };
  const plain = { forkedOnly: false, kernelThread: false, bare: false };
  const traits = { parent: 1, session: 1, started: "1", ...plain };
  const files = new KernelFiles();
  const foreign = (how: Partial<Privileges>, elsewhere: boolean, kernelThread = false) =>
    isForeign(
      files,
      { ...own, bounding: 0n, ...how },
      {
        pid: process.pid,
        traits: { ...traits, kernelThread },
        elsewhere,
      },
    );
  t.equal(await foreign({}, true), false, "nobody knows why");
  t.equal(await foreign({}, false, true), true, "a thread of the kernel");
  t.equal(await foreign({ users: "0 1000 1" }, false), true, "of the namespace above");
  t.equal(await foreign({ mayRead: false }, true), true, "the cgroups have told");
  t.equal(await foreign({ mayRead: false }, false), false, "of another user perhaps");
  const user = process.geteuid?.() ?? 0;
  t.equal(await foreign({ mayRead: false, user: user + 1 }, false), true, "of another user");
  const more = proc({ 7: { environ: denied } });
  t.match(await more.tracked().list(scope), { found: [], unseen: [/EACCES/] });
});
