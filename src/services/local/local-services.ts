/**
 * The services on this node: performs the operations that the table orders from this node, checks
 * started services, and verifies that nothing is left when everything must stop.
 * Does not decide what runs where. Other code turns results into ordered messages.
 * Source: rgmanager rg_thread.c; main.c: event_loop; groups.c: q_status_checks.
 * L1  An operation is begun at most once, and answered at most once.
 * L3  A check that is cancelled has no result, neither good nor bad.
 * L4  A configuration that arrives during a clean-up waits for its end; another clean-up follows.
 * L5  A service that is new in a configuration is stopped once before anything else is done with
 *     it: until then there must be no operation on it.
 */
import type { AgentReport, AgentVerdict } from "../../model/agent-orders.ts";
import type { ClusterConf } from "../../model/conf.ts";
import type { NodeName, ServiceName } from "../../model/ids.ts";
import { assertNever, invariant } from "../../model/outcome.ts";
import type { Operation } from "../table/service-state.ts";
import type { CheckCause } from "./check-queue.ts";
import { CheckSchedule } from "./check-schedule.ts";
import { CleanUp, type CleanUpKind } from "./clean-up.ts";
import type { LocalInput, LocalOutput, OperationOutcome } from "./local-events.ts";
import { type BegunJob, type JobStep, LocalJobs } from "./local-jobs.ts";
import { callForOperation, failOperation } from "./operation-calls.ts";
import { type Job, type ServiceSlot, ServiceSlots } from "./service-slots.ts";

export class LocalServices {
  #conf: ClusterConf;
  readonly #slots: ServiceSlots;
  #next: ClusterConf | null = null;
  /** The configuration that comes into force when the clean-up has ended (L4). */
  #deferred: ClusterConf | null = null;
  readonly #checks: CheckSchedule;
  readonly #jobs: LocalJobs;
  readonly #cleanUp = new CleanUp();
  #nowMs = 0;
  #out: LocalOutput[] = [];

  constructor(
    conf: ClusterConf,
    identity: { readonly nodeName: NodeName; readonly trackingToken: string },
  ) {
    this.#conf = conf;
    this.#slots = new ServiceSlots(identity);
    this.#checks = new CheckSchedule(this.#slots);
    this.#jobs = new LocalJobs(this.#slots);
    for (const service of conf.services.services) this.#slots.add(service);
  }

  /** Everything that had to be stopped is verified to be gone. */
  get clean(): boolean {
    return this.#cleanUp.clean;
  }

  /** Whether anything may be here of a service that floats (`ServiceConf.boundTo` is null). */
  get mayFloat(): boolean {
    return this.#cleanUp.dirty || this.#deferred !== null || this.#slots.floats;
  }

