import { readFileSync } from "node:fs";
import { request } from "node:http";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { formatMetrics } from "../../src/control/metrics.ts";
import { counted, failoverBoundsMs } from "../../src/model/histogram.ts";
import { sameAsGolden } from "../cli/golden-file.ts";
import { exampleService, exampleStatus } from "./fake-backend.ts";
import { serve } from "./served.ts";

const counters = {
  "sent token": 10,
  "received mcast": 7,
  "gather entries": 4,
  "gather: token lost": 3,
  "gather: node N leaves": 1,
  retransmitted: 2,
  "held messages": 5,
  "queued messages": 1,
  "queued bytes": 640,
  stalls: 1,
  stall_worst_ms: 1250,
  "frames-sent": 21,
  "bytes-sent": 4200,
  "frames-received": 33,
  "bytes-received": 6600,
  "dropped_own-copy": 9,
  "send-failed-ENETUNREACH": 6,
};

const noGroups = {
  groups: [],
  clients: 0,
  counters: { messages: 0, bytes: 0, dropped: 0, malformed: 0, queuedBytes: 0 },
};

const someGroups = {
  groups: [
    {
      name: "one",
      members: [
        { node: 1, process: 9 },
        { node: 2, process: 9 },
      ],
    },
    { name: "two", members: [{ node: 1, process: 10 }] },
  ],
  clients: 2,
  counters: { messages: 5, bytes: 500, dropped: 1, malformed: 2, queuedBytes: 30 },
};

const failovers = {
  kinds: [{ name: "node-lost", ...counted(counted(undefined, 538), 1_000_000) }],
  parts: [{ name: "address", ...counted(undefined, 30) }],
};

function full() {
  const { ring } = exampleStatus();
  return exampleStatus({ ring: { ...ring, counters }, failovers });
}

test("the metrics are these", (t) => {
  sameAsGolden(t, "metrics.txt", formatMetrics(full(), someGroups));
  t.end();
});

test("every metric is documented", (t) => {
  const page = fileURLToPath(new URL("../../../man/clusterd.8", import.meta.url));
  const text = readFileSync(page, "utf8");
  const names = [...formatMetrics(full(), someGroups).matchAll(/^# TYPE (\S+)/gm)].map(
    ([, name]) => name,
  );
  t.ok(names.length > 25);
  t.same(
    names.filter((name = "") => !new RegExp(`\\b${name}\\b`).test(text)),
    [],
  );
  t.end();
});

test("metrics without a value are left out, and labels are escaped", (t) => {
  const { ring } = exampleStatus();
  const text = formatMetrics(
    exampleStatus({ services: null, ring: { ...ring, rotation: null, counters: {} } }),
    noGroups,
  );
  t.notMatch(text, /service_state|rotation|dropped_frames|failover/);
  const odd = exampleStatus({ services: [exampleService('a"b\\c\nd')] });
  t.match(formatMetrics(odd, noGroups), 'service="service:a\\"b\\\\c\\nd"');
  t.end();
});

test("a histogram has a bucket for each bound, each with all that took no longer", (t) => {
  const lines = formatMetrics(full(), noGroups).split("\n");
  const samples = lines.filter((line) => /^clusterd_failover_seconds/.test(line));
  const named = (suffix: string) => samples.filter((line) => line.includes(suffix));
  const buckets = named("_bucket").map((line) => {
    const [, le = "", count = ""] = /le="([^"]+)"} (\d+)$/.exec(line) ?? [];
    return [le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), Number(count)] as const;
  });
  t.same(buckets, [
    ...failoverBoundsMs.map((bound) => [bound / 1000, bound < 538 ? 0 : 1]),
    [Number.POSITIVE_INFINITY, 2],
  ]);
  t.same(
    buckets.map(([bound]) => bound),
    buckets.map(([bound]) => bound).toSorted((a, b) => a - b),
  );
  t.same(named("_sum"), ['clusterd_failover_seconds_sum{kind="node-lost"} 1000.538']);
  t.same(named("_count"), ['clusterd_failover_seconds_count{kind="node-lost"} 2']);
  t.ok(lines.includes("# TYPE clusterd_failover_seconds histogram"));
  t.end();
});

test("GET /v1/metrics is plain text", async (t) => {
  const { socketPath } = await serve(t);
  const [type, body] = await new Promise<readonly [string, string]>((resolve, reject) => {
    const call = request({ socketPath, path: "/v1/metrics", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve([response.headers["content-type"] ?? "", text]));
    });
    call.on("error", reject);
    call.end();
  });
  t.equal(type, "text/plain; version=0.0.4; charset=utf-8");
  t.equal(body, formatMetrics(exampleStatus(), noGroups));
});
