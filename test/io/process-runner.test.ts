import { readFile } from "node:fs/promises";
import { type Test, test } from "tap";
import type { ProcessOrder } from "../../src/io/ports.ts";
import { KernelFiles, type KernelLook } from "../../src/io/processes/kernel-files.ts";
import { SystemProcesses } from "../../src/io/processes/process-runner.ts";
import { TrackedProcesses, trackingVariables } from "../../src/io/processes/tracked-processes.ts";
import { parseServiceName, type ServiceName } from "../../src/model/ids.ts";
import { type Ms, ms } from "../../src/model/time.ts";
import { marksOf, virtualRunnerStage } from "../sim/runner-stage.ts";
import { type RunnerStage, runnerContract } from "./process-runner.contract.ts";
import { pumpedMachine } from "./pumped-time.ts";
import { until } from "./waiting.ts";

const processes = new SystemProcesses(null);
const nothing = { found: [], unseen: [] };

function service(name: string): ServiceName {
  const parsed = parseServiceName(name);
  if (parsed === null) throw new Error(`no service name: ${name}`);
  return parsed;
}

type Extra = {
  readonly stdin?: string;
  readonly timeoutMs?: Ms;
  readonly environment?: readonly (readonly [string, string])[];
};

function shell(script: string, extra: Extra = {}): ProcessOrder {
  return {
    argv: ["/bin/sh", "-c", script],
    environment: [["PATH", "/usr/bin:/bin"], ...(extra.environment ?? [])],
    stdin: extra.stdin ?? null,
    timeoutMs: extra.timeoutMs ?? null,
  };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function isRunning(pid: number): Promise<boolean> {
  if (!alive(pid)) return false;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !/\) [ZX]/.test(stat);
}

let stages = 0;

/** As on a machine whose descriptors are used up, when the test says so. */
class BlindableFiles extends KernelFiles {
  blind = false;

  override async names(path: string): Promise<KernelLook<readonly string[]>> {
    if (!this.blind) return await super.names(path);
    return { type: "unknown", cause: "EMFILE: too many open files", denied: false };
  }
}

function realRunnerStage(t: Test): RunnerStage {
  stages += 1;
  const token = `contract-${process.pid}-${stages}`;
  const files = new BlindableFiles();
  const runner = new SystemProcesses(null, { files, forker: null });
  const seeing = new SystemProcesses(null);
  t.teardown(() => seeing.killTracked({ token, service: null }));
  return {
    runner,
    token,
    programs: {
      exits: (code) => shell(`exit ${code}`),
      absent: { ...shell(""), argv: ["/nonexistent/agent"] },
      endless: (owner) => shell("exec sleep 1000", { environment: marksOf(token, owner) }),
      leaves: (owner, forMs) => {
        const sleeper = `exec sleep ${forMs === null ? 1000 : forMs / 1000}`;
        const script = `setsid sh -c '${sleeper}' </dev/null >/dev/null 2>&1 &`;
        return shell(script, { environment: marksOf(token, owner) });
      },
    },
    blind: () => {
      files.blind = true;
    },
    deafen: () => {
      const signal = (): void => undefined;
      const tracked = new TrackedProcesses({ files, cgroups: null, forker: null, signal });
      return {
        run: (order, cancelled) => runner.run(order, cancelled),
        listTracked: (scope, enough) => tracked.list(scope, enough),
        killTracked: (scope) => tracked.kill(scope),
        killPresent: (scope) => tracked.killPresent(scope),
        endTracked: (scope, order) => tracked.end(scope, order),
      };
    },
  };
}

runnerContract("real", realRunnerStage);
runnerContract("virtual", (t) => virtualRunnerStage(pumpedMachine(t)));

