import { V03PushNotificationSerializer } from "@a2a-js/sdk/compat/v0_3/server";
import { V1PushNotificationSerializer } from "@a2a-js/sdk/server";
import type { OutsidePush, OutsideTask } from "../../contracts/outside-tasks.ts";
import { taskOf, viewTask } from "./task-view.ts";

export interface PushRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Guarantees the notification of a task as it is now, in the version that it was asked for in; files are left to GetTask. */
export async function toPushRequest(task: OutsideTask, push: OutsidePush): Promise<PushRequest> {
  const value = taskOf(await viewTask(task, async () => undefined), 0);
  const event = { payload: { $case: "task" as const, value } };
  const serializer = push.version === "0.3" ? new V03PushNotificationSerializer() : new V1PushNotificationSerializer();
  const { body, contentType } = serializer.serialize(event, value);
  return { url: push.url, body, headers: { "content-type": contentType, ...credentialsOf(push) } };
}

function credentialsOf({ scheme, credentials, token }: OutsidePush): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (scheme !== undefined && credentials !== undefined && /^[\w-]+$/.test(scheme) && isHeaderSafe(credentials))
    headers["authorization"] = `${scheme} ${credentials}`;
  if (token !== "" && isHeaderSafe(token)) headers["x-a2a-notification-token"] = token;
  return headers;
}

function isHeaderSafe(text: string): boolean {
  return /^[\x20-\x7e]{1,4096}$/.test(text);
}
