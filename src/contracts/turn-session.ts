/**
 * What a connector remembers of an agent in one conversation between turns, such as the id of the session that the agent keeps there.
 *
 * Durable, encrypted at rest, keyed by agent and conversation with no fall-back to any other; forgotten when the agent is removed.
 */
export interface TurnSession {
  /** What was written last; undefined when there is nothing. */
  read(): Promise<string | undefined>;
  /** At most 16 KiB; replaces what there was. An empty string forgets it. */
  write(value: string): Promise<void>;
}
