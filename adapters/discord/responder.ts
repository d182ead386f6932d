import type { AdapterSink } from "../../src/contracts/adapter-sink.ts";
import type { AdapterStateStore } from "../../src/contracts/adapter-state.ts";
import { toParleyError } from "../../src/errors/parley-error.ts";
import { abortableSleep } from "../shared/abortable-sleep.ts";
import { BoundedMap } from "../shared/bounded-map.ts";
import type { DiscordClient } from "./client.ts";
import { DISCORD_CODES, discordCode } from "./errors.ts";
import { formModal } from "./forms.ts";
import type { Acknowledgement, InteractionOutcome } from "./inbound-interaction.ts";
import { cutSafely, toDiscordMarkdown } from "./markup.ts";
import { MESSAGE_FLAGS } from "./message-flags.ts";
import { ROUTES } from "./routes.ts";

/** Kinds of answers to an interaction. https://docs.discord.com/developers/interactions/receiving-and-responding#interaction-response-object-interaction-callback-type */
const CALLBACK = { message: 4, deferredMessage: 5, deferredUpdate: 6, suggestions: 8, modal: 9 } as const;
/** Longest text of one answer, in UTF-16 code units. */
export const MAX_ANSWER_CHARS = 2_000;
/** Messages that answer one command, at most. */
const MAX_ANSWERS = 8;
const CUT_NOTE = "\n… (there is more than fits here)";
/** Discord waits 3 s for the first answer; later ones only make a refused call. */
const CALLBACK_TIMEOUT_MS = 3_000;
const ANSWER_RETRY_MS = [150, 400, 1_000] as const;
const FORM_PREFIX = "form:";
const NOBODY = { parse: [] } as const;

/** An interaction that waits for its answer. */
export interface Waiting {
  readonly interactionId: string;
  readonly token: string;
}

/** Answers interactions: at once after their event is stored, later under their token. */
export class Responder {
  readonly #client: DiscordClient;
  readonly #sink: AdapterSink;
  /** Acknowledgements under way or done, by token: a later answer has to wait for its own. */
  readonly #acknowledged = new BoundedMap<string, Promise<void>>({ maxEntries: 10_000, ttlMs: 15 * 60_000 });
  #open = 0;

  constructor(client: DiscordClient, sink: AdapterSink) {
    this.#client = client;
    this.#sink = sink;
  }

  /** Promises the acknowledgement of an interaction whose event is on its way into the ledger. */
  expect(token: string): { readonly settle: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#acknowledged.set(token, promise);
    return { settle: resolve };
  }

