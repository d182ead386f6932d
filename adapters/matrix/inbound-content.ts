import { type ContentBlock, MAX_BLOCK_TEXT_CHARS } from "../../src/envelope/content.ts";
import type { InboundContext } from "./inbound-context.ts";

export interface ParsedContent {
  readonly content: ContentBlock[];
  readonly mentions: { people: string[]; agents: string[]; everyone: boolean; bot: boolean };
}

/** Who a message names by its own account, apart from its words. */
export interface NamedAccounts {
  readonly userIds: readonly string[];
  readonly everyone: boolean;
}

export type ContentContext = Pick<InboundContext, "userId" | "botName" | "agents" | "agentOf" | "room">;

const MAX_BLOCKS = 500;
const MAX_PEOPLE = 200;
const MAX_AGENTS = 50;
/** `@handle` that is no part of an address, a path, a user id or another word. */
const HANDLE = /(?<![\w@./:-])@([A-Za-z][A-Za-z0-9_-]{0,31})(?![\w-]*:[\w.-])/gu;
const BETWEEN_HANDLES = /^\s*(?:,|&|\+|and\b)\s*/iu;

/** Collects the blocks of one message and who it names, within the envelope's limits. */
export class ContentBuilder {
  readonly #context: ContentContext;
  readonly #blocks: ContentBlock[] = [];
  readonly #people = new Set<string>();
  readonly #agents = new Set<string>();
  #text = "";
  #everyone = false;
  #botNamed = false;
  /** Agents were named in words right behind the bot's name, which then was only the doorman. */
  #botSpokeFor = false;
  /** The bot was just named: the words that follow may say which agent is meant. */
  #botNamedJustNow = false;

  constructor(context: ContentContext) {
    this.#context = context;
  }

  /** Takes `m.mentions`: what counts, whatever the words say. */
  named({ userIds, everyone }: NamedAccounts): void {
    this.#everyone ||= everyone;
    for (const userId of userIds) this.#name(userId);
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
      const handle = this.#knownHandle(match[1] ?? "");
      if (handle === undefined) continue;
      this.#text += markdown.slice(from, match.index);
      from = match.index + 1 + handle.length;
      this.#agents.add(handle);
      this.#mention({ type: "mention", target: "agent", id: handle, name: handle });
    }
    this.#text += markdown.slice(from);
  }

  /** A person, bot or puppet at its place in the text. It names them only if `counts`: the message's `m.mentions` decides. */
  account(userId: string, shownName: string, counts: boolean): void {
    const { userId: botId, botName, agentOf, room } = this.#context;
    if (counts) this.#name(userId);
    const agent = agentOf(userId);
    if (agent !== undefined) this.#mention({ type: "mention", target: "agent", id: agent, name: agent });
    else
      this.#mention({
        type: "mention",
        target: "person",
        id: userId,
        name: (userId === botId ? botName : room.state.member(userId)?.name) ?? (shownName || userId),
      });
    if (userId === botId) this.#botNamedJustNow = true;
  }

  /** Called after plain text that began with the bot's own name. */
  afterBotName(rest: string): void {
    this.#botNamedJustNow = true;
    this.prose(rest);
  }

  everyone(): void {
    this.#mention({ type: "mention", target: "everyone", name: "room" });
  }

  channel(roomId: string, name: string): void {
    this.#mention({ type: "mention", target: "channel", id: roomId, name: name.replace(/^#/u, "") || roomId });
  }

  code(code: string, language?: string): void {
    this.#add({
      type: "code",
      code: code.slice(0, MAX_BLOCK_TEXT_CHARS),
      ...(language === undefined || language === "" ? {} : { language: language.slice(0, 64) }),
    });
  }

  quote(markdown: string): void {
    if (markdown.trim() !== "") this.#add({ type: "quote", markdown: markdown.slice(0, MAX_BLOCK_TEXT_CHARS) });
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
        bot: this.#botNamed && !this.#botSpokeFor,
      },
    };
  }

  #name(userId: string): void {
    const agent = this.#context.agentOf(userId);
    if (agent !== undefined) this.#agents.add(agent);
    else if (userId === this.#context.userId) this.#botNamed = true;
    else this.#people.add(userId);
  }

  /** `@Parley guide, assistant: …` names agents of which the bot is only the doorman. */
  #whichAgent(markdown: string): void {
    let rest = markdown.replace(/^[\s,:]+/u, "");
    if (rest === "") return;
    this.#botNamedJustNow = false;
    for (;;) {
      const found = this.#context.agents.atStartOf(rest.startsWith("@") ? rest.slice(1) : rest);
      if (found === undefined) return;
      this.#agents.add(found.handle);
      this.#botSpokeFor = true;
      rest = rest.slice(found.length + (rest.startsWith("@") ? 1 : 0));
      const between = BETWEEN_HANDLES.exec(rest)?.[0];
      if (between === undefined) return;
      rest = rest.slice(between.length);
    }
  }

  /** `@guide-` and `@guide_` mean guide, unless there is an agent of that very name. */
  #knownHandle(word: string): string | undefined {
    const { agents } = this.#context;
    return agents.byHandle(word) ?? agents.byHandle(word.replace(/[_-]+$/u, ""));
  }

  #mention(block: Extract<ContentBlock, { type: "mention" }>): void {
    this.#botNamedJustNow = false;
    // Close to the limit, mentions go on as words: what was said matters more than its form.
    if (this.#blocks.length >= MAX_BLOCKS - 20) this.#text += `@${block.name}`;
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
