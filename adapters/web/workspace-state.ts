import type { z } from "zod";
import type { WebPostRecord, WebRoomRecord } from "../../src/contracts/web-room-records.ts";
import type { WebRoomStore } from "../../src/contracts/web-room-store.ts";
import type { StateAnswer } from "./protocol.ts";
import { postView, turnView } from "./views.ts";

/** The workspace pane looks back over this many posts of agents. */
const RECENT_POSTS = 200;

type State = z.infer<typeof StateAnswer>;

/** What agents do in a room or thread, and what they want to know, read from their posts and from what they say they are doing. */
export async function workspaceState(
  store: WebRoomStore,
  room: Pick<WebRoomRecord, "organizationId" | "roomId">,
  thread: string | undefined,
): Promise<State> {
  const { organizationId, roomId } = room;
  const place = thread === undefined ? {} : { thread };
  const [posts, statuses] = await Promise.all([
    store.posts.recentByAgents({ organizationId, roomId, limit: RECENT_POSTS, ...place }),
    store.live.statuses(organizationId, roomId),
  ]);
  const turns = statuses.filter((status) => thread === undefined || status.threadRootId === thread).map(turnView);
  const tasks = new Map<string, State["tasks"][number]>();
  const approvals: State["approvals"] = [];
  const artifacts: State["artifacts"] = [];
  // Newest first: the first word about a task is its last state.
  for (const post of posts) {
    const agentHandle = post.author.handle ?? post.author.id;
    const source = { postId: post.postId, agentHandle, at: post.editedAt ?? post.createdAt };
    for (const part of (postView(post, "").parts ?? []).toReversed()) {
      if (part.type === "task_update") {
        const key = `${agentHandle}\n${part.taskId}`;
        if (!tasks.has(key)) tasks.set(key, { ...source, task: part });
      }
      if (part.type === "approval_request" && isOpen(post, part)) approvals.push({ ...source, approval: part });
      if (part.type === "artifact") artifacts.push({ ...source, artifact: part });
    }
  }
  return { turns, tasks: [...tasks.values()], approvals, artifacts };
}

function isOpen(post: WebPostRecord, approval: State["approvals"][number]["approval"]): boolean {
  return approval.expiresInMs === undefined || Date.parse(post.createdAt) + approval.expiresInMs > Date.now();
}
