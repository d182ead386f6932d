/** A field that a kind of agent is described by. */
export interface KindField {
  readonly name: string;
  readonly label: string;
  readonly type: "url" | "text" | "password";
  readonly required: boolean;
}

/** A way to reach an agent, as a person chooses it. */
export interface AgentKind {
  readonly kind: string;
  readonly label: string;
  /** Settings of the connector that every agent of this kind has. */
  readonly fixed?: Readonly<Record<string, string>>;
  readonly fields: readonly KindField[];
}

const url = (label: string): KindField => ({ name: "url", label, type: "url", required: true });

/** Kinds that can be added from the page; the others run code of Parley's own machine and are declared in its configuration file. */
export const AGENT_KINDS: readonly AgentKind[] = [
  { kind: "socket", label: "It dials in (no public address needed)", fields: [] },
  { kind: "webhook", label: "Webhook", fields: [url("Address that is called")] },
  { kind: "a2a", label: "A2A", fields: [url("Address of the agent or its card")] },
  { kind: "agui", label: "AG-UI", fields: [url("Address of the agent")] },
  {
    kind: "model",
    label: "A model behind an OpenAI-compatible address",
    fixed: { provider: "openai-compatible" },
    fields: [
      { name: "baseUrl", label: "Base address", type: "url", required: true },
      { name: "model", label: "Model", type: "text", required: true },
      { name: "apiKey", label: "API key", type: "password", required: false },
    ],
  },
];
