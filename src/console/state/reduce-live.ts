import type { TurnStatus, WebPerson } from "../api/protocol.ts";
import type { Handlers } from "./apply-handlers.ts";
import { type ConsoleState, initialState } from "./model.ts";

/** The session, the connection, people and agents, and what happens this minute: typing and running turns. */
export const liveHandlers: Handlers = {
  signed_in: (state, { me }) => setPerson({ ...state, session: { phase: "signed_in", me } }, me.person),
  // Nothing of one person's rooms may be left for the next one at this machine.
  signed_out: (_state, { notice }) => ({
    ...initialState,
    session: notice === undefined ? { phase: "signed_out" } : { phase: "signed_out", notice },
  }),
  unreachable: (state, { notice }) => ({ ...state, session: { phase: "checking", notice } }),
  connection: (state, action) => ({ ...state, connection: action.state }),
  notice: (state, { kind, text }) => ({ ...state, notice: { kind, text } }),
  notice_dismissed: (state) => ({ ...state, notice: null }),
  people: (state, { people }) => ({
    ...state,
    people: Object.fromEntries(people.map((person) => [person.id, person])),
  }),
  person: (state, { person }) => setPerson(state, person),
  member: (state, { person }) => setPerson(state, person),
  members: (state, { members }) => members.people.reduce(setPerson, state),
  presence: (state, { personId, online }) => {
    const person = state.people[personId];
    return person ? setPerson(state, { ...person, online }) : state;
  },
  agents: (state, { agents }) => ({ ...state, agents }),
  pane: (state, { pane }) => ({ ...state, pane: { ...state.pane, ...pane } }),
  typing: (state, { person }) => ({ ...state, typing: [...othersTyping(state, person.personId), person] }),
  typing_expired: (state, { nowMs }) => {
    const typing = state.typing.filter((person) => person.untilMs > nowMs);
    return typing.length === state.typing.length ? state : { ...state, typing };
  },
  post: (state, { post }) => {
    const typing = othersTyping(state, post.author.id);
    return typing.length === state.typing.length ? state : { ...state, typing };
  },
  turn: (state, { turn }) => ({ ...state, turns: withTurn(state.turns, turn) }),
  work: (state, { roomId, work }) => ({
    ...state,
    turns: [...state.turns.filter((turn) => turn.roomId !== roomId), ...work.turns],
    work: { ...state.work, [roomId]: work },
  }),
};

function othersTyping(state: ConsoleState, personId: string): ConsoleState["typing"] {
  return state.typing.filter((person) => person.personId !== personId);
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