  /** Answers an interaction whose event is stored. Never rejects: too late, the person sees a failure and tries again. */
  acknowledge(waiting: Waiting, how: Acknowledgement, asker: string): Promise<void> {
    switch (how.form) {
      case "silent":
        return this.#callback(waiting, { type: CALLBACK.deferredUpdate });
      case "private":
        return this.#callback(waiting, { type: CALLBACK.deferredMessage, data: { flags: MESSAGE_FLAGS.ephemeral } });
      case "question": {
        const words = toDiscordMarkdown(`**${asker}**: ${how.text}`, { mentionable: [], linkHosts: [] });
        const content = cutSafely(words, MAX_ANSWER_CHARS);
        return this.#callback(waiting, {
          type: CALLBACK.message,
          data: { content, allowed_mentions: NOBODY, flags: MESSAGE_FLAGS.suppressEmbeds },
        });
      }
    }
  }

  /** Opens the form that a button stands for; it was kept when the button was posted. Never rejects. */
  async openForm(installationId: string, waiting: Waiting, inputId: string): Promise<void> {
    const modal = await this.#modal(installationId, inputId);
    if (modal !== undefined) return this.#callback(waiting, { type: CALLBACK.modal, data: modal });
    const content = "This form is not known any more; please answer in words.";
    return this.#callback(waiting, {
      type: CALLBACK.message,
      data: { content, allowed_mentions: NOBODY, flags: MESSAGE_FLAGS.ephemeral },
    });
  }

  /** Offers agents whose handle or name begins with what was typed, of those that the person could ask or invite there. Never rejects. */
  suggest(
    waiting: Waiting,
    { typed, word, person }: Extract<InteractionOutcome, { outcome: "suggest" }>,
  ): Promise<void> {
    const wanted = typed.toLowerCase().replace(/^@/u, "");
    const choices = this.#sink
      .agentsFor(person, word === "invite" ? "invite" : "ask")
      .filter(({ handle, name }) => handle.toLowerCase().startsWith(wanted) || name.toLowerCase().startsWith(wanted))
      .slice(0, 25)
      .map(({ handle, name }) => ({ name: `${name} (@${handle})`.slice(0, 100), value: handle.slice(0, 100) }));
    return this.#callback(waiting, { type: CALLBACK.suggestions, data: { choices } });
  }

  /** Says something to the person who gave a command, under its token, which lives 15 minutes; what does not fit into the answer follows it. */
  async answer(applicationId: string, token: string, pieces: readonly string[], signal: AbortSignal): Promise<void> {
    const [content = "…", ...more] = piecesOfAnswer(pieces);
    await this.#edit(applicationId, token, content, signal);
    for (const piece of more)
      await this.#client.call({
        route: ROUTES.executeWebhook(applicationId, token),
        body: {
          content: piece,
          allowed_mentions: NOBODY,
          flags: MESSAGE_FLAGS.suppressEmbeds | MESSAGE_FLAGS.ephemeral,
        },
        signal,
      });
  }

  async #edit(applicationId: string, token: string, content: string, signal: AbortSignal): Promise<void> {
    await this.#acknowledged.get(token);
    const call = {
      route: ROUTES.editInteractionAnswer(applicationId, token),
      body: { content, allowed_mentions: NOBODY, flags: MESSAGE_FLAGS.suppressEmbeds },
      signal,
    };
    for (const pauseMs of ANSWER_RETRY_MS) {
      try {
        await this.#client.call(call);
        return;
      } catch (error) {
        // Another process acknowledges: its call may be a moment behind this one.
        const early =
          discordCode(error) === DISCORD_CODES.unknownMessage || discordCode(error) === DISCORD_CODES.unknownWebhook;
        if (!early) throw error;
        await abortableSleep(pauseMs, signal);
      }
    }
    await this.#client.call(call);
  }

  /** Resolves when no acknowledgement is under way. */
  async drained(): Promise<void> {
    while (this.#open > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  async #modal(installationId: string, inputId: string): Promise<ReturnType<typeof formModal>> {
    try {
      const key = FORM_PREFIX + inputId;
      const row = (await this.#sink.state.read(installationId, key)).get(key);
      return row === undefined ? undefined : formModal(JSON.parse(new TextDecoder().decode(row)));
    } catch (error) {
      this.#sink.logger.warn({ installationId, err: error }, "a form could not be read");
      return undefined;
    }
  }

  async #callback(
    { interactionId, token }: Waiting,
    body: Parameters<DiscordClient["call"]>[0]["body"],
  ): Promise<void> {
    this.#open += 1;
    try {
      const route = ROUTES.interactionCallback(interactionId, token);
      await this.#client.call({
        route,
        ...(body === undefined ? {} : { body }),
        timeoutMs: CALLBACK_TIMEOUT_MS,
        paced: false,
      });
    } catch (error) {
      const fault = toParleyError(error);
      this.#sink.logger.warn(
        { code: fault.code, detail: fault.detail },
        "an interaction of discord could not be acknowledged",
      );
    } finally {
      this.#open -= 1;
    }
  }
}

function piecesOfAnswer(pieces: readonly string[]): readonly string[] {
  if (pieces.length <= MAX_ANSWERS) return pieces;
  const last = cutSafely(pieces[MAX_ANSWERS - 1] ?? "", MAX_ANSWER_CHARS - CUT_NOTE.length);
  return [...pieces.slice(0, MAX_ANSWERS - 1), last + CUT_NOTE];
}

/** Keeps the forms of a message, before its buttons can be pressed. Rejects with LEDGER_UNAVAILABLE. */
export async function keepForms(
  state: AdapterStateStore,
  installationId: string,
  forms: readonly { readonly inputId: string; readonly json: string }[],
): Promise<void> {
  if (forms.length === 0) return;
  const rows = forms.map(({ inputId, json }) => [FORM_PREFIX + inputId, new TextEncoder().encode(json)] as const);
  await state.write(installationId, new Map(rows));
}