const outcomes: readonly (readonly [string, ProcessOrder, object])[] = [
  ["success", shell("echo fine"), { type: "exited", code: 0, output: "fine\n" }],
  ["an exit code", shell("echo bad >&2; exit 7"), { type: "exited", code: 7, output: "bad\n" }],
  ["a signal", shell("echo last; kill -9 $$"), { type: "signalled", signal: "SIGKILL" }],
  ["standard input", shell("cat", { stdin: "action=off\n" }), { output: "action=off\n" }],
  ["no standard input", shell("cat; echo end"), { code: 0, output: "end\n" }],
  ["unread input", shell("exit 3", { stdin: "x".repeat(200_000) }), { type: "exited", code: 3 }],
  ["the root directory", shell("pwd"), { output: "/\n" }],
  [
    "a missing program",
    { ...shell(""), argv: ["/nonexistent/agent"] },
    { type: "not-started", cause: /ENOENT/ },
  ],
  [
    "a program without permission to run",
    { ...shell(""), argv: ["/etc/passwd"] },
    { type: "not-started", cause: /EACCES/ },
  ],
  [
    "an argument that no program can get",
    { ...shell(""), argv: ["/bin/true", "a\0b"] },
    { type: "not-started" },
  ],
];

for (const [title, order, expected] of outcomes) {
  test(`a run reports ${title}`, async (t) => {
    t.match(await processes.run(order), expected);
  });
}

test("the environment is exactly the given one", async (t) => {
  const environment: readonly (readonly [string, string])[] = [
    ["OCF_RESKEY_address", "20.0.20.200"],
    ["EMPTY", ""],
  ];
  // The test runner adds variables of its own to every process that a test starts.
  const foreign = "^(_?TAP|_TAPJS|NODE_OPTIONS|AWK)";
  const print = `BEGIN { for (k in ENVIRON) if (k !~ /${foreign}/) print k "=" ENVIRON[k] }`;
  const order: ProcessOrder = {
    argv: ["/usr/bin/awk", print],
    environment,
    stdin: null,
    timeoutMs: null,
  };
  const result = await processes.run(order);
  t.match(result, { type: "exited", code: 0 });
  if (result.type !== "exited") return;
  const lines = result.output.trim().split("\n").toSorted();
  t.same(lines, ["EMPTY=", "OCF_RESKEY_address=20.0.20.200"]);
});

test("a megabyte of output neither blocks the child nor is kept", async (t) => {
  const script = "head -c 1048576 /dev/zero | tr '\\0' x; echo; echo the end";
  const result = await processes.run(shell(script));
  t.match(result, { type: "exited", code: 0 });
  if (result.type !== "exited") return;
  t.equal(Buffer.byteLength(result.output), 4096);
  t.ok(result.output.endsWith("x\nthe end\n"));
});

test("at the limit the group gets SIGTERM, and obeys", async (t) => {
  const script = "trap 'echo stopping; exit 0' TERM; echo begun; while :; do sleep 0.05; done";
  const result = await processes.run(shell(script, { timeoutMs: ms(150) }));
  t.match(result, { type: "timed-out", gone: true, output: /^begun\n(?:.*\n)?stopping\n$/ });
});

test("who ignores SIGTERM is killed five seconds later, with its group", async (t) => {
  const script = "trap '' TERM; echo $$; sleep 1000 & wait; sleep 1000";
  const result = await processes.run(shell(script, { timeoutMs: ms(100) }));
  t.match(result, { type: "timed-out", gone: true });
  if (result.type !== "timed-out") return;
  const group = -Number(result.output);
  await until("nothing of the group is left", () => !alive(group));
});

test("a background child that keeps the output open does not delay the result", async (t) => {
  const started = performance.now();
  const script = "echo ready; (sleep 30; echo late) & echo $!";
  const result = await processes.run(shell(script));
  t.ok(performance.now() - started < 5000);
  t.match(result, { type: "exited", code: 0, output: /^ready\n\d+\n$/ });
  if (result.type === "exited") process.kill(Number(result.output.split("\n")[1]), "SIGKILL");
});