  /** The services that go on without quorum. */
  get kept(): readonly ServiceName[] {
    return [...this.#slots.named()].filter(([, { kept }]) => kept).map(([name]) => name);
  }

  /** Whether anything may be running here; false only when it is verified that nothing is. */
  get mayRun(): boolean {
    return !this.#cleanUp.clean || this.#slots.busy || this.#slots.anyMayRun;
  }

  /** During a clean-up: the services of which it is verified that nothing is left. */
  get cleanedUp(): readonly ServiceName[] {
    const gone = [...this.#slots.named()].filter(([, slot]) => this.#cleanUp.hasEnded(slot));
    return gone.map(([name]) => name);
  }

  /** Whether this new service is being stopped for the first time (L5). */
  initialises(name: ServiceName): boolean {
    return this.#cleanUp.clean && this.#slots.get(name)?.job?.kind === "clean";
  }

  /** The agents that take too long now, and the counters. */
  get agents() {
    return this.#jobs.report(this.#nowMs);
  }

  /** Whether a clean-up needs the input `continue`. */
  get hurried(): boolean {
    return this.#cleanUp.hurried;
  }

  /** `nowMs` is the monotonic clock. */
  step(input: LocalInput, nowMs: number): readonly LocalOutput[] {
    this.#out = [];
    this.#nowMs = nowMs;
    switch (input.type) {
      case "run":
        this.#onRun(input);
        break;
      case "abort":
        this.#out.push(...this.#jobs.abort(input));
        break;
      case "report":
        this.#onReport(input.action, input.report);
        break;
      case "poll":
        this.#onPoll(input.frozen);
        break;
      case "check-now":
        this.#checkNow(input);
        break;
      case "prepare":
        this.#next = input.conf;
        break;
      case "reconfigure":
        this.#onReconfigure(input.conf, input.clean);
        break;
      case "new-life":
        for (const slot of this.#slots.all()) slot.lastOp = 0;
        this.#jobs.forgetAborts();
        break;
      case "clean-up":
      case "stand-down":
      case "kill":
        this.#cleanAll(input.type, input.type === "clean-up" && input.nothingLeft === true);
        break;
      case "adopt":
        this.#adoptKept(input.service, input.startOp);
        break;
      case "continue":
        this.#cleanMore("clean-up");
        break;
      default:
        assertNever(input);
    }
    this.#checkNext();
    return this.#out;
  }

  #onRun({
    service: name,
    operation: op,
    off,
    unproven,
  }: Extract<LocalInput, { type: "run" }>): void {
    const slot = this.#slots.get(name);
    if (slot === undefined || op.id <= slot.lastOp) return; // L1
    slot.lastOp = op.id;
    if (!this.#cleanUp.clean) return;
    // A check can be cancelled without waiting for its end, since it changes nothing.
    if (slot.job !== null && slot.job.kind !== "status") {
      this.#out.push(...failOperation(name, op, slot.job.kind));
      return;
    }
    this.#cancel(slot);
    if (op.kind !== "repair") {
      slot.worker.endChecks();
      slot.startOp = null;
    }
    slot.recheck = null;
    slot.checkFailed = false;
    slot.kept = false;
    this.#slots.setMayRun(slot, true);
    slot.worker.decidedBy = { nodesOff: off, unproven };
    const next = this.#next?.services.services.find((one) => one.name === name) ?? null;
    const call = callForOperation(slot.worker, op, { nowMs: this.#nowMs, next });
    this.#begin(slot, { kind: op.kind, call, op, check: null });
  }

  #begin(slot: ServiceSlot, begun: BegunJob): void {
    this.#follow(slot, this.#jobs.begin(slot, begun, this.#nowMs));
  }

  #follow(slot: ServiceSlot, step: JobStep): void {
    if (step.type === "goes-on") {
      this.#out.push(...step.outputs);
      return;
    }
    this.#finish(slot, step.job, step.verdict);
    this.#takeNext(slot);
  }

  #onReport(action: number, report: AgentReport): void {
    const slot = this.#slots.ofAction(action);
    if (slot?.job == null) return;
    this.#follow(slot, this.#jobs.resume(slot, slot.job, { report, nowMs: this.#nowMs }));
  }

  #finish(slot: ServiceSlot, job: Job, verdict: AgentVerdict): void {
    const outcome = verdict.code === 0 ? "ok" : "failed";
    switch (job.kind) {
      case "start":
      case "stop":
      case "repair":
        invariant(job.op !== null, `${job.kind} without an operation`);
        this.#finishOperation(slot, job.op, {
          outcome: verdict.declined === true ? "declined" : outcome,
          text: verdict.text,
        });
        return;
      case "status":
        this.#finishCheck(slot, { outcome, text: verdict.text });
        return;
      case "clean":
        this.#slots.setMayRun(slot, false);
        this.#finishInitialising();
        this.#finishCleaning();
        return;
      default:
        assertNever(job.kind);
    }
  }

  #onReconfigure(conf: ClusterConf, clean: readonly ServiceName[]): void {
    this.#next = null;
    if (!this.#cleanUp.clean) {
      this.#deferred = conf;
      return;
    }
    this.#adopt(conf);
    for (const name of clean) {
      const slot = this.#slots.get(name);
      invariant(slot !== undefined, `L5: ${name} is new and has no slot`);
      this.#begin(slot, { kind: "clean", call: slot.worker.cleanUp(), op: null, check: null });
    }
    if (clean.length === 0) this.#finishInitialising();
  }

  #adopt(conf: ClusterConf): void {
    const { changed, gone } = this.#slots.adopt(this.#conf.services, conf.services);
    this.#conf = conf;
    for (const slot of changed) {
      if (slot.job?.kind === "status") this.#cancel(slot);
      this.#takeNext(slot);
    }
    for (const slot of gone) {
      this.#cancel(slot);
      this.#slots.setMayRun(slot, false);
      slot.worker.dismiss();
    }
  }

  /** Takes the next definition once the job has ended, since a job walks the old tree. */
  #takeNext(slot: ServiceSlot): void {
    if (slot.next === null || slot.job !== null) return;
    const { statusPollIntervalMs } = this.#conf.services;
    slot.worker.reconfigure(slot.next, { nowMs: this.#nowMs, statusPollIntervalMs });
    slot.next = null;
    this.#slots.recount(slot);
  }

  /** L5: reports that new services have been stopped once, when the last stop has ended. */
  #finishInitialising(): void {
    if (!this.#cleanUp.clean) return;
    for (const { job } of this.#slots.busySlots()) if (job?.kind === "clean") return;
    this.#out.push({ type: "initialised", version: this.#conf.version });
  }

  #finishOperation(
    slot: ServiceSlot,
    op: Operation,
    end: { readonly outcome: OperationOutcome; readonly text: string },
  ): void {
    const { worker } = slot;
    if (op.kind === "start" && end.outcome === "ok") slot.startOp = op.id;
    if (slot.startOp !== null) {
      worker.beginChecks(this.#nowMs, this.#conf.services.statusPollIntervalMs);
    }
    if (op.kind === "stop" && end.outcome === "ok") {
      this.#slots.setMayRun(slot, false);
      if (end.text !== "") this.#warn(slot, end.text);
    }
    if (op.kind === "start") {
      this.#out.push({ type: "start-took", op: op.id, parts: worker.startTimes.parts });
    }
    this.#out.push({ type: "result", op: op.id, partial: worker.partial, ...end });
  }

  #finishCheck(
    slot: ServiceSlot,
    { outcome, text }: { readonly outcome: "ok" | "failed"; readonly text: string },
  ): void {
    const { worker, startOp } = slot;
    const { name: service } = worker.conf;
    if (outcome === "failed" || worker.wantsRepair) {
      if (startOp === null) return;
      if (slot.kept) {
        // Without quorum nothing is done about it, so one message is enough.
        if (!slot.checkFailed) this.#warn(slot, `its check has failed without quorum: ${text}`);
        slot.checkFailed = true;
        return;
      }
      const type = outcome === "failed" ? "status-failed" : "part-failed";
      this.#out.push({ type, service, startOp, text });
      slot.checkFailed = true;
      for (const other of this.#checks.checkOthers(service)) this.#cancel(other);
      return;
    }
    if (text !== "") this.#warn(slot, `tolerated: ${text}`);
    slot.checkFailed = false;
    this.#checkAgain(slot);
  }

  #warn(slot: ServiceSlot, text: string): void {
    this.#say(`${slot.worker.conf.name}: ${text}`);
  }

  #say(text: string): void {
    this.#out.push({ type: "notice", level: "warning", text });
  }

  #checkNow({ why, service, frozen }: Extract<LocalInput, { readonly type: "check-now" }>): void {
    // The end of a process means no failure unless the service is started.
    if (service !== null && (this.#slots.get(service)?.startOp ?? null) === null) return;
    if (!this.#cleanUp.clean) return;
    this.#out.push({ type: "notice", level: "info", text: `checking now: ${why}` });
    const stale = this.#checks.happened(service, { nowMs: this.#nowMs, frozen });
    for (const slot of stale) this.#cancel(slot);
  }

  #onPoll(frozen: readonly ServiceName[]): void {
    for (const text of this.#jobs.newlyOverdue(this.#nowMs)) this.#say(text);
    if (this.#cleanUp.clean) this.#checks.poll(frozen);
  }

  #checkNext(): void {
    const { statusChildMax } = this.#conf.services;
    for (const [slot, cause] of this.#checks.inTurn(statusChildMax, this.#nowMs)) {
      this.#check(slot, cause);
    }
  }

  #check(slot: ServiceSlot, cause: CheckCause): void {
    const call = slot.worker.check(this.#nowMs, cause);
    if (call !== null) this.#begin(slot, { kind: "status", call, op: null, check: cause });
  }

  #checkAgain(slot: ServiceSlot): void {
    const { recheck } = slot;
    slot.recheck = null;
    if (recheck !== null && slot.startOp !== null) this.#check(slot, recheck);
  }

  /** The table has a kept service as started: it is checked again, and now a failure counts. */
  #adoptKept(name: ServiceName, startOp: number): void {
    const slot = this.#slots.get(name);
    if (slot === undefined || !slot.kept) return;
    slot.kept = false;
    slot.checkFailed = false;
    slot.startOp = startOp;
    slot.lastOp = Math.max(slot.lastOp, startOp);
    for (const other of this.#checks.recheck(name)) this.#cancel(other);
  }

  #cleanAll(how: CleanUpKind, nothingLeft = false): void {
    const touched = this.#cleanUp.begin({ how, nothingLeft }, [...this.#slots.all()]);
    this.#checks.clear();
    for (const slot of touched) {
      this.#cancel(slot);
      if (slot.kept) continue;
      slot.worker.endChecks();
      slot.startOp = null;
      this.#slots.setMayRun(slot, true);
    }
    this.#cleanMore(how);
  }

  #cleanMore(how: CleanUpKind): void {
    for (const slot of this.#cleanUp.inTurn(how)) {
      const call = how === "kill" ? slot.worker.kill() : slot.worker.cleanUp();
      this.#begin(slot, { kind: "clean", call, op: null, check: null });
    }
    this.#finishCleaning();
  }

  #finishCleaning(): void {
    if (!this.#cleanUp.finish(this.#slots.busy)) return;
    if (this.#deferred === null) {
      this.#out.push({ type: "clean" });
      return;
    }
    this.#adopt(this.#deferred);
    this.#deferred = null;
    this.#cleanAll("clean-up");
  }

  #cancel(slot: ServiceSlot): void {
    if (slot.job === null) return;
    this.#out.push(this.#jobs.cancel(slot, slot.job, this.#nowMs));
    this.#takeNext(slot);
  }
}
