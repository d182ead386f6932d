/** How many turns a process runs and how many of each agent; a turn that waits for people leaves its slot to others meanwhile. */
export interface TurnSlots {
  take(agentId: string): void;
  leave(agentId: string): void;
  /** The turn waits for people; until the returned function is called it counts for nothing, unless very many wait already. */
  rest(agentId: string): () => void;
  readonly free: number;
  of(agentId: string): number;
}

/** `onFree` is called when a slot was left by a turn that waits. */
export function createTurnSlots(most: number, onFree: () => void): TurnSlots {
  const byAgent = new Map<string, number>();
  let used = 0;
  let resting = 0;

  function count(agentId: string, change: 1 | -1): void {
    used += change;
    const now = (byAgent.get(agentId) ?? 0) + change;
    if (now === 0) byAgent.delete(agentId);
    else byAgent.set(agentId, now);
  }

  return {
    take: (agentId) => count(agentId, 1),
    leave: (agentId) => count(agentId, -1),
    rest(agentId) {
      // Turns that wait cost memory: as many as may run may also wait.
      if (resting >= most) return () => undefined;
      resting += 1;
      count(agentId, -1);
      onFree();
      let over = false;
      return () => {
        if (over) return;
        over = true;
        resting -= 1;
        count(agentId, 1);
      };
    },
    get free() {
      return most - used;
    },
    of: (agentId) => byAgent.get(agentId) ?? 0,
  };
}
