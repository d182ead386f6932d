import fc from "fast-check";
import { until } from "../app/slack-app.ts";
import type { CanaryModel, ModelChannel } from "./model.ts";
import { callsAsWords, canariesIn, type ToolCall } from "./mole.ts";
import type { CanaryWorld } from "./world.ts";

/** Fifty channels in four organizations; names are the same in all of them. */
export const CHANNELS = 50;
const ANSWER_MS = 20_000;

const KINDS = [
  "post",
  "post",
  "post",
  "thread",
  "ask",
  "ask",
  "ask",
  "edit",
  "delete",
  "join",
  "leave",
  "bot_out",
  "bot_in",
] as const;

/** One thing that happens; numbers pick from what there is. */
export interface Operation {
  readonly kind: (typeof KINDS)[number] | "restart";
  readonly channel: number;
  readonly person: number;
  readonly pick: number;
  readonly calls: readonly { readonly tool: number; readonly channel: number; readonly how: number }[];
}

const anyOperation = fc.record({
  kind: fc.oneof(
    { weight: 600, arbitrary: fc.constantFrom(...KINDS) },
    { weight: 1, arbitrary: fc.constant("restart" as const) },
  ),
  channel: fc.nat(CHANNELS - 1),
  person: fc.nat(3),
  pick: fc.nat(1_000),
  calls: fc.array(fc.record({ tool: fc.nat(3), channel: fc.nat(CHANNELS - 1), how: fc.nat(3) }), { maxLength: 3 }),
});

/** What is being tested, with what has been found. */
export interface CanaryRun {
  readonly world: CanaryWorld;
  readonly model: CanaryModel;
  readonly findings: string[];
  asked: number;
  answered: number;
  operations: number;
  logRead: number;
  linesRead: number;
}

/** New channels, silently, so that runs on one world do not know each other's. */
export function newRun(world: CanaryWorld, model: CanaryModel): CanaryRun {
  const channels: ModelChannel[] = [];
  for (let index = 0; index < CHANNELS; index += 1) {
    const organization = index % world.organizations.length;
    const space = world.organizations[organization]?.space;
    if (space === undefined) continue;
    const people = space.users.filter((_, person) => (index + person) % 3 !== 0);
    const isPublic = index % 5 === 0;
    const name = `room-${Math.floor(index / world.organizations.length)}`;
    const { id } = world.slack.setup.addChannel(space.team.id, {
      name,
      isPrivate: !isPublic,
      members: [...people, space.bot.botUserId],
    });
    channels.push({ organization, id, name, isPublic, people: new Set(people), bot: true, messages: [] });
  }
  model.begin(channels);
  return {
    world,
    model,
    findings: [],
    asked: 0,
    answered: 0,
    operations: 0,
    logRead: world.slack.log.entries.length,
    linesRead: world.logged.length,
  };
}

/** An operation as fast-check runs and prints it. */
export class OperationCommand implements fc.AsyncCommand<object, CanaryRun> {
  readonly #operation: Operation;

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  check(): boolean {
    return true;
  }

