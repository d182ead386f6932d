import type { TurnFile, TurnIo, TurnRequest } from "../../contracts/connector.ts";
import type { TurnRequests } from "../../contracts/turn-requests.ts";
import type { TurnTool } from "../../contracts/turn-tool.ts";

/** A bracket that another follows, in this text or in whatever is written after it. */
const OPENING = /⟦(?=⟦|$)/gu;
/** The same in UTF-8, byte by byte. */
const OPENING_BYTES = /\xe2\x9f\xa6(?=\xe2\x9f\xa6|$)/gu;
const TEXT_FILE = /^text\/|[/+](?:json|xml|yaml|javascript|csv)\b/iu;

/**
 * Guarantees that nothing of a value, repeated word for word, begins a command: `⟦⟦` becomes `⟦ ⟦` in every text of it.
 *
 * What has no brackets is given back as it is. For plain data: objects of a class lose it.
 */
export function brokenBrackets<Value>(value: Value): Value {
  return broken(value) as Value; // the same shape, with other texts
}

function broken(value: unknown): unknown {
  if (typeof value === "string") return value.includes("⟦") ? value.replace(OPENING, "⟦ ") : value;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const all = items.map(broken);
    return all.some((item, index) => item !== items[index]) ? all : value;
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value);
  const all = entries.map(([key, item]): [string, unknown] => [String(broken(key)), broken(item)]);
  return all.some(([key, item], index) => key !== entries[index]?.[0] || item !== entries[index]?.[1])
    ? Object.fromEntries(all)
    : value;
}

/** The same tools, the answers of which begin no command when they are repeated. */
export function withBrokenAnswers(tools: readonly TurnTool[]): readonly TurnTool[] {
  return tools.map((tool) => ({
    ...tool,
    execute: async (input, signal) => brokenBrackets(await tool.execute(input, signal)),
  }));
}

/** What an agent is given for a turn whose words are searched for commands: those of others begin none when it repeats them. */
export function withoutCommands(
  request: TurnRequest,
  io: TurnIo,
): { readonly request: TurnRequest; readonly io: TurnIo } {
  const { files, requests } = io;
  return {
    request: brokenBrackets(request),
    io: {
      ...io,
      steering: eachBroken(io.steering),
      ...(requests === undefined ? {} : { requests: brokenOutcomes(requests) }),
      ...(files === undefined
        ? {}
        : {
            files: {
              read: async (mediaId, options) => brokenFile(await files.read(mediaId, options)),
              url: (mediaId) => files.url(mediaId),
            },
          }),
    },
  };
}

function eachBroken<Item>(items: AsyncIterable<Item>): AsyncIterable<Item> {
  return {
    async *[Symbol.asyncIterator]() {
      for await (const item of items) yield brokenBrackets(item);
    },
  };
}

function brokenOutcomes(requests: TurnRequests): TurnRequests {
  return { ask: async (part, options) => brokenBrackets(await requests.ask(part, options)) };
}

function brokenFile(file: TurnFile): TurnFile {
  const named = { ...file, name: brokenBrackets(file.name) };
  if (!TEXT_FILE.test(file.mediaType)) return named;
  const bytes = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength);
  if (!bytes.includes("⟦")) return named;
  return { ...named, bytes: Buffer.from(bytes.toString("latin1").replace(OPENING_BYTES, "$& "), "latin1") };
}
