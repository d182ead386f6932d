export { WebhookConfig } from "./config.ts";
export { createWebhookConnector, type WebhookConnectorOptions } from "./connector.ts";
export { WEBHOOK_VERSION, webhookIdOf } from "./request.ts";
export { addSecret, endOldSecrets, signingSecrets } from "./secret-rotation.ts";
export { generateWebhookSecret, isWebhookSecret, signContent } from "./signature.ts";
export { type RequestHeaders, TIMESTAMP_TOLERANCE_MS, type VerifiedWebhook, verifyWebhook } from "./verify.ts";
