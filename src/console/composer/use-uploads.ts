import { useCallback, useEffect, useRef, useState } from "react";
import type { WebUpload } from "../api/protocol.ts";
import { uploadFile } from "../api/upload.ts";
import { useMe } from "../state/context.tsx";
import { failureText } from "../state/failures.ts";
import { newId } from "../state/new-id.ts";
import { fileSize } from "../ui/time.ts";

export interface UploadEntry {
  readonly id: string;
  readonly file: File;
  readonly state: "sending" | "ready" | "failed";
  /** 0 to 1. */
  readonly share: number;
  readonly upload?: WebUpload;
  readonly error?: string;
}

export interface Uploads {
  readonly entries: readonly UploadEntry[];
  add(files: Iterable<File>): void;
  retry(entry: UploadEntry): void;
  remove(entry: UploadEntry): void;
  clear(): void;
}

/** The files that go with the next message: sent to the server as soon as they are chosen, with progress. */
export function useUploads(roomId: string): Uploads {
  const { limits } = useMe();
  const [entries, setEntries] = useState<readonly UploadEntry[]>([]);
  const aborts = useRef(new Map<string, AbortController>());

  useEffect(() => {
    const running = aborts.current;
    return () => {
      for (const abort of running.values()) abort.abort();
    };
  }, []);

  const change = useCallback((id: string, changes: Partial<UploadEntry>) => {
    setEntries((held) => held.map((entry) => (entry.id === id ? { ...entry, ...changes } : entry)));
  }, []);

  const send = useCallback(
    (entry: UploadEntry) => {
      const abort = new AbortController();
      aborts.current.set(entry.id, abort);
      uploadFile(roomId, entry.file, { signal: abort.signal, onProgress: (share) => change(entry.id, { share }) })
        .then((upload) => change(entry.id, { state: "ready", share: 1, upload }))
        .catch((error: unknown) => change(entry.id, { state: "failed", error: failureText(error) }))
        .finally(() => aborts.current.delete(entry.id));
    },
    [roomId, change],
  );

  const refusal = (file: File, count: number): string | undefined => {
    if (count >= limits.maxUploadsPerPost) return `At most ${limits.maxUploadsPerPost} files go with one message.`;
    if (file.size > limits.maxUploadBytes) return `Larger than ${fileSize(limits.maxUploadBytes)}.`;
    return file.size === 0 ? "The file is empty." : undefined;
  };

  return {
    entries,
    add: (files) => {
      const added = [...files].map((file, index): UploadEntry => {
        const error = refusal(file, entries.length + index);
        const id = newId();
        return error === undefined
          ? { id, file, state: "sending", share: 0 }
          : { id, file, state: "failed", share: 0, error };
      });
      setEntries((held) => [...held, ...added]);
      for (const entry of added) if (entry.state === "sending") send(entry);
    },
    retry: (entry) => {
      if (refusal(entry.file, 0) !== undefined) return;
      change(entry.id, { state: "sending", share: 0 });
      send(entry);
    },
    remove: (entry) => {
      aborts.current.get(entry.id)?.abort();
      setEntries((held) => held.filter((other) => other.id !== entry.id));
    },
    clear: () => setEntries([]),
  };
}
