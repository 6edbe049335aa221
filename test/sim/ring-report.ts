/** A failing run of a ring in few lines: the plan cut down, and what the nodes saw that matters. */
import { formatRing } from "../../src/model/ids.ts";
import { drawPlan, type RingPlan } from "./ring-plan.ts";
import { reducePlan } from "./ring-reduction.ts";
import { type RingVerdict, runPlan } from "./ring-schedule.ts";
import type { Life, TraceEvent } from "./ring-trace.ts";

/** Cutting down ends after this many events; a run has some ten thousand. */
const stepsForReduction = 4_000_000;
const linesMax = 120;

/** Null when nothing is broken; else the first breach, and the log of the smallest run found. */
export function reportOf(
  seed: number,
): { readonly text: string; readonly log: readonly string[] } | null {
  const plan = drawPlan(seed);
  const first = runPlan(plan).breaches[0];
  if (first === undefined) return null;
  const label = labelOf(first);
  let left = stepsForReduction;
  const fails = (tried: RingPlan): boolean => {
    if (left <= 0) return false;
    const { breaches, steps } = runPlan(tried);
    left -= steps;
    return breaches.some((each) => labelOf(each) === label);
  };
  const smallest = reducePlan(plan, fails);
  const verdict = runPlan(smallest);
  const breach = verdict.breaches.find((each) => labelOf(each) === label) ?? first;
  const sizes = `${plan.acts.length} acts on ${plan.nodes} nodes cut down to`;
  const head = `${sizes} ${smallest.acts.length} on ${smallest.nodes}; ${verdict.steps} steps`;
  return {
    text: first,
    log: [head, breach, ...planLines(smallest), ...eventLines(verdict, breach)],
  };
}

/** The invariant, and for broken assertions of the machine which one it is. */
function labelOf(breach: string): string {
  const assertion = /^invariant: .* ends: (\S+)/.exec(breach);
  return assertion?.[1] ?? breach.slice(0, breach.indexOf(":"));
}

function planLines(plan: RingPlan): readonly string[] {
  const { acts, finale, delayMs, faultsMs } = plan;
  const { islands, ...faults } = finale;
  return [
    `plan: delay ${delayMs} ms, faults end at ${Math.round(faultsMs)} ms`,
    ...acts.map(({ atMs, act }) => `  ${atMs.toFixed(1)} ${JSON.stringify(act)}`),
    `  then islands ${JSON.stringify(islands)}, then ${JSON.stringify(faults)}`,
  ];
}

/** Changes of state, and of the messages those that the breach names, in order of time. */
function eventLines(verdict: RingVerdict, breach: string): readonly string[] {
  const named = new Set(breach.match(/\d+\.\d+\.\d+/g) ?? []);
  const lines: { readonly at: number; readonly text: string }[] = [];
  for (const life of verdict.lives) {
    lines.push({ at: life.startedAt, text: `${nameOf(life)} starts${life.wiped ? " anew" : ""}` });
    for (const event of life.events) {
      const text = textOf(event, named);
      if (text !== null) lines.push({ at: event.at, text: `${nameOf(life)} ${text}` });
    }
    if (life.end !== null)
      lines.push({ at: life.end.at, text: `${nameOf(life)} ${life.end.type}` });
  }
  lines.sort((a, b) => a.at - b.at);
  return lines.slice(-linesMax).map(({ at, text }) => `  ${at.toFixed(1)} ${text}`);
}

function nameOf(life: Life): string {
  return `node ${life.node} life ${life.number}`;
}

function textOf(event: TraceEvent, named: ReadonlySet<string>): string | null {
  switch (event.type) {
    case "configuration": {
      const { kind, ring, members } = event.configuration;
      return `${kind} ${formatRing(ring)} {${members.join(" ")}}`;
    }
    case "suspended":
      return `suspended: ${event.reason}`;
    case "gather":
      return event.reason;
    case "submit":
      return named.has(event.id) ? `sends ${event.id}` : null;
    case "deliver":
      return named.has(event.id) ? `delivers ${event.id} as ${event.ring}/${event.seq}` : null;
    default:
      return null;
  }
}
