import { createWebhookConnector } from "../../agents/webhook/index.ts";
import { describeConnectorContract } from "./connector-suite.ts";
import { webhookHarness } from "./rigs/webhook-rig.ts";

describeConnectorContract(webhookHarness(createWebhookConnector));
