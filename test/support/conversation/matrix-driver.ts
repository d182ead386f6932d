import { randomBytes } from "node:crypto";
import { matrixRegistration } from "../../../adapters/matrix/registration.ts";
import { isRedacted, MatrixPerson, type RoomEvent, RoomLog, relationOf, startSynapse } from "../matrix/index.ts";
import { AGENT, type ChatDriver, PERSON, type SayOptions, type ShownPost } from "./chat-driver.ts";
import { until } from "./until.ts";

const SENDER = "parley";
const PREFIX = "parley_";
/** The agents of every Parley are in the room, too, as they are in a channel of the one bot. */
const OTHERS = ["guide", "assistant"];

/** A room of a real Synapse, in which the agent has an account of its own: Parley is an application service there. */
export async function matrixDriver(parleyUrl: string): Promise<ChatDriver> {
  const tokens = { appServiceToken: randomBytes(24).toString("hex"), homeserverToken: randomBytes(24).toString("hex") };
  const registration = matrixRegistration({
    url: parleyUrl,
    ...tokens,
    senderLocalpart: SENDER,
    puppetPrefix: PREFIX,
  });
  const synapse = await startSynapse({ applicationServices: [registration] });
  const account = await synapse.register({ localpart: PERSON.toLowerCase(), displayName: PERSON });
  const person = new MatrixPerson(synapse.url, account);
  const log = new RoomLog(synapse.url, account.accessToken);
  const accountOf = (handle: string): string => `@${PREFIX}${handle}:${synapse.serverName}`;
  const puppet = accountOf(AGENT.handle);
  const reactions = new Map<string, string>();
  let room = "";

  /** As clients send it: the name in the text is a link to the account, which is also named apart from the text. */
  const wordsOf = (text: string, thread?: string): object => {
    const pill = `<a href="https://matrix.to/#/${puppet}">${AGENT.name}</a>`;
    const named = text.includes(puppet);
    return {
      body: text.replace(puppet, AGENT.name),
      ...(named && { format: "org.matrix.custom.html", formatted_body: text.replace(puppet, pill) }),
      "m.mentions": named ? { user_ids: [puppet] } : {},
      ...(thread !== undefined && {
        "m.relates_to": {
          rel_type: "m.thread",
          event_id: thread,
          is_falling_back: true,
          "m.in_reply_to": { event_id: thread },
        },
      }),
    };
  };

  async function fileOf({ file }: SayOptions): Promise<object> {
    if (file === undefined) return { msgtype: "m.text" };
    const bytes = new TextEncoder().encode(file.text);
    const url = await person.upload(file.name, bytes, file.mediaType);
    const info = { mimetype: file.mediaType, size: bytes.length };
    return { msgtype: "m.file", filename: file.name, url, info };
  }

  async function postsIn(thread: string | undefined): Promise<readonly ShownPost[]> {
    const own = (await log.events(room)).filter(
      (event) => event.type === "m.room.message" && event.sender !== person.userId && !isRedacted(event),
    );
    const edits = own.filter((event) => relationOf(event).rel_type === "m.replace");
    return await Promise.all(
      own
        .filter((event) => !edits.includes(event) && (thread === undefined || threadOf(event) === thread))
        .map(async (event): Promise<ShownPost> => {
          const edit = edits.findLast((one) => relationOf(one).event_id === event.event_id);
          const content = (edit?.content["m.new_content"] ?? event.content) as Content; // as the specification has it
          const { url } = content;
          return {
            id: event.event_id,
            thread: threadOf(event),
            author: await nameOf(event.sender),
            text: url === undefined ? content.body : "",
            files:
              url === undefined
                ? []
                : [
                    {
                      name: content.filename ?? content.body,
                      read: async () => new TextDecoder().decode(await log.media(url)),
                    },
                  ],
          };
        }),
    );
  }

  async function nameOf(userId: string): Promise<string> {
    const { displayname } = await person.state<{ displayname?: string }>(room, "m.room.member", userId);
    return displayname ?? userId;
  }

  return {
    platform: "matrix",
    livesInParley: false,
    env: {
      MATRIX_HOMESERVER_URL: synapse.url,
      MATRIX_AS_TOKEN: tokens.appServiceToken,
      MATRIX_HS_TOKEN: tokens.homeserverToken,
    },
    channel: () => room,
    async connect() {
      if (room !== "") return;
      const agents = [puppet, ...OTHERS.map(accountOf)];
      room = await person.createRoom({ name: "lab", invite: agents });
      await until("all agents in the room", async () => {
        const members = await log.members(room);
        return agents.every((agent) => members.get(agent) === "join") ? true : undefined;
      });
    },
    address: `@${AGENT.handle}`,
    ask: (words) => `${puppet} ${words}`,
    say: async (text, options = {}) =>
      await person.send(room, "m.room.message", {
        ...(await fileOf(options)),
        ...wordsOf(text, options.thread),
      }),
    async edit(messageId, text) {
      const content = { msgtype: "m.text", ...wordsOf(text) };
      await person.send(room, "m.room.message", {
        ...content,
        body: `* ${text}`,
        "m.new_content": content,
        "m.relates_to": { rel_type: "m.replace", event_id: messageId },
      });
    },
    remove: async (messageId) => void (await person.redact(room, messageId)),
    async react(messageId, emoji) {
      reactions.set(`${messageId} ${emoji}`, await person.react(room, messageId, emoji));
    },
    async unreact(messageId, emoji) {
      await person.redact(room, reactions.get(`${messageId} ${emoji}`) ?? "");
    },
    emojiOf: (reaction) => reaction,
    async choose(post, { index }) {
      const sign = await until("the signs under the question", async () => {
        const seeded = (await log.events(room)).filter(
          (event) => event.type === "m.reaction" && relationOf(event).event_id === post.id,
        );
        return seeded[index] && relationOf(seeded[index]).key;
      });
      await person.react(room, post.id, sign);
    },
    posts: postsIn,
    close: () => synapse.stop(),
  };
}

interface Content {
  readonly body: string;
  readonly filename?: string;
  readonly url?: string;
}

function threadOf(event: RoomEvent): string | undefined {
  const relation = relationOf(event);
  return relation.rel_type === "m.thread" ? relation.event_id : undefined;
}
