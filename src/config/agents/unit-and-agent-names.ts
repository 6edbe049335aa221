/**
 * Names that belong to others: of OCF agents and of systemd's units.
 * Source: systemd.unit(5); the OCF resource agent API 1.1.
 * Tested in: test/config/agent-elements.test.ts, test/config/quorum-loss.test.ts
 */

const unitTypes = ["service", "socket", "mount", "automount", "swap", "target", "path", "timer"];

/** With its suffix, `.service` unless another one is written; null when it cannot be a unit. */
export function unitName(text: string): string | null {
  if (!/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,240}$/.test(text)) return null;
  const suffix = text.includes(".") ? (text.split(".").at(-1) ?? "") : "";
  return unitTypes.includes(suffix) ? text : `${text}.service`;
}

/** `provider:type`; as elsewhere `ocf:` may stand before it. Null when it is neither. */
export function ocfAgentName(text: string): string | null {
  const name = text.startsWith("ocf:") ? text.slice("ocf:".length) : text;
  return /^\w[\w.-]*:\w[\w.-]*$/.test(name) ? name : null;
}
