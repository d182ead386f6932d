import { ContentBuilder, type ParsedContent } from "../shared/content-builder.ts";
import type { InboundContext } from "./inbound-context.ts";

/** Who a message names by its own account, apart from its words. */
export interface NamedAccounts {
  readonly userIds: readonly string[];
  readonly everyone: boolean;
}

export type MessageContext = Pick<InboundContext, "userId" | "botName" | "agents" | "agentOf" | "room">;

/** A user id in words: nobody is named by it, and the name in it is no handle of an agent. Signs at its end belong to the sentence. */
const USER_ID = /@[^\s:@<>()[\]"']{1,200}:[A-Za-z0-9.:-]{0,199}[A-Za-z0-9]/gu;

/**
 * Collects the blocks of one message. Who is named is decided by `m.mentions` where the message has it, whatever links its words
 * hold; handles of agents in the words count always.
 */
export class MessageContent {
  readonly #context: MessageContext;
  readonly #named: NamedAccounts | undefined;
  readonly #into: ContentBuilder;
  #botInText = false;

  constructor(context: MessageContext, named: NamedAccounts | undefined) {
    this.#context = context;
    this.#named = named;
    this.#into = new ContentBuilder({
      botUserId: context.userId,
      botName: context.botName,
      agents: context.agents,
      person: (userId) => {
        const name = context.room.state.member(userId)?.name;
        return name === undefined ? undefined : { name };
      },
    });
  }

  prose(markdown: string): void {
    let from = 0;
    for (const match of markdown.includes("@") ? markdown.matchAll(USER_ID) : []) {
      this.#into.prose(markdown.slice(from, match.index));
      const agent = this.#context.agentOf(match[0]);
      if (agent === undefined) this.#into.verbatim(match[0]);
      else this.#into.prose(`@${agent}`);
      from = match.index + match[0].length;
    }
    this.#into.prose(markdown.slice(from));
  }

  /** Words that name nobody: code within a line. */
  verbatim(markdown: string): void {
    this.#into.verbatim(markdown);
  }

  /** A person, the bot or a puppet at its place in the text. */
  account(userId: string, shownName: string): void {
    const agent = this.#context.agentOf(userId);
    if (userId === this.#context.userId) this.#botInText = true;
    if (agent === undefined) this.#into.person(userId, shownName || undefined);
    else this.#into.prose(`@${agent}`);
  }

  channel(roomId: string, name: string): void {
    this.#into.channel(roomId, name.replace(/^#/u, "") || undefined);
  }

  code(code: string, language: string | undefined): void {
    this.#into.code(code, language === "" ? undefined : language);
  }

  quote(markdown: string): void {
    this.#into.quote(markdown);
  }

  media(block: Parameters<ContentBuilder["media"]>[0]): void {
    this.#into.media(block);
  }

  finish(): ParsedContent {
    const { content, mentions } = this.#into.finish();
    const named = this.#named;
    if (named === undefined) return { content, mentions };
    const { userId, agentOf } = this.#context;
    const puppets = named.userIds.flatMap((id) => agentOf(id) ?? []);
    const people = named.userIds.filter((id) => id !== userId && agentOf(id) === undefined);
    const bot = named.userIds.includes(userId) && (mentions.bot || !this.#botInText);
    return {
      content,
      mentions: {
        people: [...new Set(people)].slice(0, 200),
        agents: [...new Set([...mentions.agents, ...puppets])].slice(0, 50),
        everyone: named.everyone,
        bot,
      },
    };
  }
}
