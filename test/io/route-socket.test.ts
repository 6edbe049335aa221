/** A kernel that answers badly: the list is whole in the end, or there is none. */
import { test } from "tap";
import { type RouteCalls, RouteSocket } from "../../src/io/network/route-socket.ts";
import { accept, type Result, refuse } from "../../src/model/outcome.ts";

const [eintr, eagain, enobufs, ebusy] = [4, 11, 105, 16];
const [multi, wasInterrupted] = [0x2, 0x10];
const [errorKind, doneKind, linkKind, addressKind] = [2, 3, 16, 20];

/** What the kernel puts into the queue for one request: datagrams, and errors of recv(2). */
type Answer = readonly (Uint8Array | number)[];
/** `request` counts from 0; `sequence` is its number on the wire. */
type Kernel = (request: number, sequence: number, kind: number) => Answer;

type Head = { readonly kind: number; readonly sequence: number; readonly flags?: number };

function message({ kind, sequence, flags = multi }: Head, body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + body.length, 0);
  head.writeUInt16LE(kind, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt32LE(sequence, 8);
  return Buffer.concat([head, body]);
}

function attribute(kind: number, value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc((4 + value.length + 3) & ~3);
  bytes.writeUInt16LE(4 + value.length, 0);
  bytes.writeUInt16LE(kind, 2);
  bytes.set(value, 4);
  return bytes;
}

function link(sequence: number, { index = 1, flags = multi } = {}): Uint8Array {
  const head = Buffer.alloc(16);
  head.writeInt32LE(index, 4);
  const body = Buffer.concat([head, attribute(3, Buffer.from(`eth${index}\0`))]);
  return message({ kind: linkKind, sequence, flags }, body);
}

function address(sequence: number, index = 1): Uint8Array {
  const head = Buffer.from([2, 24, 0, 0, index, 0, 0, 0]);
  return message(
    { kind: addressKind, sequence },
    Buffer.concat([head, attribute(2, Buffer.from([10, 0, 0, 5]))]),
  );
}

function done(sequence: number, flags = multi): Uint8Array {
  return message({ kind: doneKind, sequence, flags }, Buffer.alloc(4));
}

function error(sequence: number, errno: number): Uint8Array {
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno, 0);
  return message({ kind: errorKind, sequence, flags: 0 }, body);
}

/** A whole answer to either list. */
const whole: Kernel = (_, sequence, kind) => [
  kind === 18 ? link(sequence) : address(sequence),
  done(sequence),
];

function socketOf(kernel: Kernel) {
  let requests = 0;
  const queue: (Uint8Array | number)[] = [];
  const calls: RouteCalls = {
    openSocket: () => accept(7),
    setOption: () => accept(null),
    closeSocket: () => undefined,
    sendTo: (_, bytes) => {
      const request = Buffer.from(bytes);
      queue.push(...kernel(requests, request.readUInt32LE(8), request.readUInt16LE(4)));
      requests += 1;
      return accept(null);
    },
    receiveInto: (_, bytes): Result<number, number> => {
      const next = queue.shift() ?? eagain;
      if (typeof next === "number") return refuse(next);
      bytes.set(next.subarray(0, bytes.length));
      return accept(next.length);
    },
  };
  const opened = RouteSocket.open(calls);
  if (!opened.ok) throw new Error(`errno ${opened.problem}`);
  return { socket: opened.value, requests: () => requests };
}

/** The first answer is bad, all others are good. */
function once(answer: (sequence: number) => Answer): Kernel {
  return (request, sequence, kind) =>
    request === 0 ? answer(sequence) : whole(request, sequence, kind);
}

const good = { ok: true, value: [{ name: "eth1", addresses: [{ address: "10.0.0.5" }] }] };

test("a list is links and addresses, each to its end", async (t) => {
  const { socket, requests } = socketOf(whole);
  t.match(socket.interfaces(), good);
  t.equal(requests(), 2);
});

test("what was interrupted, lost, cut or silent is asked for again", async (t) => {
  const bad: Readonly<Record<string, (sequence: number) => Answer>> = {
    "interrupted in the middle": (one) => [link(one, { flags: multi | wasInterrupted }), done(one)],
    "interrupted at the end": (one) => [link(one), done(one, multi | wasInterrupted)],
    "lost for want of memory": (one) => [link(one), enobufs],
    "larger than the buffer": () => [Buffer.alloc(300 * 1024)],
    "cut inside a message": (one) => [link(one).subarray(0, 30)],
    "without an end": (one) => [link(one)],
    nothing: () => [],
  };
  for (const [name, answer] of Object.entries(bad)) {
    t.match(socketOf(once(answer)).socket.interfaces(), good, name);
  }
});

test("a list that never comes whole is a problem, not a shorter list", async (t) => {
  const never: readonly Kernel[] = [
    (_, one) => [link(one), done(one, multi | wasInterrupted)],
    (_, one) => [link(one), enobufs],
    (_, one) => [link(one)],
    () => [],
    (_, one) => [Buffer.alloc(300 * 1024, one)],
    (_, one) => [error(one, ebusy)],
    (_, one, kind) => [kind === 18 ? link(one) : address(one, 9), done(one)],
    (_, one) => [message({ kind: linkKind, sequence: one }, Buffer.alloc(16)), done(one)],
  ];
  for (const kernel of never) t.match(socketOf(kernel).socket.interfaces(), { ok: false });
});

test("an interrupted call is repeated, other requests' answers are passed over", async (t) => {
  const kernel: Kernel = (request, one, kind) => [
    eintr,
    error(one + 77, 1),
    link(one - 1, { index: 6 }),
    ...whole(request, one, kind),
  ];
  t.match(socketOf(kernel).socket.interfaces(), good);
  const listed = socketOf(kernel).socket.interfaces();
  t.equal(listed.ok && listed.value.length, 1);
});

test("a change has come to what its own acknowledgement says", async (t) => {
  const order = { interface: "eth1", address: "10.0.0.9", prefix: 24, family: "ipv4" } as const;
  const answered = (answer: (sequence: number) => Answer) => {
    const kernel: Kernel = (request, one, kind) =>
      kind === 18 ? whole(request, one, kind) : answer(one);
    return socketOf(kernel).socket.addAddress(order);
  };
  t.match(
    answered((one) => [error(one, 0)]),
    { ok: true },
  );
  t.match(
    answered((one) => [error(one, 17)]),
    { problem: { type: "errno", errno: 17 } },
  );
  t.match(
    answered((one) => [error(one, 19)]),
    { problem: { type: "no-interface" } },
  );
  t.match(
    answered(() => []),
    { problem: { type: "unclear" } },
    "nobody knows",
  );
  t.match(
    answered((one) => [error(one - 1, 0)]),
    { problem: { type: "unclear" } },
  );
  t.match(
    answered(() => [enobufs]),
    { problem: { type: "unclear" } },
  );
  const elsewhere = { ...order, interface: "eth7" };
  t.match(socketOf(whole).socket.removeAddress(elsewhere), { problem: { type: "no-interface" } });
});
