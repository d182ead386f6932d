import { MARK_NAME } from "./environment.ts";

/**
 * The shell script that an agent is started by: `sh -c GUARDIAN name command args…`.
 *
 * It leaves a guardian behind in the agent's own process group and becomes the agent. The guardian reads a pipe that Parley alone holds the
 * other end of; when Parley is gone, however it went, the pipe ends, and the guardian kills the agent, then whatever carries the agent's mark
 * (also what has left the group, where the system shows environments under /proc), and the group with itself in it.
 */
export const GUARDIAN = `
(
  trap '' HUP INT TERM
  read -r _ <&3
  kill -KILL $$
  read -r self _ 2>/dev/null </proc/self/stat
  for round in 1 2; do
    for file in $(grep -lsF "${MARK_NAME}=$${MARK_NAME}" /proc/[0-9]*/environ); do
      pid=\${file#/proc/}
      pid=\${pid%/environ}
      [ "$pid" = "$self" ] || kill -KILL "$pid"
    done
  done
  kill -KILL -$$
) </dev/null >/dev/null 2>&1 &
exec "$@" 3<&-
`;
