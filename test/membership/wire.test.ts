import fc from "fast-check";
import { test } from "tap";
import {
  decodeMessage,
  encodeMessage,
  frameKinds,
  type RingMessage,
} from "../../src/membership/wire.ts";
import { type NodeId, ringSeqMax } from "../../src/model/ids.ts";
import { join, mcast, mergeDetect, node, nodes, ringOne, token } from "./frames.ts";

const filledEntry = {
  node: node(1),
  state: { oldRing: ringOne, aru: 300, highDelivered: 299, received: true, obliged: nodes(1, 3) },
};

/** One message of every kind, and its bytes as they go over the network. */
const golden: readonly (readonly [string, RingMessage, string])[] = [
  [
    "mcast with a fragment of a chain",
    mcast({ seq: 300, origin: node(2), headFragment: 5, safe: true, chunks: [Buffer.from("abc")] }),
    "0801100818ac022002300540017a03616263",
  ],
  [
    "mcast of recovery",
    mcast({ lane: "sync", inner: Buffer.from("0801", "hex"), chunks: [] }),
    "080110081801200128014a020801",
  ],
  [
    "token",
    token({ tokenSeq: 9, seq: 2 ** 53 - 1, aru: 12, aruNode: node(3), fcc: 4, rtr: [13, 400] }),
    "0801100818" + "0920ffffffffffffff0f280c30033804" + "52030d9003",
  ],
  [
    "join",
    join({ proc: nodes(1, 2), failed: nodes(3), leave: true, heard: nodes(2) }),
    "0808120201021a010320012a01023507000000",
  ],
  [
    "commit",
    {
      type: "commit",
      ring: { rep: node(1), seq: 12 },
      index: 1,
      members: [filledEntry, { node: node(2), state: null }],
    },
    "0801100c1801221408011001180820ac0228ab02300138014202010322020802",
  ],
  [
    "merge detect",
    mergeDetect({ heard: nodes(2), members: nodes(1) }),
    "080110081a01022201012d07000000",
  ],
  ["hold cancel", { type: "hold-cancel", ring: ringOne }, "08011008"],
];

for (const [name, message, hex] of golden) {
  test(`the bytes of a ${name} are fixed`, async (t) => {
    const bytes = encodeMessage(message);
    t.equal(Buffer.from(bytes).toString("hex"), hex);
    const decoded = decodeMessage(frameKinds[message.type], bytes);
    t.ok(decoded.ok);
    if (decoded.ok) t.same(decoded.value, message);
  });
}

function problem(kind: number, hex: string): string {
  const decoded = decodeMessage(kind, Buffer.from(hex, "hex"));
  if (decoded.ok) return "accepted";
  return decoded.problem.type === "out-of-range" ? decoded.problem.field : decoded.problem.type;
}

test("damaged bytes are refused with a reason", async (t) => {
  const cases: readonly [string, number, string, string][] = [
    ["kind 0", 0, "", "unknown-kind"],
    ["the kind of the frame seal", 7, "", "unknown-kind"],
    ["a varint that does not end", 6, "088180", "malformed"],
    ["an endless varint", 6, "08ffffffffffffffffffffff01", "malformed"],
    ["a field that is unknown", 6, "080110081801", "malformed"],
    ["a field of another wire type", 6, "0d01000000", "malformed"],
    ["a length beyond the end", 1, "7a05616263", "malformed"],
    ["a group", 6, "0b0c", "malformed"],
    ["no ring", 6, "", "ring"],
    ["representative 0", 6, "08001008", "ring"],
    ["representative 4096", 6, "0880201008", "ring"],
    ["ring sequence 2^53", 6, "08011080808080808080" + "10", "ring"],
    ["message 0", 1, "0801100820017a0161", "seq"],
    ["originator 0", 1, "0801100818017a0161", "origin"],
    ["lane 2", 1, "08011008180120012802" + "7a0161", "lane"],
    ["no chunk", 1, "080110081801" + "2001", "chunk"],
    ["chain 256", 1, "080110081801200130800" + "27a0161", "chunk"],
    ["one chunk of two chains", 1, "0801100818012001300138027a0161", "chunk"],
    ["two chunks of one chain", 1, "0801100818012001300138017a01617a0161", "chunk"],
    ["a copy with a chunk", 1, "08011008180120014a01617a0161", "chunk"],
    ["aru above seq", 2, "0801100820022803", "aru"],
    ["aru node 4096", 2, "08011008308020", "aru_addr"],
    ["a request twice", 2, "080110085202" + "0505", "rtr"],
    ["a request for 0", 2, "080110085201" + "00", "rtr"],
    ["31 requests", 2, `08011008521f${range(1, 31)}`, "rtr"],
    ["nodes not ascending", 3, "080812020201", "nodes"],
    ["65 nodes", 3, `08081241${range(1, 65)}`, "nodes"],
    ["index beyond the members", 4, "0801100818022202" + "0801", "index"],
    ["an entry filled too early", 4, "080110082204" + "08013801", "memb"],
    ["an entry not filled in its turn", 4, "0801100818012202" + "0801", "memb"],
    ["members not ascending", 4, "0801100822020802" + "22020801", "memb"],
    ["a representative that is no member", 4, "0801100822020802", "memb"],
  ];
  for (const [name, kind, hex, expected] of cases) t.equal(problem(kind, hex), expected, name);
});

