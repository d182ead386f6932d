import { useMemo } from "react";
import type { WebUpload } from "../api/protocol.ts";
import { useConsole } from "../state/context.tsx";
import { FileCard } from "../ui/file-card.tsx";
import { Icon } from "../ui/icon.tsx";

interface RoomFile {
  readonly upload: WebUpload;
  readonly from: string;
  readonly at: string;
}

/** Files that agents made in the room, and those of the messages that are loaded, newest first. */
export function FilesTab({ roomId }: { roomId: string }) {
  const posts = useConsole((state) => state.posts);
  const work = useConsole((state) => state.work[roomId]);
  const files = useMemo(() => {
    const found = new Map<string, RoomFile>();
    for (const { artifact, agentHandle, at } of work?.artifacts ?? []) {
      found.set(artifact.upload.id, { upload: artifact.upload, from: `@${agentHandle}`, at });
    }
    for (const post of Object.values(posts)) {
      if (post.roomId !== roomId || post.deletedAt !== null) continue;
      const artifacts = (post.parts ?? []).flatMap((part) => (part.type === "artifact" ? [part.upload] : []));
      for (const upload of [...post.uploads, ...artifacts]) {
        found.set(upload.id, { upload, from: post.author.name, at: post.createdAt });
      }
    }
    return [...found.values()].sort((a, b) => b.at.localeCompare(a.at));
  }, [posts, work, roomId]);

  return (
    <div className="workspace-scroll">
      <h2 className="visually-hidden">Files</h2>
      {files.length === 0 ? (
        <div className="workspace-empty">
          <Icon name="file" />
          <p>No files yet. Files of messages and files that agents make appear here.</p>
        </div>
      ) : (
        <ul className="stack roster-list">
          {files.map((file) => (
            <li key={file.upload.id}>
              <FileCard upload={file.upload} compact />
              <span className="file-meta">from {file.from}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
