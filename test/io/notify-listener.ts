/** The supervisor's end of its socket, which Node cannot make: served by Python. */
import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

const server = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name.startswith("@") else name)
print("listening", flush=True)
while True:
    print(repr(s.recv(65536).decode()), flush=True)
`;

/** Prints `listening`, then each message in quotes, a line each. */
export function listenerCommand(address: string): readonly [string, ...string[]] {
  return [python, "-c", server, address];
}

export function listenerProblem(): string | null {
  const probe = spawnSync(python, ["--version"]);
  return probe.status === 0 ? null : `${python} is not installed`;
}
