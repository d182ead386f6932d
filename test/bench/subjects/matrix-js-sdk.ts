import { ClientEvent, createClient, MsgType, RoomEvent } from "matrix-js-sdk";
import type { Logger } from "matrix-js-sdk/lib/logger.js";
import { z } from "zod";

/** A plain matrix-js-sdk bot: it answers what comes after its first sync, nothing is stored. */
const Settings = z.object({ homeserverUrl: z.string(), accessToken: z.string(), userId: z.string() });
const { homeserverUrl, accessToken, userId } = Settings.parse(JSON.parse(process.argv[2] ?? "{}"));
const quiet = (): void => undefined;
const logger: Logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, getChild: () => logger };
const client = createClient({ baseUrl: homeserverUrl, accessToken, userId, logger });
let isReady = false;
client.on(RoomEvent.Timeline, (event, room) => {
  const token = /\[#[\w-]+\]/.exec(String(event.getContent()["body"] ?? ""))?.[0];
  if (!isReady || room === undefined || token === undefined || event.getSender() === userId) return;
  void client.sendMessage(room.roomId, { msgtype: MsgType.Text, body: `Answer to ${token}.` });
});
client.once(ClientEvent.Sync, () => {
  isReady = true;
  process.stdout.write("ready\n");
});
await client.startClient({ initialSyncLimit: 1 });
