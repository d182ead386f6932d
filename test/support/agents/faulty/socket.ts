import { setTimeout as pause } from "node:timers/promises";
import { callApi } from "../../app/call-api.ts";
import { DialInAgent, type TurnStart } from "../dial-in-agent.ts";
import { DRIP_MS, type Fault, type FaultyKind, FINE, HALF, NEVER, ODD, SEEN_MS } from "./fault.ts";

const text = (markdown: string) => ({ type: "text_delta", markdown });

export const faultySocket: FaultyKind = {
  impossible: {},
  sees: {
    crash_midway: { answer: /^once$/u, because: "it dials in again, and is given the turn anew" },
    nesting: { answer: /^once$/u, because: "a frame that cannot be taken is refused by itself, and its turn goes on" },
    poison: { notice: /^\S+ cannot be reached right now\.$/u, because: "it is given the turn anew, ten times at most" },
  },
  turnTimeoutMs: 10_000,
  idleTimeoutMs: 2_500,
  async start(fault, { handle, tooLate }) {
    let [isWell, asked, isStopped] = [false, 0, false];
    let parley = { url: "", token: "" };
    let agent: DialInAgent | undefined;
    const dial = async (): Promise<void> => {
      const { url, token } = parley;
      agent = await DialInAgent.dial(url, {
        token,
        async onTurn(start, on) {
          asked += 1;
          if (isWell) on.answer(start, FINE);
          else await show(fault, start, { on, tooLate, asked });
        },
      });
      // As the client of agent authors does: whoever was cut off comes back.
      void agent.closed.then(() => (isStopped ? undefined : dial()));
    };
    return {
      connector: { kind: "socket" },
      async join({ url, token }) {
        const path = `/api/agents/${handle}/token`;
        const { body } = await callApi<{ secret: string }>({ url, token }, { method: "POST", path });
        parley = { url, token: body.secret };
        await dial();
      },
      recover() {
        isWell = true;
      },
      asked: () => asked,
      open: () => agent?.open.size ?? 0,
      async stop() {
        isStopped = true;
        await agent?.close();
      },
    };
  },
};

interface Stage {
  readonly on: DialInAgent;
  readonly tooLate: Promise<void>;
  readonly asked: number;
}

async function show(fault: Fault, start: TurnStart, { on, tooLate, asked }: Stage): Promise<void> {
  const { turnId, attempt } = start.turn;
  const say = (event: unknown): boolean => on.event(turnId, event);
  const numbered = (id: string, n: number, event: { type: "done" } | { type: "text_delta"; markdown: string }): void =>
    on.send({ type: "event", turnId: id, attempt, n, event });
  on.accept(start);
  switch (fault) {
    case "hang":
      return;
    case "drip":
      while (say(text("."))) await pause(DRIP_MS);
      return;
    case "crash_midway":
      if (asked > 1) return on.answer(start, "once");
      say(text(HALF));
      await pause(SEEN_MS);
      return on.drop();
    case "bad_json":
      on.raw('{"type": "event", "turnId');
      say({ type: "part" });
      return;
    case "bad_schema":
      say({ type: "part", part: { type: "text", markdown: 7 } });
      return;
    case "odd_characters":
      say(text(ODD));
      say({ type: "done" });
      return;
    case "many_parts":
      for (let count = 0; count < 100_000; count += 1)
        if (!(await on.eventInWindow(turnId, { type: "part", part: { type: "text", markdown: "x" } }))) return;
      return;
    case "nesting":
      on.raw(`{"type": "event", "turnId": "${turnId}", "part": ${"[".repeat(500_000)}`);
      say(text("once"));
      say({ type: "done" });
      return;
    case "endless":
      while (await on.eventInWindow(turnId, text("x".repeat(1_000))));
      return;
    case "twice":
      for (let time = 1; time <= 2; time += 1) {
        numbered(turnId, 1, { type: "text_delta", markdown: "once" });
        numbered(turnId, 2, { type: "done" });
      }
      numbered(turnId, 3, { type: "text_delta", markdown: NEVER });
      return;
    case "late":
      await tooLate;
      numbered(turnId, 1, { type: "text_delta", markdown: NEVER });
      numbered(turnId, 2, { type: "done" });
      return;
    case "other_turn":
      numbered("t_of_somebody_else", 1, { type: "text_delta", markdown: NEVER });
      say(text("once"));
      say({ type: "done" });
      return;
    case "poison":
      say(text(HALF));
      return on.drop();
  }
}