test("a daemon that writes to the pipe of its agent later lives on", async (t) => {
  const script = "(trap 'exit 9' TERM; while :; do echo babble; sleep 0.01; done) & echo $! ready";
  const result = await processes.run(shell(script));
  t.equal(result.type, "exited");
  if (result.type !== "exited") return;
  const pid = Number.parseInt(/(\d+) ready/.exec(result.output)?.[1] ?? "", 10);
  const cpu = await ticks(pid);
  await until("it has gone on working", async () => (await ticks(pid)) !== cpu || !alive(pid));
  t.equal(await isRunning(pid), true);
  process.kill(pid, "SIGKILL");
});

/** Changes as the process runs. */
async function ticks(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/schedstat`, "utf8").catch(() => "gone");
}

/** A daemon as init scripts make them: two forks, a session of its own, no pipes. */
const daemonise = "setsid sh -c 'sleep 1000 & sleep 1000' </dev/null >/dev/null 2>&1 & exit 0";

async function daemon(t: Test, token: string, name: ServiceName): Promise<void> {
  const environment = trackingVariables(token, name);
  t.match(await processes.run(shell(daemonise, { environment })), { type: "exited", code: 0 });
  t.teardown(() => processes.killTracked({ token, service: null }));
}

test("daemons that left their session are found by service, and killed", async (t) => {
  const token = `test-${process.pid}-a`;
  const [web, other] = [service("web"), service("other")];
  await daemon(t, token, web);
  await daemon(t, token, other);
  await until("all are there", async () => {
    const { found: sleeping } = await processes.listTracked({ token, service: null });
    return sleeping.filter(({ command }) => command === "sleep").length === 4;
  });
  const { found } = await processes.listTracked({ token, service: web });
  t.same(new Set(found.map(({ service: owner }) => owner)), new Set([web]));
  t.same(await processes.listTracked({ token: "another", service: null }), nothing);
  t.same(await processes.killTracked({ token, service: web }), nothing);
  for (const { pid } of found) t.equal(await isRunning(pid), false);
  const { found: left } = await processes.listTracked({ token, service: null });
  t.same(new Set(left.map(({ service: owner }) => owner)), new Set([other]));
});

test("a directory is no program, whether the service has a cgroup or not", async (t) => {
  const environment = trackingVariables("none", service("web"));
  const order = { ...shell("", { environment }), argv: ["/usr", "start"] } as const;
  t.same(await processes.run(order), { type: "not-started", cause: "it is a directory" });
});

test("a child without its environment is found by its parent, and killed with it", async (t) => {
  const token = `test-${process.pid}-c`;
  const environment = trackingVariables(token, service("clean"));
  const program = "setsid sh -c 'env -i /bin/sleep 1000; exit 0' </dev/null >/dev/null 2>&1 &";
  t.match(await processes.run(shell(program, { environment })), { type: "exited" });
  t.teardown(() => processes.killTracked({ token, service: null }));
  const found = async () => (await processes.listTracked({ token, service: null })).found;
  await until("it sleeps", async () => {
    return (await found()).some(({ command }) => command === "sleep");
  });
  const pids = (await found()).map(({ pid }) => pid);
  t.equal(pids.length, 2);
  t.same(await processes.killTracked({ token, service: null }), nothing);
  for (const pid of pids) t.equal(await isRunning(pid), false);
});

test("a process that forks as it is killed is killed in the end", async (t) => {
  const token = `test-${process.pid}-b`;
  const environment = trackingVariables(token, service("fork"));
  const breed = "b() { sleep 0.02; b & }; for i in 1 2 3 4; do b & done";
  const order = shell(`setsid sh -c '${breed}; wait' >/dev/null 2>&1 </dev/null &`, {
    environment,
  });
  t.match(await processes.run(order), { type: "exited" });
  await until("they breed", async () => {
    return (await processes.listTracked({ token, service: null })).found.length >= 4;
  });
  t.same(await processes.killTracked({ token, service: null }), nothing);
});
