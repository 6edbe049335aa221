/**
 * The runs of scenes on one subject: what is done, what the client and the judge saw, and how it
 * ended. A run that does not end well has no figures; the next one finds a cluster started anew.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accept, type Result, refuse } from "../../../src/model/outcome.ts";
import { OutsideJudge } from "../../e2e/outside-judge.ts";
import { serviceAddress } from "../../netns/node-files.ts";
import { ClientWatch } from "./client-watch.ts";
import type { Played } from "./failover-report.ts";
import { nothing, type Scene, type Subject, wallMs } from "./failover-subject.ts";
import type { Silence } from "./failover-work.ts";

/** What an act may lead to later, such as two holders, is watched for so long after the outage. */
const watchedMs = 2000;

type Opened = { readonly client: ClientWatch; readonly judge: OutsideJudge };

export class SubjectRuns {
  readonly #subject: Subject;
  #opened: Opened | null = null;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** Refused with what was waited for, and the file that has the logs. */
  async play(scene: Scene): Promise<Result<Played, string>> {
    this.#opened ??= await this.#open();
    try {
      return accept(await this.#playOnce(scene, this.#opened));
    } catch (error) {
      const text =
        error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
      const file = join(tmpdir(), `failover-${Date.now()}.log`);
      writeFileSync(file, `${scene.name}\n${text}\n`);
      await this.close();
      return refuse(`${text.split("\n")[0] ?? ""} (${file})`);
    }
  }

  async close(): Promise<void> {
    await this.#opened?.judge.stop();
    await this.#subject.stop();
    this.#opened = null;
  }

  /** How closely the judge has looked, in words. */
  get attention(): string {
    return this.#opened?.judge.attention ?? "nothing was looked at";
  }

  async #open(): Promise<Opened> {
    const judge = new OutsideJudge();
    await this.#subject.start();
    judge.start(this.#subject.net, serviceAddress);
    return { judge, client: new ClientWatch(this.#subject.net, this.#subject.client) };
  }

  async #clear(): Promise<void> {
    const { net, client } = this.#subject;
    if (client.clear === null) return;
    const cleared = await net.execClient(client.clear);
    if (cleared.code !== 0) throw new Error(`${client.clear.join(" ")}: ${cleared.stderr}`);
  }

  async #playOnce(scene: Scene, { client, judge }: Opened): Promise<Played> {
    const subject = this.#subject;
    const owner = await subject.settled();
    await subject.until("a calm client", () => client.calm());
    const [one = 1, other = 2] = subject.net.nodes.filter((node) => node !== owner);
    const stage = { subject, owner, others: [one, other] } as const;
    const judgedMs = judge.nowMs;
    const beganMs = wallMs();
    const { tookMs = null, fromMs = beganMs } = await scene.act(stage);
    // A busy machine alone may keep the client without an answer for long enough.
    const moved = (): boolean => holdersOf(subject).some((holder) => holder !== owner);
    if (scene.moves) await subject.until("another node holds the address", moved);
    if (scene.of !== "join") {
      await subject.until("the client is answered again", () => client.outages(fromMs).length > 0);
    }
    const watchUntilMs = judge.nowMs + (scene.mend === nothing ? 0 : watchedMs);
    await subject.until("the judge has seen it", () => judge.sawUntil(watchUntilMs));
    const twoUntilMended = judge.twoNow;
    await scene.mend(stage);
    const last = await subject.settled();
    await this.#clear();
    const node = scene.of === "join" ? one : last;
    return {
      outageMs: outageMs(scene.of, client.outages(fromMs), fromMs),
      tookMs,
      twoMs: judge.twoMs(judgedMs),
      twoUntilMended,
      course: subject.course({ what: scene.of, node, sinceMs: fromMs }),
    };
  }
}

function holdersOf({ net }: Subject): readonly number[] {
  return net.holders(serviceAddress);
}

/** Where all nodes were started, it counts from there until the first answer. */
function outageMs(of: Scene["of"], outages: readonly Silence[], startedMs: number): number {
  if (of === "start") return (outages[0]?.toMs ?? startedMs) - startedMs;
  return Math.max(0, ...outages.map(({ fromMs, toMs }) => toMs - fromMs));
}