/** The bytes from first to last, in hex: small node ids or sequence numbers. */
function range(first: number, last: number): string {
  const bytes = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return Buffer.from(bytes).toString("hex");
}

const nodeIds: fc.Arbitrary<readonly NodeId[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 4095 }), { maxLength: 20 })
  .map((ids) => nodes(...ids.sort((a, b) => a - b)));
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const ringSeqs = fc.integer({ min: 1, max: ringSeqMax });

test("whatever is encoded decodes to itself", async (t) => {
  const rtr = fc.uniqueArray(count, { maxLength: 30 });
  fc.assert(
    fc.property(
      count,
      ringSeqs,
      nodeIds,
      nodeIds,
      rtr,
      fc.uint8Array(),
      (seq, ringSeq, a, b, list, bytes) => {
        const ring = { rep: node(7), seq: ringSeq };
        const messages: readonly RingMessage[] = [
          mcast({ ring, seq, chunks: [Buffer.from(bytes), Buffer.from("x")] }),
          token({ ring, seq, aru: seq, rtr: list, tokenSeq: seq }),
          join({ ringSeq, proc: a, failed: b, heard: a }),
          mergeDetect({ ring, heard: a, members: b }),
        ];
        for (const message of messages) {
          const decoded = decodeMessage(frameKinds[message.type], encodeMessage(message));
          if (!decoded.ok) return false;
          t.same(decoded.value, message);
        }
        return true;
      },
    ),
    { numRuns: 50 },
  );
});

test("no bytes make the decoder throw, and what it accepts it can encode again", async (t) => {
  const seeds = golden.map(([, message]) => ({
    kind: frameKinds[message.type],
    bytes: encodeMessage(message),
  }));
  const edit = fc.tuple(fc.nat(200), fc.nat(255), fc.constantFrom("set", "insert", "cut"));
  const damaged = fc
    .tuple(fc.constantFrom(...seeds), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([seed, edits]) => ({ kind: seed.kind, bytes: damage(seed.bytes, edits) }));
  const noise = fc.record({ kind: fc.integer({ min: 0, max: 8 }), bytes: fc.uint8Array() });
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(damaged, noise), ({ kind, bytes }) => {
      const decoded = decodeMessage(kind, bytes);
      if (!decoded.ok) return true;
      accepted += 1;
      const again = decodeMessage(kind, encodeMessage(decoded.value));
      return again.ok;
    }),
    { numRuns: 30000 },
  );
  t.ok(accepted > 1000, `${accepted} of 30000 were acceptable all the same`);
});

function damage(
  bytes: Uint8Array,
  edits: readonly (readonly [number, number, string])[],
): Uint8Array {
  const damaged = [...bytes];
  for (const [place, value, how] of edits) {
    const at = place % (damaged.length + 1);
    if (how === "cut") damaged.length = at;
    else damaged.splice(at, how === "set" ? 1 : 0, value);
  }
  return Buffer.from(damaged);
}
