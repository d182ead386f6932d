/** One WebSocket of an agent, as its hub needs it; made by whoever speaks HTTP. */
export interface DialInSocket {
  /** Bytes handed over that are not with the network yet. */
  readonly bufferedBytes: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Cuts it off without a word. */
  terminate(): void;
  /** Stops reading: what the agent says waits at the agent. */
  pause(): void;
  resume(): void;
}

/** What happens on a socket; `closed` is called once, whoever closed it. */
export interface DialInReceiver {
  message(bytes: Uint8Array): void;
  /** A frame was larger than the server reads; the socket is being closed for it. */
  tooLarge(): void;
  closed(): void;
}

/** The agent whose token was presented, as it is at this moment. */
export interface DialInPrincipal {
  readonly tokenId: string;
  readonly agentId: string;
  readonly organizationId: string;
  readonly handle: string;
  readonly name: string;
}

/** Takes agents that dial in. */
export interface DialInPort {
  /** Whom a token belongs to now; undefined for one that is unknown, revoked, or of an agent that is removed or stopped. */
  verify(token: string): Promise<DialInPrincipal | undefined>;
  /** Takes a socket whose agent is known by its token, or says in its `hello` who it is. */
  accept(socket: DialInSocket, principal: DialInPrincipal | undefined): DialInReceiver;
  /** Sockets that have not said who they are yet. */
  strangers(): number;
}

/** Whether an agent that dials in is there. `since` is ISO 8601: when it came, or when it was last heard of. */
export interface AgentPresence {
  readonly state: "connected" | "away";
  readonly since?: string;
  /** Name and version of what it dialled in with. */
  readonly client?: string;
}
