import type { Json } from "./mutation.ts";

const GUILD = "100000000000000001";
const CHANNEL = "100000000000000002";
const PERSON = "100000000000000003";
const BOT = "100000000000000004";
const MESSAGE = "1300000000000000000";

const slackBody = (event: Json): Json => ({
  team_id: "T0HOME",
  api_app_id: "A0PARLEY",
  type: "event_callback",
  event_id: "Ev0001",
  event_time: 1_762_000_000,
  authorizations: [{ team_id: "T0HOME", user_id: "U0PARLEY", is_bot: true }],
  event,
});
const slackMessage = {
  type: "message",
  user: "U0ANN",
  text: "hi",
  ts: "1762000000.000100",
  channel: "C1",
  channel_type: "channel",
};

/** Deliveries of Slack's Events API. */
export const SLACK_EVENTS: readonly Json[] = [
  slackBody({ ...slackMessage, text: "<@U0PARLEY> see <https://x.example|x> *b* ~s~ `c`\n> q\n```\ncode\n```" }),
  slackBody({
    ...slackMessage,
    thread_ts: "1762000000.000050",
    blocks: [
      {
        type: "rich_text",
        elements: [
          {
            type: "rich_text_section",
            elements: [
              { type: "user", user_id: "U0PARLEY" },
              { type: "text", text: " hi", style: { bold: true } },
              { type: "emoji", name: "wave", unicode: "1f44b" },
              { type: "link", url: "https://x.example", text: "x" },
            ],
          },
          {
            type: "rich_text_list",
            style: "ordered",
            indent: 1,
            offset: 2,
            elements: [{ type: "rich_text_section", elements: [{ type: "text", text: "item" }] }],
          },
          { type: "rich_text_preformatted", elements: [{ type: "text", text: "code" }] },
          { type: "rich_text_quote", elements: [{ type: "text", text: "quote" }] },
        ],
      },
    ],
    files: [{ id: "F1", name: "a.png", mimetype: "image/png", size: 5, url_private: "https://files.slack.com/a" }],
    attachments: [{ text: "forwarded", author_name: "Ann", is_share: true }],
  }),
  slackBody({
    type: "message",
    subtype: "message_changed",
    channel: "C1",
    ts: "1762000001.000100",
    message: { ...slackMessage, edited: { user: "U0ANN", ts: "1762000001.000000" }, text: "new" },
    previous_message: slackMessage,
  }),
  slackBody({
    type: "message",
    subtype: "message_deleted",
    channel: "C1",
    ts: "1762000002.000100",
    deleted_ts: "1762000000.000100",
  }),
  slackBody({
    type: "message",
    subtype: "bot_message",
    bot_id: "B1",
    username: "bot",
    channel: "C1",
    ts: "1762000003.000100",
    text: "x",
  }),
  slackBody({
    type: "reaction_added",
    user: "U0ANN",
    reaction: "eyes",
    item: { type: "message", channel: "C1", ts: "1762000000.000100" },
    event_ts: "1762000004.000100",
  }),
  slackBody({
    type: "member_joined_channel",
    user: "U0ANN",
    channel: "C1",
    channel_type: "C",
    event_ts: "1762000005.000100",
  }),
  slackBody({ type: "channel_rename", channel: { id: "C1", name: "new" }, event_ts: "1762000006.000100" }),
  slackBody({ type: "app_mention", user: "U0ANN", text: "<@U0PARLEY> hi", ts: "1762000007.000100", channel: "C1" }),
];

/** Interactive payloads of Slack. */
export const SLACK_INTERACTIONS: readonly Json[] = [
  {
    type: "block_actions",
    user: { id: "U0ANN", name: "ann" },
    team: { id: "T0HOME" },
    channel: { id: "C1", name: "general" },
    container: { message_ts: "1762000000.000100", channel_id: "C1" },
    message: slackMessage,
    trigger_id: "t",
    response_url: "https://hooks.slack.com/x",
    actions: [
      { action_id: "parley_approval:0:ap1", block_id: "b", value: "y", type: "button", action_ts: "1762000008.000100" },
    ],
  },
  {
    type: "view_submission",
    user: { id: "U0ANN" },
    team: { id: "T0HOME" },
    view: {
      id: "V1",
      callback_id: "parley_form",
      private_metadata: '{"inputId":"i","channelId":"C1","messageId":"1762000000.000100"}',
      state: { values: { "field:a": { value: { type: "plain_text_input", value: "x" } } } },
    },
  },
];

