import { afterEach, describe, expect, it, vi } from "vitest";
import { type AcpRoom, openAcpRoom } from "../../support/acp-agent/room.ts";
import { isAlive } from "../../support/acp-agent/scene.ts";

const TEST_MS = 180_000;
let room: AcpRoom | undefined;

afterEach(() => room?.close());

async function gone(pids: readonly number[]): Promise<void> {
  for (const pid of pids)
    await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false), { timeout: 10_000, interval: 20 });
}

/** Questions to people and answers under a message: each once, whatever was killed. */
async function summary(question: string): Promise<{ asked: number; answers: string[] }> {
  const posts = (await room?.said(question)) ?? [];
  const isQuestion = (post: (typeof posts)[number]) =>
    (post.parts ?? []).some((part) => part.type === "approval_request") || /May I do this/.test(post.text);
  return {
    asked: posts.filter(isQuestion).length,
    answers: posts
      .filter((post) => /permission: /.test(post.text))
      .map((post) => /permission: [\w-]+/.exec(post.text)?.[0] ?? ""),
  };
}

describe("an ACP agent on a laptop, by parley agent run", () => {
  it("answers in the room and asks there for permission; a kill of either side costs neither question nor answer", {
    timeout: TEST_MS,
  }, async () => {
    room = await openAcpRoom("at_a_runner");
    const { control } = room;
    const first = await room.startRunner();
    control.behave("answer");
    await room.shows(await room.ask("hello"), /Hello there\./);

    control.behave("permission");
    const simple = await room.ask("clean up");
    await room.decide(await room.asked(simple), "Allow");
    await room.shows(simple, /permission: yes-once/);

    const overParley = await room.ask("clean up again");
    const open = await room.asked(overParley);
    await room.killParley();
    await room.startParley();
    await room.decide(open, "Reject");
    await room.shows(overParley, /permission: no-once/);
    expect(await summary(overParley)).toEqual({ asked: 1, answers: ["permission: no-once"] });

    const overRunner = await room.ask("and once more");
    const stillOpen = await room.asked(overRunner);
    const pids = control.livePids;
    expect(pids).toHaveLength(1);
    await first.kill9();
    await gone(pids);
    const second = await room.startRunner();
    await room.decide(stillOpen, "Allow");
    await room.shows(overRunner, /permission: yes-once/);
    expect(await summary(overRunner)).toEqual({ asked: 1, answers: ["permission: yes-once"] });

    const last = control.livePids;
    expect(await second.stop()).toBe(0);
    await gone(last);
    expect(second.lines.join("\n")).not.toMatch(/clean up|once more/);
  });
});

describe("an ACP agent under Parley", () => {
  it("dies with a Parley that is killed, and its question and answer survive", { timeout: TEST_MS }, async () => {
    room = await openAcpRoom("in_parley");
    const { control } = room;
    control.behave("permission");
    const question = await room.ask("clean up");
    const open = await room.asked(question);
    const pids = control.livePids;
    await room.killParley();
    await gone(pids);
    await room.startParley();
    await room.decide(open, "Allow");
    await room.shows(question, /permission: yes-once/);
    expect(await summary(question)).toEqual({ asked: 1, answers: ["permission: yes-once"] });
    expect(control.of("method").map(({ method }) => method)).toContain("session/load");
  });
});
