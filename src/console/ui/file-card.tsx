import type { WebUpload } from "../api/protocol.ts";
import { Icon } from "./icon.tsx";
import { fileSize } from "./time.ts";

/** A file as a download; a picture is shown, because the server serves only checked picture formats for display. */
export function FileCard({ upload, compact }: { upload: WebUpload; compact?: boolean }) {
  return (
    <div className="stack">
      {upload.kind === "image" && !compact && (
        <a href={upload.url} target="_blank" rel="noopener noreferrer">
          <img className="image-attachment" src={upload.url} alt={upload.name} loading="lazy" />
        </a>
      )}
      <a className="file-card" href={upload.url} download={upload.name}>
        <Icon name="file" />
        <span className="file-card-text">
          <span className="file-name">{upload.name}</span>
          <span className="file-meta">{fileSize(upload.sizeBytes)}</span>
        </span>
        <Icon name="download" />
        <span className="visually-hidden">Download</span>
      </a>
    </div>
  );
}
