import type { AgentConnector, ConnectorEvent } from "../../contracts/connector.ts";
import type { ReplyPart } from "../../envelope/reply.ts";
import { withoutCommands } from "./broken-brackets.ts";
import { type CommandParser, createCommandParser, type WrittenCommand } from "./command-parser.ts";

/** Takes the commands out of what one turn's agent writes, before anything of it is shown. */
export interface CommandFilter {
  /** The same connector, the text of which has no commands any more, and which is given nobody else's words as commands. */
  wrap(connector: AgentConnector): AgentConnector;
  /** Whole parts without their commands; of a text that was nothing else nothing is left. */
  strip(parts: readonly ReplyPart[]): readonly ReplyPart[];
  /** The commands so far, in the order in which they were written. */
  readonly commands: readonly WrittenCommand[];
}

/** Commands of one reply that are carried out; the others are left out and answered with an error. */
export const MAX_COMMANDS = 20;
/** Beyond it what is written is no longer kept, only left out. */
const MAX_KEPT = 100;

export function createCommandFilter(): CommandFilter {
  const commands: WrittenCommand[] = [];
  const keep = (command: WrittenCommand): void => {
    if (commands.length < MAX_KEPT) commands.push(command);
  };

  function whole(text: string): string {
    const parser = createCommandParser(keep);
    return parser.feed(text) + parser.end();
  }

  async function* filtered(events: AsyncIterable<ConnectorEvent>): AsyncGenerator<ConnectorEvent> {
    const parser = createCommandParser(keep);
    for await (const event of events) {
      if (event.type === "text_delta") yield { ...event, markdown: parser.feed(textOf(event.markdown)) };
      else {
        yield* rest(parser);
        if (event.type !== "part" || event.part.type !== "text") yield event;
        else yield { ...event, part: { ...event.part, ...stripped(event.part) } };
      }
    }
    yield* rest(parser);
  }

  /** The plain text goes with the words it stands for. */
  function stripped(part: { readonly markdown: string }): {
    readonly markdown: string;
    readonly fallbackText?: string;
  } {
    const markdown = whole(textOf(part.markdown));
    return markdown === part.markdown ? { markdown } : { markdown, fallbackText: markdown };
  }

  return {
    commands,
    wrap: (connector) => ({
      kind: connector.kind,
      features: connector.features,
      invoke(request, io) {
        const given = withoutCommands(request, io);
        return filtered(connector.invoke(given.request, given.io));
      },
      check: (signal) => connector.check(signal),
      close: () => connector.close(),
    }),
    strip: (parts) =>
      parts
        .map((part): ReplyPart => (part.type === "text" ? { ...part, ...stripped(part) } : part))
        .filter((part) => part.type !== "text" || part.markdown.trim() !== ""),
  };
}

function* rest(parser: CommandParser): Generator<ConnectorEvent> {
  const markdown = parser.end();
  if (markdown !== "") yield { type: "text_delta", markdown };
}

/** What is no text is refused with the event it is in. */
function textOf(markdown: unknown): string {
  return typeof markdown === "string" ? markdown : "";
}
