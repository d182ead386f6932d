import { isAbsolute } from "node:path";
import { z } from "zod";

/** Names that hold Parley's own secrets or settings; an agent that runs a shell must never find one in its environment. */
const OWN_NAME =
  /^(PARLEY_|SLACK_|DISCORD_|MATRIX_|POSTGRES_|PG[A-Z]+$|REDIS_|VALKEY_|DATABASE_URL$|OIDC_|OTEL_|NODE_OPTIONS$|LD_|DYLD_)/;

/** What the system takes as a word of a command: anything without NUL. */
const word = (maxChars: number) =>
  z
    .string()
    .max(maxChars)
    .refine((text) => !text.includes("\u0000"), "must not contain NUL");

const AbsolutePath = word(1024)
  .min(1)
  .refine((path) => isAbsolute(path), "must be an absolute path");

const Environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "must be the name of a variable"), word(8_192))
  .superRefine((environment, context) => {
    for (const name of Object.keys(environment))
      if (OWN_NAME.test(name))
        context.addIssue({
          code: "custom",
          path: [name],
          message: "belongs to Parley itself or changes how programs load, and is not handed to an agent",
        });
  });

const NameValue = z.strictObject({ name: z.string().min(1).max(256), value: z.string().max(8_192) });

/** A tool server for the agent beside Parley's own, as ACP writes it; without `type` it is a command. */
const ToolServer = z.union([
  z.strictObject({
    type: z.enum(["http", "sse"]),
    name: z.string().min(1).max(64),
    url: z.url({ protocol: /^https?$/ }).max(2048),
    headers: z.array(NameValue).max(20).default([]),
  }),
  z.strictObject({
    name: z.string().min(1).max(64),
    command: z.string().min(1).max(1024),
    args: z.array(z.string().max(8_192)).max(100).default([]),
    env: z.array(NameValue).max(50).default([]),
  }),
]);

/** Longest wait for the agent's process and for a session of it, in ms; a first start by `npx` downloads the agent. */
export const DEFAULT_START_TIMEOUT_MS = 60_000;
/** Largest message of the agent, in bytes of one line. */
export const DEFAULT_MAX_LINE_BYTES = 1_048_576;

/** An agent that speaks the Agent Client Protocol (version 1) on the standard streams of a process that Parley starts. */
export const AcpConfig = z.strictObject({
  kind: z.literal("acp"),
  command: word(1024).min(1),
  args: z.array(word(8_192)).max(100).default([]),
  /** The folder it works in, which must exist; its home too, unless `env` names another. */
  cwd: AbsolutePath,
  /** The whole environment beside PATH, HOME, LANG and TMPDIR: nothing of Parley's own passes. */
  env: Environment.default({}),
  /** What becomes of a request for permission: people are asked, or it is answered without them. Default: ask. */
  permissionMode: z.enum(["ask", "deny", "allow"]).default("ask"),
  /** Whether people are offered to allow something for ever, where the agent offers to remember that. Default false: they allow it once. */
  offerAlways: z.boolean().default(false),
  /**
   * Whether people are asked about a call in which secrets are hidden from them; they see of each what it is and how long. Default false: such a call
   * is denied unasked.
   */
  askHidden: z.boolean().default(false),
  /** Whether the agent's thoughts show as a status line. Default: hidden. */
  thoughts: z.enum(["hidden", "status"]).default("hidden"),
  startTimeoutMs: z.number().int().min(500).max(600_000).default(DEFAULT_START_TIMEOUT_MS),
  maxLineBytes: z.number().int().min(65_536).max(33_554_432).default(DEFAULT_MAX_LINE_BYTES),
  /** Sign-in that the agent offers and that needs nobody, such as one by a key in `env`; used before the first session. */
  authMethod: z.string().min(1).max(128).optional(),
  /** The agent's own mode for each session, such as `plan`; as the agent names it. */
  sessionMode: z.string().min(1).max(128).optional(),
  mcpServers: z.array(ToolServer).max(20).default([]),
});
export type AcpConfig = z.infer<typeof AcpConfig>;
