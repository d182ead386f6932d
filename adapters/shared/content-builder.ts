import { type ContentBlock, MAX_BLOCK_TEXT_CHARS } from "../../src/envelope/content.ts";
import type { AgentIndex } from "./agent-index.ts";

/** Who is who where a message was said: the installation's own bot, its agents, the people it knows. */
export interface ContentContext {
  readonly botUserId: string;
  readonly botName: string;
  readonly agents: AgentIndex;
  readonly person: (userId: string) => { readonly name: string } | undefined;
}

export interface ParsedContent {
  readonly content: ContentBlock[];
  readonly mentions: { people: string[]; agents: string[]; everyone: boolean; bot: boolean };
}

const MAX_BLOCKS = 500;
const MAX_PEOPLE = 200;
const MAX_AGENTS = 50;
/** `@handle` that is no part of an address, a path or another word. */
const HANDLE = /(?<![\w@./:-])@([A-Za-z][A-Za-z0-9_-]{0,31})/gu;
const BETWEEN_HANDLES = /^\s*(?:,|&|\+|and\b)\s*/iu;

/** Collects the blocks of one message and who it names, within the envelope's limits. */
export class ContentBuilder {
  readonly #context: ContentContext;
  readonly #blocks: ContentBlock[] = [];
  readonly #people = new Set<string>();
  readonly #agents = new Set<string>();
  #text = "";
  #everyone = false;
  /** How often the bot was named without an agent behind it. */
  #botMentions = 0;
  /** The bot was just named: the words that follow may say which agent is meant. */
  #botNamedJustNow = false;

  constructor(context: ContentContext) {
    this.#context = context;
  }

  /** Prose in Markdown; handles of agents in it become mentions. */
  prose(markdown: string): void {
    if (markdown === "") return;
    if (this.#botNamedJustNow) this.#whichAgent(markdown);
    if (!markdown.includes("@")) {
      this.#text += markdown;
      return;
    }
    let from = 0;
    for (const match of markdown.matchAll(HANDLE)) {
      const handle = knownHandle(match[1] ?? "", this.#context.agents);
      if (handle === undefined) continue;
      this.#text += markdown.slice(from, match.index);
      from = match.index + 1 + handle.length;
      this.#agents.add(handle);
      this.#mention({ type: "mention", target: "agent", id: handle, name: handle });
    }
    this.#text += markdown.slice(from);
  }

  /** Text that names nobody: inline code, addresses. */
  verbatim(markdown: string): void {
    if (markdown.trim() !== "") this.#botNamedJustNow = false;
    this.#text += markdown;
  }

  person(userId: string, shownName: string | undefined): void {
    const { botUserId, botName, person } = this.#context;
    if (userId === botUserId) {
      this.#mention({ type: "mention", target: "person", id: userId, name: botName });
      this.#botMentions += 1;
      this.#botNamedJustNow = true;
      return;
    }
    this.#people.add(userId);
    this.#mention({ type: "mention", target: "person", id: userId, name: person(userId)?.name ?? shownName ?? userId });
  }

  everyone(word: string): void {
    this.#everyone = true;
    this.#mention({ type: "mention", target: "everyone", name: word });
  }

  channel(channelId: string, name: string | undefined): void {
    this.#mention({ type: "mention", target: "channel", id: channelId, name: name ?? channelId });
  }

  group(groupId: string, name: string | undefined): void {
    this.#mention({ type: "mention", target: "group", id: groupId, name: (name ?? groupId).replace(/^@/u, "") });
  }

  code(code: string, language?: string): void {
    this.#add({
      type: "code",
      code: code.slice(0, MAX_BLOCK_TEXT_CHARS),
      ...(language === undefined ? {} : { language: language.slice(0, 64) }),
    });
  }

  quote(markdown: string, sender?: string): void {
    if (markdown.trim() === "") return;
    this.#add({
      type: "quote",
      markdown: markdown.slice(0, MAX_BLOCK_TEXT_CHARS),
      ...(sender === undefined ? {} : { sender }),
    });
  }

  media(block: Extract<ContentBlock, { type: "media" }>): void {
    this.#add(block);
  }

  finish(): ParsedContent {
    this.#flush();
    return {
      content: this.#blocks.slice(0, MAX_BLOCKS),
      mentions: {
        people: [...this.#people].slice(0, MAX_PEOPLE),
        agents: [...this.#agents].slice(0, MAX_AGENTS),
        everyone: this.#everyone,
        bot: this.#botMentions > 0,
      },
    };
  }

  /** `@Parley guide, assistant: …` names agents of which the bot is only the doorman. */
  #whichAgent(markdown: string): void {
    let rest = markdown.replace(/^[\s,:]+/u, "");
    if (rest === "") return;
    this.#botNamedJustNow = false;
    for (let first = true; ; first = false) {
      const found = this.#context.agents.atStartOf(rest.startsWith("@") ? rest.slice(1) : rest);
      if (found === undefined) return;
      this.#agents.add(found.handle);
      if (first) this.#botMentions -= 1;
      rest = rest.slice(found.length + (rest.startsWith("@") ? 1 : 0));
      const between = BETWEEN_HANDLES.exec(rest)?.[0];
      if (between === undefined) return;
      rest = rest.slice(between.length);
    }
  }

  #mention(block: Extract<ContentBlock, { type: "mention" }>): void {
    this.#botNamedJustNow = false;
    // Close to the limit, mentions go on as words: what was said matters more than its form.
    if (this.#blocks.length >= MAX_BLOCKS - 20)
      this.#text += block.target === "channel" ? `#${block.name}` : `@${block.name}`;
    else this.#add(block);
  }

  #add(block: ContentBlock): void {
    this.#flush();
    this.#blocks.push(block);
  }

  #flush(): void {
    for (let from = 0; from < this.#text.length; from += MAX_BLOCK_TEXT_CHARS)
      this.#blocks.push({ type: "text", markdown: this.#text.slice(from, from + MAX_BLOCK_TEXT_CHARS) });
    this.#text = "";
  }
}

/** `@guide-` and `@guide_` mean guide, unless there is an agent of that very name. */
function knownHandle(word: string, agents: AgentIndex): string | undefined {
  return agents.byHandle(word) ?? agents.byHandle(word.replace(/[_-]+$/u, ""));
}
