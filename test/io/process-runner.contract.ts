/**
 * What the performer, the clean-up and the guard rely on of a `ProcessRunner`: how a run ends,
 * whose processes are found, and that nothing is called gone that was not seen to be.
 */
import { type Test, test } from "tap";
import type { ProcessOrder, ProcessResult, ProcessRunner } from "../../src/io/ports.ts";
import { parseServiceName, type ServiceName } from "../../src/model/ids.ts";
import { ms } from "../../src/model/time.ts";
import { until } from "./waiting.ts";

export type Owner = {
  readonly service: ServiceName;
  readonly resource: string;
  readonly instance: string;
};

/** Programs, as the implementation has them; `owner` goes into their environment as marks. */
export type RunnerPrograms = {
  readonly exits: (code: number) => ProcessOrder;
  readonly absent: ProcessOrder;
  /** Runs until it is ended; SIGTERM is enough. */
  readonly endless: (owner: Owner) => ProcessOrder;
  /** Exits at once, and leaves a process that runs for that long; null: until it is ended. */
  readonly leaves: (owner: Owner, forMs: number | null) => ProcessOrder;
};

export type RunnerStage = {
  readonly runner: ProcessRunner;
  readonly token: string;
  readonly programs: RunnerPrograms;
  /** Nothing can be looked at from now on. */
  readonly blind: () => void;
  /** From now on no signal ends anything; what runs now is ended when the test is over. */
  readonly deafen: () => ProcessRunner;
};

export const nothingFound = { found: [], unseen: [] };
const order = { settleMs: ms(50), graceMs: ms(2000), forceMs: ms(2000) };
const spareNone = { ...order, spared: { units: [], instances: [] } };

export function ownerOf(name: string, resource: string): Owner {
  const service = parseServiceName(name);
  if (service === null) throw new Error(`no service name: ${name}`);
  return { service, resource: `script:${resource}`, instance: resource };
}

const web = ownerOf("web", "a");

/** The number of processes that are found becomes that one. */
async function untilFound({ runner, token }: RunnerStage, count: number): Promise<void> {
  await until(`${count} processes are found`, async () => {
    const { found, unseen } = await runner.listTracked({ token, service: null });
    return unseen.length === 0 && found.length === count;
  });
}

/** The marks of the processes that are there, in the order of the alphabet. */
async function shown({ runner, token }: RunnerStage, scope: object = {}) {
  const { found } = await runner.listTracked({ token, service: null, ...scope });
  return found.map(({ service, instance }) => `${service} ${instance}`).toSorted();
}

export function runnerContract(name: string, make: (t: Test) => RunnerStage): void {
  runContract(name, make);
  lookContract(name, make);
  presentContract(name, make);
  sparingContract(name, make);
  endContract(name, make);
}

function runContract(name: string, make: (t: Test) => RunnerStage): void {
  test(`${name}: a run reports its exit code, later`, async (t) => {
    const { runner, programs } = make(t);
    const results: ProcessResult[] = [];
    for (const code of [0, 7]) {
      runner.run(programs.exits(code)).then((result) => results.push(result));
    }
    t.same(results, [], "not within the call");
    await until("both have ended", () => results.length === 2);
    const codes = results.map((result) => (result.type === "exited" ? result.code : null));
    t.same(codes.toSorted(), [0, 7]);
  });

  test(`${name}: a missing program is not started, and says ENOENT`, async (t) => {
    const { runner, programs } = make(t);
    const missing = await runner.run(programs.absent);
    t.match(missing, { type: "not-started", cause: /ENOENT/ });
  });

  test(`${name}: at its limit a run has ended with all its processes`, async (t) => {
    const stage = make(t);
    const endless = { ...stage.programs.endless(web), timeoutMs: ms(100) };
    t.match(await stage.runner.run(endless), { type: "timed-out", gone: true });
    await untilFound(stage, 0);
  });

  test(`${name}: a run that is cancelled is killed with all its processes`, async (t) => {
    const stage = make(t);
    const cancel = new AbortController();
    const run = stage.runner.run(stage.programs.endless(web), cancel.signal);
    await untilFound(stage, 1);
    cancel.abort();
    t.match(await run, { type: "signalled", signal: "SIGKILL" });
    await untilFound(stage, 0);
  });

  test(`${name}: a run that was cancelled before is not begun`, async (t) => {
    const stage = make(t);
    const leaves = stage.programs.leaves(web, null);
    t.match(await stage.runner.run(leaves, AbortSignal.abort()), { type: "not-started" });
    t.same(await shown(stage), []);
  });

  test(`${name}: a cancellation after the end does nothing`, async (t) => {
    const stage = make(t);
    const cancel = new AbortController();
    const left = await stage.runner.run(stage.programs.leaves(web, null), cancel.signal);
    t.match(left, { type: "exited", code: 0 });
    cancel.abort();
    await untilFound(stage, 1);
  });
}

