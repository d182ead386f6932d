import type { TurnStatus, WebPerson } from "../api/protocol.ts";
import type { Action } from "./action.ts";
import { type ConsoleState, initialState } from "./model.ts";

/** The session, the connection, people and agents, and what happens this minute: typing and running turns. */
export function reduceLive(state: ConsoleState, action: Action): ConsoleState {
  switch (action.type) {
    case "signed_in":
      return setPerson({ ...state, session: { phase: "signed_in", me: action.me } }, action.me.person);
    case "signed_out":
      // Nothing of one person's rooms may be left for the next one at this machine.
      return {
        ...initialState,
        session: action.notice === undefined ? { phase: "signed_out" } : { phase: "signed_out", notice: action.notice },
      };
    case "connection":
      return { ...state, connection: action.state };
    case "notice":
      return { ...state, notice: { kind: action.kind, text: action.text } };
    case "notice_dismissed":
      return { ...state, notice: null };
    case "people":
      return { ...state, people: Object.fromEntries(action.people.map((person) => [person.id, person])) };
    case "person":
      return setPerson(state, action.person);
    case "member":
      return setPerson(state, action.person);
    case "members":
      return action.members.people.reduce(setPerson, state);
    case "presence": {
      const person = state.people[action.personId];
      return person ? setPerson(state, { ...person, online: action.online }) : state;
    }
    case "agents":
      return { ...state, agents: action.agents };
    case "pane":
      return { ...state, pane: { ...state.pane, ...action.pane } };
    case "typing": {
      const others = state.typing.filter((person) => person.personId !== action.person.personId);
      return { ...state, typing: [...others, action.person] };
    }
    case "typing_expired": {
      const typing = state.typing.filter((person) => person.untilMs > action.nowMs);
      return typing.length === state.typing.length ? state : { ...state, typing };
    }
    case "post": {
      const typing = state.typing.filter((person) => person.personId !== action.post.author.id);
      return typing.length === state.typing.length ? state : { ...state, typing };
    }
    case "turn":
      return { ...state, turns: withTurn(state.turns, action.turn) };
    case "work": {
      const elsewhere = state.turns.filter((turn) => turn.roomId !== action.roomId);
      return {
        ...state,
        turns: [...elsewhere, ...action.work.turns],
        work: { ...state.work, [action.roomId]: action.work },
      };
    }
    default:
      return state;
  }
}

function setPerson(state: ConsoleState, person: WebPerson): ConsoleState {
  const next = { ...state, people: { ...state.people, [person.id]: person } };
  if (state.session.phase !== "signed_in" || state.session.me.person.id !== person.id) return next;
  return { ...next, session: { ...state.session, me: { ...state.session.me, person } } };
}

function withTurn(turns: readonly TurnStatus[], turn: TurnStatus): readonly TurnStatus[] {
  const same = (held: TurnStatus) =>
    held.roomId === turn.roomId && held.threadRootId === turn.threadRootId && held.agent.handle === turn.agent.handle;
  if (turn.line === "") return turns.filter((held) => !same(held));
  return turns.some(same) ? turns.map((held) => (same(held) ? turn : held)) : [...turns, turn];
}
