import { useController } from "../state/context.tsx";

/** Brings a message on the screen: in the room when it is there, else by opening its thread. */
export function ShowPost({ roomId, postId, thread }: { roomId: string; postId: string; thread?: boolean }) {
  const { rooms, store, api } = useController();
  const show = async () => {
    const held = store.getState().posts[postId];
    const rootId = thread ? postId : (held ?? (await api.post(postId).catch(() => undefined)))?.threadRootId;
    if (rootId) await rooms.openThread(roomId, rootId);
    else focusPost(postId);
  };
  return (
    <button type="button" className="button button-small" onClick={() => void show()}>
      {thread ? "Open the thread" : "Show"}
    </button>
  );
}

function focusPost(postId: string): void {
  const element = document.querySelector<HTMLElement>(`[data-post-id="${CSS.escape(postId)}"]`);
  element?.scrollIntoView({ block: "center" });
  element?.focus();
}
