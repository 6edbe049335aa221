import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import type { ProcessOrder } from "../../src/io/ports.ts";
import { SystemProcesses } from "../../src/io/processes/process-runner.ts";
import {
  cgroupsAbove,
  makeServiceCgroups,
  ServiceCgroups,
} from "../../src/io/processes/service-cgroups.ts";
import { trackingVariables } from "../../src/io/processes/tracked-processes.ts";
import { parseServiceName, type ServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { createCgroupTree, removeCgroupTree } from "../netns/node-cgroups.ts";
import { turns, until } from "./waiting.ts";

const probe = createCgroupTree();
const skip = probe === null ? "no cgroup v2 that this user may write" : false;
if (probe !== null) removeCgroupTree(probe);

const web = service("web");
const token = `cgroup-test-${process.pid}`;

function service(name: string): ServiceName {
  const parsed = parseServiceName(name);
  if (parsed === null) throw new Error(name);
  return parsed;
}

type Scene = { readonly cgroups: ServiceCgroups; readonly processes: SystemProcesses };

async function scene(t: Test): Promise<Scene> {
  const tree = createCgroupTree();
  if (tree === null) throw new Error("the tree is gone");
  const cgroups = new ServiceCgroups(join(tree, "services"));
  await cgroups.make(web);
  t.teardown(async () => {
    await cgroups.kill(null);
    await until("it is empty", async () => (await cgroups.processes(null)).found.length === 0);
    removeCgroupTree(tree);
  });
  return { cgroups, processes: new SystemProcesses(cgroups) };
}

const nothing = { found: [], unseen: [] };

/** An init script with this text, called with an action, `start of script:one` of a resource. */
function agent(t: Test, call: string, script: string): ProcessOrder {
  const [action = "", resource] = call.split(" of ");
  const directory = mkdtempSync(join(tmpdir(), "agent-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "agent");
  writeProgram(file, script);
  const marks = trackingVariables(token, web);
  const own: ProcessOrder["environment"] =
    resource === undefined ? [] : [["CLUSTERD_RESOURCE", resource]];
  const environment = [["PATH", "/usr/bin:/bin"] as const, ...marks, ...own];
  const looks = action === "status" ? { looks: true as const } : {};
  return { argv: [file, action], environment, stdin: null, timeoutMs: null, ...looks };
}

function writeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

/** A daemon that has thrown away session, parent and environment. */
const hidden = "env -i setsid sleep 1000 </dev/null >/dev/null 2>&1 &";

test("where the own cgroup may be, from what the kernel says", async (t) => {
  const mount = (root: string, point: string) =>
    `24 1 0:21 / /sys rw - sysfs sysfs rw\n25 24 0:22 ${root} ${point} rw,x - cgroup2 cgroup2 rw\n`;
  const whole = mount("/", "/sys/fs/cgroup");
  const own = "9:name=systemd:/a\n0::/system.slice/clusterd.service\n";
  t.same(cgroupsAbove(whole, "0::/\n"), ["/sys/fs/cgroup/"]);
  t.same(cgroupsAbove(whole, own), ["/sys/fs/cgroup/system.slice/clusterd.service"]);
  t.same(cgroupsAbove(mount("/", "/sys/fs/cgroup/unified"), "0::/a\n"), [
    "/sys/fs/cgroup/unified/a",
  ]);
  t.same(cgroupsAbove(mount("/part", "/mnt"), "0::/part/b\n"), ["/mnt/b"]);
  t.same(cgroupsAbove(mount("/part", "/mnt"), "0::/\n"), ["/mnt"], "only a part is to be seen");
  const twice = mount("/", "/sys/fs/cgroup/unified") + mount("/part", "/sys/fs/cgroup");
  t.same(cgroupsAbove(twice, "0::/\n"), ["/sys/fs/cgroup", "/sys/fs/cgroup/unified/"]);
  t.same(cgroupsAbove("", "0::/\n"), []);
  t.same(cgroupsAbove(whole, "1:cpu:/\n"), []);
});

test("a process without its mark is found and killed by its cgroup", { skip }, async (t) => {
  const { processes } = await scene(t);
  const result = await processes.run(agent(t, "start", `${hidden} echo started`));
  t.match(result, { type: "exited", code: 0, output: "started\n" });
  await until("it is what it will be", async () => {
    const [only, ...others] = (await processes.listTracked({ token, service: web })).found;
    return only?.command === "sleep" && others.length === 0;
  });
  t.same(await processes.killTracked({ token, service: service("other") }), nothing);
  t.equal((await processes.listTracked({ token, service: null })).found.length, 1);
  t.same(await processes.killTracked({ token, service: null }), nothing);
  t.same(await processes.listTracked({ token, service: null }), nothing);
});

test("the end of the last process is told, once; a status check is not", { skip }, async (t) => {
  const { cgroups, processes } = await scene(t);
  let ends = 0;
  const stop = cgroups.watch(() => {
    ends += 1;
  });
  t.teardown(stop);
  await processes.run(agent(t, "start", `${hidden}\n${hidden}`));
  await processes.run(agent(t, "status", "sleep 0.05"));
  const [first, second] = (await processes.listTracked({ token, service: web })).found;
  if (first === undefined || second === undefined) throw new Error("two were started");
  process.kill(first.pid, "SIGKILL");
  await until("one is left", async () => (await cgroups.processes(web)).found.length === 1);
  await turns(20);
  t.equal(ends, 0);
  const killedMs = performance.now();
  process.kill(second.pid, "SIGKILL");
  await until("it is told", () => ends > 0);
  t.comment(`told after ${(performance.now() - killedMs).toFixed(1)} ms`);
  await processes.run(agent(t, "status", "true"));
  await turns(20);
  t.equal(ends, 1);
});

test("CGROUP3: the end of one of two resources is told by its name", { skip }, async (t) => {
  const { cgroups, processes } = await scene(t);
  const ended: string[] = [];
  t.teardown(cgroups.watch((name, resource) => ended.push(`${resource} of ${name}`)));
  await processes.run(agent(t, "start of script:one", hidden));
  await processes.run(agent(t, "start of script:/etc/init.d/two", hidden));
  const [second] = (await cgroups.processes(web, "script:/etc/init.d/two")).found;
  if (second === undefined) throw new Error("two was started");
  process.kill(second.pid, "SIGKILL");
  await until("it is told", () => ended.length > 0);
  t.same(ended, ["script:/etc/init.d/two of service:web"]);
  t.equal((await processes.listTracked({ token, service: web })).found.length, 1, "one goes on");
});

test("the processes of one resource are killed alone", { skip }, async (t) => {
  const { cgroups, processes } = await scene(t);
  await processes.run(agent(t, "start of script:one", hidden));
  await processes.run(agent(t, "start of script:two", hidden));
  const scope = { token, service: web, resource: "script:one" };
  t.same(await processes.killTracked(scope), nothing);
  t.same(await cgroups.processes(web, "script:one"), nothing);
  t.equal((await cgroups.processes(web, "script:two")).found.length, 1);
});

test("a resource whose cgroup cannot be made is watched with its service", { skip }, async (t) => {
  const { cgroups, processes } = await scene(t);
  const ended: string[] = [];
  t.teardown(cgroups.watch((name, resource) => ended.push(`${resource} of ${name}`)));
  await processes.run(agent(t, `start of script:${"x".repeat(5000)}`, hidden));
  t.same(await processes.killTracked({ token, service: web }), nothing);
  await until("it is told", () => ended.length > 0);
  t.same(ended, ["null of service:web"]);
});

test("what a check has left is killed when it is late, and nothing else", { skip }, async (t) => {
  const { processes } = await scene(t);
  await processes.run(agent(t, "start", hidden));
  const late = { ...agent(t, "status", `${hidden}\nsleep 1000`), timeoutMs: ms(300) };
  t.match(await processes.run(late), { type: "timed-out", gone: true });
  await until("one is left", async () => {
    return (await processes.listTracked({ token, service: web })).found.length === 1;
  });
});

test("what cannot be run fails as it would without cgroups", { skip }, async (t) => {
  const { processes } = await scene(t);
  const order = agent(t, "start", "true");
  const missing = { ...order, argv: ["/nonexistent/agent", "start"] as const };
  t.match(await processes.run(missing), { type: "not-started", cause: /ENOENT/ });
});

test("a cgroup that is gone costs the agent nothing", { skip }, async (t) => {
  const { cgroups, processes } = await scene(t);
  await cgroups.remove();
  const result = await processes.run(agent(t, "start", "echo started"));
  t.match(result, { type: "exited", code: 0, output: /started/ });
  await cgroups.make(web);
});

test("where no cgroup can be made, that is an error and no wait", async (t) => {
  const { pid } = process;
  await t.rejects(new ServiceCgroups(`/proc/${pid}/clusterd-test`).make(web), { code: /^E/ });
});

test("cgroups are made below the own one, or the reason is told", async (t) => {
  const made = await makeServiceCgroups(token, [web]);
  if (!made.ok) {
    t.match(made.problem, /./);
    return;
  }
  const child = spawn("sleep", ["1000"]);
  t.same(await made.value.processes(web), nothing);
  child.kill("SIGKILL");
  await made.value.remove();
});
