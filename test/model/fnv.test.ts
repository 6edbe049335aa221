/** The hash that cluster ids, digests and the check of ring settings have in common. */
import { test } from "tap";
import { fnvHash, fnvOffset, fnvStep } from "../../src/model/fnv.ts";

test("the published test vectors", async (t) => {
  t.equal(fnvHash(""), 0x811c9dc5);
  t.equal(fnvHash("a"), 0xe40c292c);
  t.equal(fnvHash("foobar"), 0xbf9cf968);
  t.equal(fnvStep(fnvOffset, 0x61), fnvHash("a"));
});
