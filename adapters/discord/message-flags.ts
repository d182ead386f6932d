/** What a message may be told to be. https://docs.discord.com/developers/resources/message#message-object-message-flags */
export const MESSAGE_FLAGS = { suppressEmbeds: 1 << 2, ephemeral: 1 << 6, componentsV2: 1 << 15 } as const;
