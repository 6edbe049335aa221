import { test } from "tap";
import { parseAnswer, parseEvents } from "../../src/brokers/management-answer.ts";
import { binary } from "./statuses.ts";

const exception = (code: number, text: string) => ({
  opcode: "_exception",
  body: { _values: { error_code: code, error_text: binary(text) } },
});
const objects = (...values: unknown[]) => ({
  opcode: "_query_response",
  body: values.map((value) => ({ _values: value })),
});

test("objects come in one message or in several", (t) => {
  const parts = [objects({ name: "a" }, { name: "b" }), objects({ name: "c" })];
  const values = [{ name: "a" }, { name: "b" }, { name: "c" }];
  t.same(parseAnswer(parts), { ok: true, value: { type: "objects", values } });
  t.same(parseAnswer([objects()]), { ok: true, value: { type: "objects", values: [] } });
  t.end();
});

test("a method ends, or is refused in the broker's words", (t) => {
  const done = { opcode: "_method_response", body: { _arguments: {} } };
  t.same(parseAnswer([done]), { ok: true, value: { type: "done" } });
  const refusals = [
    [7, "Joining active cluster, cannot be promoted. (qpid/ha/Backup.cpp:120)"],
    [7, "Still catching up, cannot be promoted."],
    [6, "unauthorized-access: unauthorized"],
    [7, "something else"],
  ] as const;
  const kinds = refusals.map(([code, text]) => {
    const answer = parseAnswer([exception(code, text)]);
    if (!answer.ok || answer.value.type !== "refused") throw new Error("refused");
    t.equal(answer.value.refusal.words, text);
    return answer.value.refusal.kind;
  });
  t.same(kinds, ["joining-active-cluster", "still-catching-up", "forbidden", "other"], "STATUS2");
  t.end();
});

test("what is no answer is refused", (t) => {
  t.match(parseAnswer([]), { ok: false });
  t.match(parseAnswer([{ opcode: "", body: {} }]), { ok: false, problem: { part: "qmf.opcode" } });
  t.match(parseAnswer([{ opcode: "_query_response", body: {} }]), { ok: false });
  const broken = { opcode: "_exception", body: { _values: { error_code: 7 } } };
  t.match(parseAnswer([broken]), { ok: false, problem: { part: "_values.error_text" } });
  t.end();
});

test("events are told from everything else on the topic exchange", (t) => {
  const event = { opcode: "_data_indication", body: [{ _values: { members: [] } }] };
  t.same(parseEvents(event), [{ members: [] }]);
  t.equal(parseEvents({ ...event, body: "text" }), null);
  t.equal(parseEvents(objects({ name: "a" })), null);
  t.end();
});
