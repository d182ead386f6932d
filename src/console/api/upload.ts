import { API_PREFIX, ApiError, expectKeys, failureFrom, parseJson } from "./http.ts";
import type { WebUpload } from "./protocol.ts";

/**
 * Sends one file to a room; `onProgress` gets the share that has left, 0 to 1.
 *
 * XMLHttpRequest, because fetch reports no progress of what it sends. Throws ApiError; aborting ends it with status 0.
 */
export function uploadFile(
  roomId: string,
  file: File,
  options: { onProgress: (share: number) => void; signal: AbortSignal },
): Promise<WebUpload> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    call.open("POST", `${API_PREFIX}/rooms/${encodeURIComponent(roomId)}/uploads`);
    call.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) options.onProgress(event.loaded / event.total);
    };
    call.onload = () => {
      const body = parseJson(call.responseText);
      if (call.status < 200 || call.status >= 300) reject(failureFrom(call.status, body));
      else {
        try {
          resolve(expectKeys<WebUpload>(body, ["id", "name", "kind", "url"]));
        } catch (error) {
          reject(error instanceof Error ? error : new ApiError(502, "UNEXPECTED", "The upload failed."));
        }
      }
    };
    call.onerror = () => reject(new ApiError(0, "UNREACHABLE", "The upload was interrupted."));
    call.onabort = () => reject(new ApiError(0, "CANCELLED", "The upload was cancelled."));
    options.signal.addEventListener("abort", () => call.abort(), { once: true });
    call.send(form);
  });
}
