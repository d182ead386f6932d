/** The agent of the conversation: the same for every platform. */
export const AGENT = { handle: "scribe", name: "Scribe" } as const;

export interface FileToSend {
  readonly name: string;
  readonly mediaType: string;
  readonly text: string;
}

/** A message of Parley's as the platform itself keeps it, in its newest version. */
export interface ShownPost {
  readonly id: string;
  /** Id of the thread's root; undefined in the channel itself. */
  readonly thread: string | undefined;
  /** Under whose name people see it. */
  readonly author: string;
  readonly text: string;
  readonly files: readonly ShownFile[];
}

export interface ShownFile {
  readonly name: string;
  /** What is in it, from the platform. */
  read(): Promise<string>;
}

export interface SayOptions {
  /** Id of the thread's root. Default: in the channel itself. */
  readonly thread?: string;
  readonly file?: FileToSend;
}

/**
 * One person in one channel of one platform, and the platform's own record of what Parley posted there.
 *
 * Nothing of it goes through Parley but what a person of that platform does by Parley itself (the web room). Ids are the
 * platform's; `say` resolves as soon as the platform took the message.
 */
export interface ChatDriver {
  readonly platform: string;
  /** Where Parley is the platform, people can write again when it runs again. */
  readonly livesInParley: boolean;
  /** What is set in the environment beside the one configuration file. */
  readonly env: Readonly<Record<string, string>>;
  /** The platform's id of the channel, after `connect`. */
  channel(): string;
  /** Called after every start of Parley, with its address and the link that signs the owner in. */
  connect(url: string, signInLink: string): Promise<void>;
  /** Words to the agent, as people address it there. */
  ask(words: string): string;
  /** What that address is in the ledger's words. */
  readonly address: string;
  say(text: string, options?: SayOptions): Promise<string>;
  edit(messageId: string, text: string, options?: SayOptions): Promise<void>;
  remove(messageId: string, options?: SayOptions): Promise<void>;
  /** `emoji`: the character itself; a platform that has names for them uses its name. */
  react(messageId: string, emoji: string, options?: SayOptions): Promise<void>;
  unreact(messageId: string, emoji: string, options?: SayOptions): Promise<void>;
  /** The emoji that the platform's name of a reaction stands for. */
  emojiOf(reaction: string): string;
  /** Chooses one option of the question that this post asks. */
  choose(
    post: ShownPost,
    choice: { readonly approvalId: string; readonly index: number; readonly id: string },
  ): Promise<void>;
  /** All that Parley posted in the channel and its threads, or in one thread alone, in the platform's order. */
  posts(thread?: string): Promise<readonly ShownPost[]>;
  close(): Promise<void>;
}

/** The person of every platform. */
export const PERSON = "Nadia";