/** Slash commands of Slack. */
export const SLACK_COMMANDS: readonly Json[] = [
  {
    command: "/parley",
    text: "ask guide what",
    user_id: "U0ANN",
    user_name: "ann",
    team_id: "T0HOME",
    channel_id: "C1",
    channel_name: "general",
    trigger_id: "1.2.3",
    response_url: "https://hooks.slack.com/x",
  },
];

const discordUser = { id: PERSON, username: "ann", global_name: "Ann", discriminator: "0", avatar: null };
export const DISCORD_IDS = { guild: GUILD, channel: CHANNEL, bot: BOT, person: PERSON };

/** Messages of Discord, as MESSAGE_CREATE and MESSAGE_UPDATE carry them. */
export const DISCORD_MESSAGES: readonly Json[] = [
  {
    id: MESSAGE,
    channel_id: CHANNEL,
    guild_id: GUILD,
    type: 0,
    content: `<@${BOT}> see **b** *i* ~~s~~ ||sp|| \`c\` <#${CHANNEL}> <@&${GUILD}> <:e:1> <t:1:R> @everyone\n> q\n- a\n\`\`\`js\ncode\n\`\`\``,
    author: discordUser,
    member: { nick: "A", roles: [], joined_at: "2026-01-01T00:00:00Z" },
    timestamp: "2026-11-21T12:00:00.000000+00:00",
    edited_timestamp: "2026-11-21T12:01:00.000000+00:00",
    mention_everyone: false,
    mentions: [{ ...discordUser, id: BOT, bot: true }],
    mention_roles: [GUILD],
    attachments: [
      {
        id: "5",
        filename: "a.png",
        size: 5,
        url: "https://cdn.discordapp.com/a.png",
        content_type: "image/png",
        flags: 0,
      },
    ],
    embeds: [{ title: "t", description: "d" }],
    sticker_items: [{ id: "7", name: "s", format_type: 1 }],
    poll: { question: { text: "?" }, answers: [{ answer_id: 1, poll_media: { text: "y" } }] },
    components: [{ type: 10, content: "text" }],
    flags: 0,
  },
  {
    id: MESSAGE,
    channel_id: CHANNEL,
    type: 19,
    content: "reply",
    author: discordUser,
    timestamp: "2026-11-21T12:00:00Z",
    message_reference: { type: 0, message_id: MESSAGE, channel_id: CHANNEL },
    referenced_message: null,
    mentions: [],
    attachments: [],
  },
  {
    id: MESSAGE,
    channel_id: CHANNEL,
    type: 0,
    content: "",
    author: { ...discordUser, bot: true },
    webhook_id: "9",
    application_id: "9",
    message_reference: { type: 1, message_id: MESSAGE },
    message_snapshots: [{ message: { content: "forwarded", attachments: [], embeds: [] } }],
  },
];

/** Other events of Discord's gateway. */
export const DISCORD_EVENTS: readonly Json[] = [
  { channel_id: CHANNEL, guild_id: GUILD, ids: [MESSAGE], id: MESSAGE },
  {
    channel_id: CHANNEL,
    guild_id: GUILD,
    message_id: MESSAGE,
    user_id: PERSON,
    emoji: { id: null, name: "👀" },
    member: { user: discordUser },
  },
  {
    id: CHANNEL,
    guild_id: GUILD,
    type: 0,
    name: "general",
    parent_id: null,
    position: 1,
    permission_overwrites: [{ id: GUILD, type: 0, allow: "1024", deny: "0" }],
  },
  {
    id: MESSAGE,
    guild_id: GUILD,
    parent_id: CHANNEL,
    type: 11,
    name: "thread",
    owner_id: PERSON,
    thread_metadata: { archived: false, locked: false },
    newly_created: true,
  },
  {
    guild_id: GUILD,
    user: discordUser,
    roles: [GUILD],
    nick: null,
    communication_disabled_until: null,
    joined_at: "2026-01-01T00:00:00Z",
  },
  { guild_id: GUILD, role: { id: GUILD, name: "r", permissions: "1024" }, role_id: GUILD },
  { id: GUILD, name: "Guild", owner_id: PERSON, roles: [], channels: [], threads: [], members: [] },
];

