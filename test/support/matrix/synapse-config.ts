/** How a Synapse of the tests is set up; everything else is as Synapse has it. */
export interface SynapseOptions {
  /** Default `parley.test`. Part of every user id. */
  readonly serverName?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Default false: no limits. True leaves Synapse's own: 0.2 messages/s with a burst of 10 per account, and the rest. */
  readonly strictRates?: boolean;
  /** Registration files of application services, as `parley matrix registration` prints them (YAML, or JSON, which is YAML). */
  readonly applicationServices?: readonly string[];
  /** Default: the one that Synapse gives to new rooms. */
  readonly defaultRoomVersion?: string;
  /** Default 50 MiB. */
  readonly maxUploadBytes?: number;
  /** Further settings of homeserver.yaml; they win over the kit's. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Default `WARNING`; `INFO` logs every request. */
  readonly logLevel?: "DEBUG" | "INFO" | "WARNING";
}

/** Where a setting names a file, it is as the server sees it inside of its own root folder. */
export interface SynapsePlaces {
  readonly folder: string;
  readonly port: number;
  readonly secret: string;
  readonly registrations: readonly string[];
}

const UNLIMITED = { per_second: 10_000, burst_count: 10_000 };

const WITHOUT_RATES = {
  rc_message: UNLIMITED,
  rc_registration: UNLIMITED,
  rc_login: { address: UNLIMITED, account: UNLIMITED, failed_attempts: UNLIMITED },
  rc_joins: { local: UNLIMITED, remote: UNLIMITED },
  rc_joins_per_room: UNLIMITED,
  rc_invites: { per_room: UNLIMITED, per_user: UNLIMITED, per_issuer: UNLIMITED },
  rc_room_creation: UNLIMITED,
  rc_admin_redaction: UNLIMITED,
  rc_media_create: UNLIMITED,
  rc_presence: { per_user: UNLIMITED },
};

/** Gives the text of homeserver.yaml. It is JSON, which every YAML reader reads. */
export function synapseConfig(options: SynapseOptions, places: SynapsePlaces): string {
  const { folder, port, secret, registrations } = places;
  return JSON.stringify({
    server_name: options.serverName ?? "parley.test",
    public_baseurl: `http://127.0.0.1:${port}/`,
    pid_file: `${folder}/homeserver.pid`,
    log_config: `${folder}/log.yaml`,
    signing_key_path: `${folder}/signing.key`,
    media_store_path: `${folder}/media`,
    listeners: [
      {
        port,
        bind_addresses: ["127.0.0.1"],
        type: "http",
        tls: false,
        x_forwarded: false,
        resources: [{ names: ["client"], compress: false }],
      },
    ],
    database: { name: "sqlite3", args: { database: `${folder}/homeserver.db` } },
    report_stats: false,
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    federation_domain_whitelist: [],
    registration_shared_secret: secret,
    macaroon_secret_key: `${secret}-m`,
    form_secret: `${secret}-f`,
    bcrypt_rounds: 4,
    url_preview_enabled: false,
    max_upload_size: options.maxUploadBytes ?? 50 * 1024 * 1024,
    enable_metrics: false,
    user_directory: { enabled: true, search_all_users: true },
    app_service_config_files: registrations,
    ...(options.defaultRoomVersion === undefined ? {} : { default_room_version: options.defaultRoomVersion }),
    // What an application service needs for encrypted rooms is not all stable yet.
    experimental_features: {
      msc3202_device_masquerading: true,
      msc3202_transaction_extensions: true,
      msc2409_to_device_messages_enabled: true,
    },
    ...(options.strictRates === true ? {} : WITHOUT_RATES),
    ...options.settings,
  });
}

/** Gives the text of the logging configuration: everything goes to the server's output. */
export function synapseLogConfig(level: SynapseOptions["logLevel"] = "WARNING"): string {
  return JSON.stringify({
    version: 1,
    formatters: { plain: { format: "%(asctime)s %(levelname)s %(name)s %(request)s %(message)s" } },
    filters: { context: { "()": "synapse.logging.context.LoggingContextFilter", request: "" } },
    handlers: {
      output: { class: "logging.StreamHandler", stream: "ext://sys.stderr", formatter: "plain", filters: ["context"] },
    },
    loggers: { "synapse.storage.SQL": { level: "WARNING" } },
    root: { level, handlers: ["output"] },
    disable_existing_loggers: false,
  });
}