function lookContract(name: string, make: (t: Test) => RunnerStage): void {
  test(`${name}: processes are found by token, service and resource`, async (t) => {
    const stage = make(t);
    const owners = [web, ownerOf("web", "b"), ownerOf("mail", "c")];
    for (const owner of owners) await stage.runner.run(stage.programs.leaves(owner, null));
    await untilFound(stage, 3);
    t.same(await shown(stage), ["service:mail c", "service:web a", "service:web b"]);
    t.same(await shown(stage, { service: web.service }), ["service:web a", "service:web b"]);
    t.same(await shown(stage, { service: web.service, resource: "script:b" }), ["service:web b"]);
    t.same(await shown(stage, { token: "another" }), []);
    const any = await stage.runner.listTracked({ token: stage.token, service: null }, "any");
    t.ok(any.found.length > 0, "some are enough");
  });

  test(`${name}: a program under way is found until it has ended`, async (t) => {
    const stage = make(t);
    const run = stage.runner.run(stage.programs.endless(web));
    await untilFound(stage, 1);
    t.same(await shown(stage), ["service:web a"]);
    t.same(await stage.runner.killTracked({ token: stage.token, service: null }), nothingFound);
    t.match(await run, { type: "signalled", signal: "SIGKILL" });
    t.same(await shown(stage), []);
  });

  test(`${name}: what cannot be looked at is unseen, never gone`, async (t) => {
    const stage = make(t);
    await stage.runner.run(stage.programs.leaves(web, null));
    await untilFound(stage, 1);
    stage.blind();
    const scope = { token: stage.token, service: web.service };
    t.ok((await stage.runner.listTracked(scope)).unseen.length > 0, "a look");
    t.ok((await stage.runner.killTracked(scope)).unseen.length > 0, "a kill");
    t.ok((await stage.runner.killPresent(scope)).unseen.length > 0, "of what is there now");
    t.ok((await stage.runner.endTracked(scope, spareNone)).unseen.length > 0, "an end");
  });
}

function presentContract(name: string, make: (t: Test) => RunnerStage): void {
  test(`${name}: a kill of what is there now spares what begins because of it`, async (t) => {
    const stage = make(t);
    const owners = [web, ownerOf("web", "b")];
    const [first, other] = owners.map((owner) => stage.programs.leaves(owner, null));
    if (first === undefined || other === undefined) throw new Error("no programs");
    await stage.runner.run(first);
    await untilFound(stage, 1);
    const { token, runner } = stage;
    const next = untilFound(stage, 0).then(() => runner.run(other));
    t.match(await runner.killPresent({ token, service: web.service }), {
      ended: [{ service: web.service }],
      left: [],
      unseen: [],
    });
    t.match(await next, { type: "exited" });
    t.same(await shown(stage), ["service:web b"]);
  });
}

function sparingContract(name: string, make: (t: Test) => RunnerStage): void {
  test(`${name}: RUNNER3: a kill of what is there now spares what is being run`, async (t) => {
    const stage = make(t);
    await stage.runner.run(stage.programs.leaves(web, null));
    const under = stage.runner.run(stage.programs.endless(web));
    await untilFound(stage, 2);
    const { token, runner } = stage;
    const killed = await runner.killPresent({ token, service: web.service });
    t.match(killed, { left: [], unseen: [] });
    t.equal(killed.ended.length, 1);
    t.same(await shown(stage), ["service:web a"]);
    t.same(await runner.killTracked({ token, service: web.service }), nothingFound);
    t.match(await under, { type: "signalled" });
  });
}

function endContract(name: string, make: (t: Test) => RunnerStage): void {
  test(`${name}: a kill ends what its scope names, and nothing else`, async (t) => {
    const stage = make(t);
    const owners = [web, ownerOf("web", "b"), ownerOf("mail", "c")];
    for (const owner of owners) await stage.runner.run(stage.programs.leaves(owner, null));
    await untilFound(stage, 3);
    const { token, runner } = stage;
    const { service } = web;
    t.same(await runner.killTracked({ token: "another", service: null }), nothingFound);
    t.same(await runner.killTracked({ token, service, resource: "script:b" }), nothingFound);
    t.same(await shown(stage), ["service:mail c", "service:web a"]);
    t.same(await runner.killTracked({ token, service }), nothingFound);
    t.same(await shown(stage), ["service:mail c"]);
    t.same(await runner.killTracked({ token, service: null }), nothingFound);
    t.same(await shown(stage), []);
  });

  test(`${name}: what survives a kill, or an end, is told`, async (t) => {
    const stage = make(t);
    await stage.runner.run(stage.programs.leaves(web, null));
    await untilFound(stage, 1);
    const deaf = stage.deafen();
    const scope = { token: stage.token, service: web.service };
    t.match(await deaf.killTracked(scope), { found: [web].map(({ service }) => ({ service })) });
    t.match(await deaf.killPresent(scope), { ended: [], left: [{ service: web.service }] });
    const end = { ...spareNone, graceMs: ms(100), forceMs: ms(100) };
    t.match(await deaf.endTracked(scope, end), { ended: [], left: [{ service: web.service }] });
  });

  test(`${name}: an end tells what it has ended, and spares what may stay`, async (t) => {
    const stage = make(t);
    for (const owner of [web, ownerOf("web", "b")]) {
      await stage.runner.run(stage.programs.leaves(owner, null));
    }
    await untilFound(stage, 2);
    const scope = { token: stage.token, service: web.service };
    const spared = { units: [], instances: ["b"] };
    const end = await stage.runner.endTracked(scope, { ...order, spared });
    t.same(
      end.ended.map(({ instance }) => instance),
      ["a"],
    );
    t.match(end, { left: [], unseen: [] });
    t.same(await shown(stage), ["service:web b"]);
    t.same(await stage.runner.endTracked(scope, { ...order, spared }), {
      ...{ ended: [], left: [], unseen: [] },
    });
  });

  test(`${name}: what ends by itself in time was no leftover`, async (t) => {
    const stage = make(t);
    await stage.runner.run(stage.programs.leaves(web, 300));
    await untilFound(stage, 1);
    const scope = { token: stage.token, service: web.service };
    const patient = { ...spareNone, settleMs: ms(50_000) };
    t.same(await stage.runner.endTracked(scope, patient), { ended: [], left: [], unseen: [] });
    t.same(await shown(stage), []);
  });
}
