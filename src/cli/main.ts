/**
 * The program of all commands of operators: runs the command that its first argument names.
 * Usage: node main.js COMMAND [ARGUMENT ...]; the launchers in bin/ name themselves.
 * Tested in: test/cli/clustat.test.ts, test/cli/clusvcadm.test.ts
 */
import { processTerminal, readLine } from "./terminal.ts";

type Command = (words: readonly string[]) => Promise<number>;

/** A command is loaded only when it is called, so that it starts in a fraction of a second. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  "clustat-ts": async () => {
    const { clustat } = await import("./clustat.ts");
    return (words) => clustat(words, processTerminal());
  },
  "clusvcadm-ts": async () => {
    const { clusvcadm, noticePace } = await import("./clusvcadm.ts");
    return (words) => clusvcadm(words, processTerminal(), noticePace);
  },
  "cman_tool-ts": async () => {
    const { cmanTool } = await import("./cman-tool.ts");
    return (words) => cmanTool(words, processTerminal());
  },
  "fence_ack-ts": async () => {
    const { fenceAck } = await import("./fence-ack.ts");
    return (words) => fenceAck(words, processTerminal(), readLine);
  },
  "fence_check-ts": async () => {
    const { fenceCheck } = await import("./fence-check.ts");
    return (words) => fenceCheck(words, processTerminal());
  },
  "fence_node-ts": async () => {
    const { fenceNode } = await import("./fence-node.ts");
    return (words) => fenceNode(words, processTerminal(), readLine);
  },
  "fence_tool-ts": async () => {
    const { fenceTool } = await import("./fence-tool.ts");
    return (words) => fenceTool(words, processTerminal(), readLine);
  },
  "qpid-ha-ts": async () => {
    const { qpidHa } = await import("./qpid-ha.ts");
    const { AmqpBrokers } = await import("../io/amqp/broker-connections.ts");
    return (words) => qpidHa(words, processTerminal(), new AmqpBrokers());
  },
};

const [name = "", ...words] = process.argv.slice(2);
const load = commands[name];
if (load === undefined) {
  const names = Object.keys(commands).join(", ");
  process.stderr.write(`main.js: ${name === "" ? "no command" : name}: one of ${names}\n`);
  process.exitCode = 2;
} else {
  const command = await load();
  process.exitCode = await command(words);
}
