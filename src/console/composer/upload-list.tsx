import { Icon } from "../ui/icon.tsx";
import { fileSize } from "../ui/time.ts";
import type { Uploads } from "./use-uploads.ts";

/** The files that go with the message being written: progress, failure with another try, removal. */
export function UploadList({ uploads }: { uploads: Uploads }) {
  if (uploads.entries.length === 0) return null;
  return (
    <ul className="upload-list" aria-label="Files to send">
      {uploads.entries.map((entry) => (
        <li key={entry.id} className="upload">
          <Icon name="file" />
          <span className="upload-name">{entry.file.name}</span>
          {entry.state === "sending" && (
            <progress value={entry.share} max={1} aria-label={`Uploading ${entry.file.name}`}>
              {Math.round(entry.share * 100)} %
            </progress>
          )}
          {entry.state === "ready" && <span className="message-note">{fileSize(entry.file.size)}</span>}
          {entry.state === "failed" && (
            <>
              <span className="upload-error" role="alert">
                {entry.error}
              </span>
              <button type="button" className="button button-small" onClick={() => uploads.retry(entry)}>
                Try again
              </button>
            </>
          )}
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove ${entry.file.name}`}
            onClick={() => uploads.remove(entry)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}