export const DISCORD_INTERACTIONS: readonly Json[] = [
  {
    id: MESSAGE,
    application_id: "9",
    type: 2,
    token: "tok",
    guild_id: GUILD,
    channel_id: CHANNEL,
    channel: { id: CHANNEL, type: 0, name: "general" },
    member: { user: discordUser, permissions: "1024" },
    data: {
      id: "1",
      name: "parley",
      type: 1,
      options: [{ name: "ask", type: 1, options: [{ name: "text", type: 3, value: "hi", focused: true }] }],
    },
  },
  {
    id: MESSAGE,
    application_id: "9",
    type: 3,
    token: "tok",
    guild_id: GUILD,
    channel_id: CHANNEL,
    member: { user: discordUser },
    message: { id: MESSAGE, channel_id: CHANNEL, flags: 0 },
    data: { custom_id: "parley:approve:0:ap1", component_type: 2 },
  },
  {
    id: MESSAGE,
    application_id: "9",
    type: 5,
    token: "tok",
    channel_id: CHANNEL,
    user: discordUser,
    data: {
      custom_id: "parley:form:in1",
      components: [{ type: 18, component: { type: 4, custom_id: "a", value: "x" } }],
    },
  },
];

const matrixEvent = (type: string, content: Json, more: { readonly [key: string]: Json } = {}): Json => ({
  type,
  content,
  event_id: "$event1",
  sender: "@alice:parley.test",
  origin_server_ts: 1_795_000_000_000,
  ...more,
});

/** Events of a Matrix room. */
export const MATRIX_EVENTS: readonly Json[] = [
  matrixEvent("m.room.message", {
    msgtype: "m.text",
    body: "> <@bob:parley.test> quoted\n\n@parley:parley.test hi",
    format: "org.matrix.custom.html",
    formatted_body:
      '<mx-reply>old</mx-reply><p><a href="https://matrix.to/#/@parley:parley.test">Parley</a> <b>b</b> <code>c</code></p><pre><code class="language-js">x</code></pre><ul><li>a</li></ul><table><tr><td>c</td></tr></table>',
    "m.mentions": { user_ids: ["@parley:parley.test"], room: true },
    "m.relates_to": {
      rel_type: "m.thread",
      event_id: "$root",
      "m.in_reply_to": { event_id: "$other" },
      is_falling_back: true,
    },
  }),
  matrixEvent("m.room.message", {
    msgtype: "m.text",
    body: "* new",
    "m.new_content": { msgtype: "m.text", body: "new" },
    "m.relates_to": { rel_type: "m.replace", event_id: "$event0" },
  }),
  matrixEvent("m.room.message", {
    msgtype: "m.audio",
    body: "v.ogg",
    url: "mxc://parley.test/abc",
    info: { mimetype: "audio/ogg", size: 5 },
    "org.matrix.msc3245.voice": {},
    filename: "v.ogg",
  }),
  matrixEvent("m.room.message", {
    msgtype: "m.image",
    body: "p.png",
    file: { url: "mxc://parley.test/abc", key: { k: "x" }, iv: "x", hashes: { sha256: "x" } },
  }),
  matrixEvent("m.sticker", { body: "s", url: "mxc://parley.test/abc", info: {} }),
  matrixEvent("m.reaction", { "m.relates_to": { rel_type: "m.annotation", event_id: "$event0", key: "👀" } }),
  matrixEvent("m.room.redaction", { redacts: "$event0", reason: "x" }, { redacts: "$event0" }),
  matrixEvent(
    "m.room.member",
    { membership: "join", displayname: "Alice" },
    { state_key: "@alice:parley.test", unsigned: { prev_content: { membership: "leave" } } },
  ),
  matrixEvent("m.room.name", { name: "Room" }, { state_key: "" }),
  matrixEvent("m.room.tombstone", { body: "moved", replacement_room: "!new:parley.test" }, { state_key: "" }),
  matrixEvent(
    "m.room.power_levels",
    { users: { "@alice:parley.test": 100 }, events: {}, state_default: "50" },
    { state_key: "" },
  ),
  matrixEvent("m.room.message", { msgtype: "m.text", body: "!parley approve x", "m.mentions": {} }),
];

/** Entries of the web room's log. */
export const WEB_EVENTS: readonly Json[] = [
  {
    organizationId: "main",
    roomId: "r_1",
    seq: 5,
    kind: "message_created",
    personId: "p_1",
    personName: "Mara",
    occurredAt: "2026-11-21T12:00:00.000Z",
    revision: 0,
    traceId: "0123456789abcdef0123456789abcdef",
    room: { name: "general", kind: "public" },
    body: {
      messageId: "m_1",
      content: [
        { type: "text", markdown: "hi" },
        { type: "mention", target: "agent", id: "guide", name: "guide" },
      ],
      mentions: { people: [], agents: ["guide"], everyone: false },
    },
  },
];