  async run(_model: object, run: CanaryRun): Promise<void> {
    await perform(this.#operation, run);
    run.operations += 1;
    scan(run);
    if (run.findings.length > 0) throw new Error(run.findings.join("\n"));
  }

  toString(): string {
    return JSON.stringify(this.#operation);
  }
}

export const anyOperations = (maxCommands: number): fc.Arbitrary<Iterable<fc.AsyncCommand<object, CanaryRun>>> =>
  fc.commands([anyOperation.map((operation) => new OperationCommand(operation))], { maxCommands, size: "max" });

async function perform(operation: Operation, run: CanaryRun): Promise<void> {
  const { world, model } = run;
  const { slack } = world;
  const channel = model.channels[operation.channel];
  const organization = world.organizations[channel?.organization ?? 0];
  if (channel === undefined || organization === undefined) return;
  const { users, bot } = organization.space;
  const person = [...channel.people][operation.person % Math.max(1, channel.people.size)];
  const anybody = users[operation.person % users.length];
  if (operation.kind === "restart") return await world.restart();
  if (person === undefined || anybody === undefined) return;
  const message = channel.messages[operation.pick % Math.max(1, channel.messages.length)];
  switch (operation.kind) {
    case "post":
    case "thread": {
      const canary = model.put(channel);
      const threadTs = operation.kind === "thread" ? message?.ts : undefined;
      const { ts } = slack.people.postAs(
        person,
        channel.id,
        `words ${canary}`,
        threadTs === undefined ? {} : { threadTs },
      );
      if (threadTs === undefined) channel.messages.push({ ts, author: person, canary });
      break;
    }
    case "edit": {
      if (message === undefined || !channel.people.has(message.author)) return;
      if (channel.bot) model.remove(message.canary);
      message.canary = model.put(channel);
      slack.people.editAs(message.author, channel.id, message.ts, `better ${message.canary}`);
      break;
    }
    case "delete": {
      if (message === undefined || !channel.bot) return;
      model.remove(message.canary);
      channel.messages.splice(channel.messages.indexOf(message), 1);
      slack.people.deleteAs(message.author, channel.id, message.ts);
      break;
    }
    case "join":
      if (channel.people.has(anybody)) return;
      channel.people.add(anybody);
      slack.people.invite(person, channel.id, anybody);
      break;
    case "leave":
      if (channel.people.size < 2) return;
      channel.people.delete(person);
      slack.people.leave(person, channel.id);
      break;
    case "bot_out":
      if (!channel.bot) return;
      channel.bot = false;
      slack.people.kick(person, channel.id, bot.botUserId);
      break;
    case "bot_in":
      if (channel.bot) return;
      channel.bot = true;
      slack.people.invite(person, channel.id, bot.botUserId);
      break;
    case "ask":
      if (channel.bot) await ask(operation, run, channel, person);
      return;
  }
  await slack.deliveries.whenIdle();
}

async function ask(operation: Operation, run: CanaryRun, channel: ModelChannel, person: string): Promise<void> {
  const { slack, organizations } = run.world;
  const organization = organizations[channel.organization];
  if (organization === undefined) return;
  const { mole, space } = organization;
  const calls = operation.calls.flatMap((call) => toCall(call, run, space.team.id));
  const before = mole.seen.length;
  const since = slack.log.entries.length;
  const { ts } = slack.people.postAs(person, channel.id, `<@${space.bot.botUserId}> mole ${callsAsWords(calls)}`);
  run.asked += 1;
  const shown = (): boolean =>
    slack.log.entries
      .slice(since)
      .some((entry) => entry.by === "app" && entry.channel === channel.id && entry.kind === "post");
  await until(shown, ANSWER_MS).then(
    () => void (run.answered += 1),
    () => undefined,
  );
  await slack.deliveries.whenIdle();
  for (const turn of mole.seen.slice(before))
    for (const canary of turn.canaries) {
      const why = run.model.mayNotSee(canary, { channel, by: person });
      if (why !== undefined) run.findings.push(`asked in ${channel.name} (${ts}), an agent saw a canary ${why}`);
    }
}

/** Whatever a hostile caller would try: names, ids of any organization, permalinks, words. */
function toCall(
  call: { readonly tool: number; readonly channel: number; readonly how: number },
  { model }: CanaryRun,
  team: string,
): readonly ToolCall[] {
  const aim = model.channels[call.channel];
  if (aim === undefined) return [];
  const message = aim.messages.at(-1);
  const reference =
    [
      aim.id,
      aim.name,
      `https://${team.toLowerCase()}.slack.com/archives/${aim.id}/p${(message?.ts ?? "").replace(".", "")}`,
      message?.ts ?? aim.id,
    ][call.how] ?? aim.id;
  switch (call.tool) {
    case 0:
      return [{ tool: "conversation_history", input: { conversation: reference, limit: 50 } }];
    case 1:
      return [{ tool: "conversation_search", input: { words: call.how === 0 ? "cnry" : "words", limit: 30 } }];
    case 2:
      return [{ tool: "conversations", input: {} }];
    default:
      return [{ tool: "read_conversation", input: { limit: 50 } }];
  }
}

/** Looks through everything that came out since: posts of the agents, log lines. */
function scan(run: CanaryRun): void {
  const { slack, logged } = run.world;
  for (const entry of slack.log.entries.slice(run.logRead)) {
    if (entry.by !== "app" || entry.text === undefined) continue;
    const channel = run.model.everyChannel.get(entry.channel ?? "");
    for (const canary of canariesIn(entry.text)) {
      const why = channel === undefined ? "in a channel of nobody" : run.model.mayNotStand(canary, channel);
      if (why !== undefined)
        run.findings.push(
          `${entry.method ?? entry.kind} in ${channel?.name ?? entry.channel} (${entry.channel}): ${why}`,
        );
      else if (channel !== undefined) run.model.tell(canary, channel);
    }
  }
  run.logRead = slack.log.entries.length;
  for (const line of logged.slice(run.linesRead))
    if (canariesIn(line).length > 0) run.findings.push(`a log line holds words of people: ${line.slice(0, 200)}`);
  run.linesRead = logged.length;
}
