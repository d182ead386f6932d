/** One rule of the security reference, and what shows that it holds. */
export interface SecurityRule {
  readonly rule: string;
  readonly says: string;
  /** Test titles by file below test/; a title stands there word for word. */
  readonly shownBy: Readonly<Record<string, readonly string[]>>;
  /** Long runs of the same: `npm run measure -- <name>`. */
  readonly measuredBy?: readonly string[];
  /** What of the rule's own test cannot be put to Parley, and why. */
  readonly leavesOut?: string;
}

/** R1 to R37 and the tests at the real entrances that show them; security-rules.test.ts keeps the titles true. */
export const SECURITY_RULES: readonly SecurityRule[] = [
  {
    rule: "R1",
    says: "no secrets in addresses, no gateway that an address chooses",
    shownBy: {
      "e2e/hostile-page.test.ts": ["R1: an address chooses no gateway, and what it carries is in no log"],
      "integration/api/routes.test.ts": ["the address is never logged, not even when it fails"],
      "e2e/page.test.ts": [
        "refuses a wrong code with a reason, and takes it out of the address",
        "does nothing that a strict content policy forbids, and asks no other host",
      ],
    },
  },
  {
    rule: "R2",
    says: "origin and token at every WebSocket; a route without a policy does not exist",
    shownBy: {
      "integration/web/origins.test.ts": [
        "takes a socket with the own origin and a right cookie, and no other of the matrix",
      ],
      "integration/socket/protocol.test.ts": [
        "refuses pages of others, and plain requests",
        "takes the token in the hello as well, and nothing without one",
      ],
      "integration/api/security.test.ts": [
        "declares a policy that exists",
        "a route without a policy cannot be registered",
      ],
    },
  },
  {
    rule: "R3",
    says: "rotated and revoked tokens are refused at once, by every process and on open sockets",
    shownBy: {
      "integration/access/api-tokens.test.ts": [
        "revoked and rotated ones are refused by three processes within a second",
        "an expired one is refused, and bad wishes get one clear error",
      ],
      "integration/socket/switches.test.ts": [
        "closes the connection at once when its token is rotated in the middle of a turn, and the turn goes on with the new one",
        "refuses the token of before, a revoked one, and one of another agent's connection",
      ],
      "integration/web/access.test.ts": [
        "ends a session at once: the next request is refused and the socket is closed",
      ],
    },
  },
  {
    rule: "R4",
    says: "one token, one purpose; weak, empty and equal secrets end the start",
    shownBy: {
      "integration/cli/secrets-at-start.test.ts": ["R4, R5: %s ends the start, and nothing listens"],
      "unit/config/load-config.test.ts": ["one secret for two purposes is refused"],
    },
  },
  {
    rule: "R5",
    says: "a missing secret is a closed door",
    shownBy: {
      "integration/cli/secrets-at-start.test.ts": ["R4, R5: %s ends the start, and nothing listens"],
      "unit/slack/edges.test.ts": ["without its credentials is refused with every fault"],
      "integration/slack/receive.test.ts": [
        "refuses what is unsigned, wrongly signed or stale either way, and stores nothing",
      ],
      "integration/matrix/service.test.ts": ["knows no account that is no agent's, and nobody but its homeserver"],
    },
  },
  {
    rule: "R6",
    says: "nobody gives on what they do not have",
    shownBy: {
      "integration/access/api-tokens.test.ts": [
        "give on no scope that they do not have, on any way to a token or to the page",
      ],
      "integration/api/security.test.ts": [
        "a token reaches a route by the scope that the route declares, and by no other",
      ],
      "integration/web/access.test.ts": ["lets each role invite and decide over lower ones alone"],
      "integration/cli/access.test.ts": ["a token without the scope is refused at every route of access"],
    },
  },
  {
    rule: "R7",
    says: "agents change no settings, and what is new is not writable",
    shownBy: {
      "integration/access/agents-change-nothing.test.ts": [
        "lets nothing that an agent holds call any route of operators",
        "takes no key that it does not know, wherever something is set up",
        "takes words of an agent's answer for words, whatever commands they are",
      ],
    },
    leavesOut: "limits of child agents: an agent makes no other agents, so that there are no trees of them",
  },
  {
    rule: "R8",
    says: "one decision for every kind of event",
    shownBy: {
      "integration/access/entrances.test.ts": [
        "starts nothing for somebody without the right, whichever way they come, and says by which rule",
        "lets somebody with the right in by the same ways",
      ],
      "integration/access/every-kind.test.ts": ["%s is decided about, and starts nothing for who may nothing"],
      "integration/access/every-route.test.ts": [
        "decides about each route of operators by the scope of who calls, and records each refusal with the route",
        "lets nobody without a session at any route of the page, and knows every other route there is",
        "asks what somebody may who reaches an agent by the page, and records by which rule they may not",
      ],
      "integration/access/every-tool.test.ts": [
        "refuses every tool to an agent that may nothing any more, in the middle of its turn, and records by which rule",
      ],
      "integration/access/rights-asked.test.ts": [
        "edit_document is asked of the agent and of the person who asked it",
        "edit_document is not had by asking an agent that asks another",
        "react is asked of the agent whose work is shown on the question, and of the person whose reaction it hears",
      ],
    },
  },
  {
    rule: "R9",
    says: "stable ids alone; a name is nobody",
    shownBy: {
      "integration/access/entrances.test.ts": [
        "starts nothing for somebody without the right, whichever way they come, and says by which rule",
      ],
      "integration/web/oidc.test.ts": [
        "makes a member at the first time and knows them again by issuer and subject alone",
      ],
      "integration/requests/who-decides.test.ts": [
        "refuses whom an access list denies it, tells them why, and leaves the question open for others",
      ],
      "integration/access/removed-agents.test.ts": [
        "leaves nothing to an agent of the same handle that is added later",
      ],
    },
  },
  {
    rule: "R10",
    says: "what goes out obeys the same lists",
    shownBy: {
      "integration/access/outbound.test.ts": [
        "R10: an agent that may not post says nothing, by whatever way it is made to",
      ],
      "integration/access/replay.test.ts": ["is stopped where the channel was left or archived"],
      "architecture/layers.test.ts": ["is kept by every source file"],
    },
  },
  {
    rule: "R11",
    says: "a request that is replayed does nothing a second time",
    shownBy: {
      "integration/access/replayed-requests.test.ts": [
        "R11: one request replayed at once, rewritten, at a second process and after a restart is one turn",
        "R11: takes what was signed up to 300 s ago or ahead, and nothing beyond",
      ],
      "unit/slack/edges.test.ts": ["belongs to exactly these bytes, this time and this spelling"],
      "unit/agents/webhook-signature.test.ts": [
        "holds at the edge of %i ms",
        "is stale beyond it, to either side (%i ms)",
      ],
    },
  },
  {
    rule: "R12",
    says: "cheap checks before anything is kept of a body",
    shownBy: {
      "integration/access/hostile-bodies.test.ts": [
        "R12: takes what Slack says while strangers drip and flood, and does not grow by it",
      ],
      "integration/api/security.test.ts": [
        "of bodies of strangers at most 64 are on their way; those who drip go, and an honest one is not kept waiting",
        "headers that are too large or drip in are cut off",
        "that is for operators refuses strangers, wrong tokens and almost-tokens before it reads a body",
      ],
      "integration/api/slow-bodies.test.ts": [
        "what is sent on after a refusal is not read: not what has no end, and not what drips",
        "it is not the oldest body that makes room, but the slowest: one that comes on is taken",
        "bodies that go where nothing is are bounded as others are, in number and in time",
        "of bodies that do not say how long they are, or are long, there are fewer; a short one finds room",
        "of one sender not much is read before the others have their turn",
      ],
      "integration/slack/receive.test.ts": ["refuses large bodies by their announced length and by their real one"],
    },
    measuredBy: ["hostile-bodies"],
  },
  {
    rule: "R13",
    says: "bounds of a WebSocket",
    shownBy: {
      "integration/access/hostile-sockets.test.ts": [
        "R13: ends whatever breaks the bounds of a WebSocket, and other agents notice nothing",
      ],
      "integration/socket/protocol.test.ts": [
        "closes a frame over 1 MiB with its own code",
        "disconnects who does nothing but be refused",
        "closes who does not read, with its own code",
        "takes an agent that answers no ping for gone",
      ],
      "integration/web/live.test.ts": [
        "closes on a frame over 64 KiB, on a flood, and answers nonsense with an error",
        "cuts a reader off that does not read, without holding its frames in memory",
      ],
    },
    measuredBy: ["hostile-sockets"],
  },
  {
    rule: "R14",
    says: "a conversation is its organization, platform, workspace, channel and thread, and has no fall-back",
    shownBy: {
      "integration/access/hostile-agent.test.ts": [
        "gets nothing of what the asker may not read, whatever it asks its tools",
        "leaves nothing of it in what other agents hear, in logs or in what operators see of other conversations",
      ],
      "integration/access/canaries.test.ts": [
        "no canary comes out where it may not be read, over random operations",
        "the canaries find it: %s",
      ],
      "integration/access/organizations.test.ts": [
        "have people, rooms and agents of their own, and each asks its own agent",
      ],
      "integration/acp/sessions.test.ts": [
        "are one per conversation, and each is told what it has not seen and no more",
      ],
    },
    measuredBy: ["canaries"],
  },
  {
    rule: "R15",
    says: "a reply goes where its turn is, and nothing an agent says changes that",
    shownBy: {
      "integration/access/outbound.test.ts": [
        "R15: nothing in a reply names another place, and what tries to is refused",
        "R15: a forged, foreign, used, late or revoked reply address is good for nothing",
      ],
    },
    measuredBy: ["revocation"],
  },
  {
    rule: "R16",
    says: "a reference to another channel reads nothing there",
    shownBy: {
      "integration/access/references.test.ts": [
        "R16: permalinks, quotes and replies that name a message of another channel read nothing there",
      ],
      "unit/discord/inbound.test.ts": ["keeps quotes, code and forwards as foreign or verbatim words"],
    },
  },
  {
    rule: "R17",
    says: "who starts an agent and what it is shown are decided apart",
    shownBy: {
      "integration/access/entrances.test.ts": [
        "starts nothing for somebody without the right, whichever way they come, and says by which rule",
      ],
      "integration/access/audience-rule.test.ts": [
        "answers with what all who read the answer may read, and says where each message is from",
        "withholds what not all may read, with a notice that names no source",
      ],
    },
    leavesOut:
      "a choice of context by author: what stands in a conversation is shown whole to an agent whose asker may read it",
  },
  {
    rule: "R18",
    says: "people from outside have what was given to their class, and nothing by chance",
    shownBy: {
      "integration/access/shared-channels.test.ts": [
        "R18: withholds it once the channel is shared with others, in the middle of the turn",
      ],
      "integration/access/member-facts.test.ts": [
        "say of a public channel that all members read it, and of a shared one that nobody knows who else does",
        "tell guests, strangers, administrators and bots apart",
      ],
      "integration/access/audience-rule.test.ts": ["withholds when somebody joins who may not read the source"],
      "integration/a2a/guests.test.ts": [
        "a named guest from outside is in no room that nobody let them into, and has an external's rights there",
      ],
    },
  },
  {
    rule: "R19",
    says: "organizations are apart in every key, row and answer",
    shownBy: {
      "integration/access/organizations.test.ts": [
        "with a token of the one, everything of the other is not there, and nothing of it is seen or changed",
        "with a session of the one, rooms, messages, people and files of the other are not there",
      ],
      "integration/ledger/row-level-security.test.ts": [
        "every table of an organization has a wall",
        "without an organization nothing is seen, changed, removed or added",
      ],
    },
  },
  {
    rule: "R20",
    says: "what was deleted or taken back is gone from memory and tables",
    shownBy: {
      "integration/ledger/purge.test.ts": [
        "of a person on Slack, with its edits, what an agent's failure quoted of it, and what fitted no schema",
        "of an agent's own post on Slack: the reply and what was sent",
      ],
      "integration/ledger/agent-sessions.test.ts": [
        "is written by who holds the turn alone, within its size, and goes with the agent",
      ],
      "integration/access/invitations.test.ts": ["ends with its inviter's membership, with the work under way"],
    },
    leavesOut:
      "a notice context.revoked to agents: what one has been told cannot be taken back, as deploy/access.md says",
  },
  {
    rule: "R21",
    says: "links and pictures carry nothing out",
    shownBy: {
      "unit/rendering/injection.test.ts": [
        "R21: leads nowhere that is not listed, whatever the address and wherever it stands",
        "reaches nobody and loads nothing from any part, as a post and as an edit",
        "reaches nobody and loads nothing at any moment, edited or streamed",
        "see what does get through",
      ],
      "contract/adapter-suite/checks-safety.ts": ["links in a reply are fetched by nobody"],
    },
    leavesOut: "runs against the live Slack and Discord, which a release does by hand",
  },
  {
    rule: "R22",
    says: "nobody is notified who may not be",
    shownBy: {
      "unit/rendering/injection.test.ts": ["does neither among any other Markdown, nor where a long text is cut"],
      "integration/access/references.test.ts": [
        "R22: of everybody an answer names, the one who asked is notified at the most",
      ],
      "integration/access/mass-mentions.test.ts": [
        "is neither an agent's nor a member's by default: nobody is notified, and the log says by which rule",
        "is decided as the answer is sent: what was taken back while the agent worked is not had",
      ],
      "contract/adapter-suite/checks-safety.ts": [
        "no text of any part notifies anybody",
        "a mass mention is live where it is allowed as it is sent, and nowhere else",
        "edits, previews and answers to commands notify nobody either",
      ],
    },
  },
  {
    rule: "R23",
    says: "agents answer in one strict form, within its sizes",
    shownBy: {
      "unit/agents/webhook-connector.test.ts": [
        "nested deep is refused before it is parsed",
        "with 51 parts is too large",
        "with 100 000 parts is too large",
      ],
      "unit/agents/reply-guard.test.ts": ["takes files up to their limit, over all of them"],
      "integration/tools/slack-tools.test.ts": ["attaches a file to the reply, and takes no path for a name"],
      "unit/rendering/fuzz.test.ts": ["a short fuzz"],
    },
    leavesOut: "the hours of fuzzing: `npm run fuzz -- --seconds <number>` runs them",
  },
  {
    rule: "R24",
    says: "no address that is called leads inside",
    shownBy: {
      "integration/access/private-addresses.test.ts": [
        "connects to nothing in any spelling, by check or by turn",
        "would have noticed a connection",
      ],
      "unit/agents/guarded-http.test.ts": [
        "is resolved once, and its checked address is the one that is connected to",
        "is an answer and is not followed",
        "stays refused for link-local and metadata addresses when private ones are allowed",
      ],
    },
  },
  {
    rule: "R25",
    says: "a token goes to its own host alone",
    shownBy: {
      "integration/slack/features.test.ts": ["media is fetched with the token from Slack's own hosts, up to a size"],
      "unit/slack/edges.test.ts": ["addresses are taken from Slack's own hosts only"],
      "unit/agents/a2a-connector.test.ts": ["carries no credentials to other hosts, unless the operator trusts them"],
    },
  },
  {
    rule: "R26",
    says: "files are bounded, named by Parley and downloaded, never shown as what they claim",
    shownBy: {
      "integration/web/uploads.test.ts": [
        "keeps a file for the room's members, under a name of its own, and gives it away as a download",
        "tells pictures by their bytes, and shows none that would fill a browser's memory",
        "takes the largest file and refuses one byte more, whether or not it says its length",
      ],
      "unit/web/image-format.test.ts": ["shows no picture of more than 40 megapixels, and none without any"],
      "integration/api/routes.test.ts": [
        "need no token but the one in the address, leave as they are, and are never shown in place",
      ],
    },
    leavesOut: "archives: Parley unpacks none",
  },
  {
    rule: "R27",
    says: "an agent that is wholly against its people has no effect outside of its grant",
    shownBy: {
      "integration/access/hostile-agent.test.ts": [
        "gets nothing of what the asker may not read, whatever it asks its tools",
        "cannot have others read what it was given for the asker: %s",
        "reads nothing more once its turn has ended",
      ],
      "integration/requests/who-decides.test.ts": ["asks again about other arguments, and not about the same"],
      "integration/access/audience-rule-web.test.ts": [
        "lets nobody decide by a button of the agent's own making, nor from another room",
      ],
    },
    leavesOut: "AgentDojo's own suite, which is a benchmark of models: the agent here is hostile outright",
  },
  {
    rule: "R28",
    says: "no agent is given a token of a platform or of somebody else",
    shownBy: {
      "contract/connector-checks-safety.ts": [
        "the agent is given this turn alone: no secret of others, nothing of another turn",
      ],
      "integration/tools/mcp.test.ts": [
        "is 401 for a token that is wrong, changed, or none, with a challenge",
        "reaches with the token of one turn nothing of another",
      ],
      "integration/access/agents-change-nothing.test.ts": [
        "lets nothing that an agent holds call any route of operators",
      ],
    },
  },
  {
    rule: "R29",
    says: "agents that answer one another end by themselves",
    shownBy: {
      "integration/access/agent-loops.test.ts": [
        "%s agents that name each other fall silent, and a person starts them again",
        "an agent that names itself is not heard by itself",
      ],
      "integration/pipeline/turns.test.ts": ["lets agents talk for four hops after a person and then falls silent"],
      "integration/pipeline/budgets.test.ts": ["stops at an agent's dollars, whoever asks"],
      "unit/pipeline/decide.test.ts": ["gives no turn past any bound of the loop guard, whatever the other counts are"],
    },
  },
  {
    rule: "R30",
    says: "secrets at rest are sealed, and bound to their row",
    shownBy: {
      "integration/access/secrets-at-rest.test.ts": [
        "R30: no secret stands in database, queue, logs or files, in any spelling",
      ],
      "integration/ledger/secrets.test.ts": [
        "are in no row as they are, and open only in their own row, field and organization",
        "killed again and again on its way it leaves every row readable, and the next run ends the work",
      ],
      "integration/access/api-tokens.test.ts": [
        "are shown once, kept as a keyed hash, and admit to what their scopes say",
      ],
      "integration/slack/installs.test.ts": [
        "that ended unseen are exchanged once for all calls that find it out, and nothing is paused",
      ],
    },
    measuredBy: ["key-rotation"],
    leavesOut: "dumps of the memory of a process, which holds what it works with",
  },
  {
    rule: "R31",
    says: "logs hold neither secrets nor words",
    shownBy: {
      "unit/log/create-logger.test.ts": [
        "there are at least 40 shapes, each its own",
        "$name is not logged, wherever it stands",
        "neither a field, a key nor a message can break a line, move the cursor or reorder text",
      ],
      "contract/adapter-suite/checks-safety.ts": [
        "neither secrets nor message text appear in logs or errors, whatever goes wrong",
      ],
    },
  },
  {
    rule: "R32",
    says: "the audit log is written with what it tells, and no change of it goes unfound",
    shownBy: {
      "integration/ledger/audit-tampering.test.ts": [
        "${TRIALS} changes by a superuser with the triggers off: each is found, and what it touched is named",
      ],
      "integration/ledger/audit-key-change.test.ts": [
        "is sound from its first record to its last, also once no old key is named any more",
        "tells of each change in each epoch what was changed, as under one key",
        "gives nobody with a key of before a way to write on, to write anew or to prune",
      ],
      "integration/ledger/row-level-security.test.ts": ["the audit log can be added to and not changed"],
      "integration/pipeline/explain.test.ts": [
        "explains a message of Slack by its permalink, with its records of the audit log and their seals",
      ],
    },
    measuredBy: ["tampering"],
  },
  {
    rule: "R33",
    says: "the page does what it was made for, whatever is said in it or sent to it",
    shownBy: {
      "e2e/hostile-page.test.ts": ["R33: none of 200 payloads runs as script, whoever says it and wherever it stands"],
      "integration/api/security.test.ts": [
        "has the security headers on its answers, good and bad",
        "changes nothing with %s",
      ],
      "integration/web/origins.test.ts": [
        "changes nothing for a request with another origin, another site or a body that is no JSON",
        "answers every route but sign-in with 401 to who has no session, and keeps answers out of caches",
      ],
      "integration/web/access.test.ts": [
        "uses a __Host- cookie that is Secure behind an https address, whose origin alone it believes",
      ],
      "integration/pipeline/explain.test.ts": [
        "shows members of a room why an answer came about, and to everybody else it is not there",
      ],
    },
  },
  {
    rule: "R34",
    says: "budgets of their own for addresses, tokens, people, channels and agents",
    shownBy: {
      "integration/slack/send.test.ts": [
        "is used for at most three calls, whatever asks and however slow the ledger is, and works again after an install",
      ],
      "integration/api/security.test.ts": [
        "strangers are slowed down per address without using up the operator's share, and platforms never",
      ],
      "integration/web/origins.test.ts": [
        "stops asking the ledger about an address that guesses, and limits each person apart",
      ],
      "integration/socket/protocol.test.ts": [
        "lets nobody's wrong tokens lock out a good one from the same address, in the header or in the hello",
      ],
      "integration/discord/gateway.test.ts": ["is begun at most ten times in an hour of crashes"],
      "unit/discord/identify-budget.test.ts": ["keeps all of them together below what Discord allows in a day"],
    },
  },
  {
    rule: "R35",
    says: "Redis and PostgreSQL are fit, or refused",
    shownBy: {
      "integration/queue/redis-faults.test.ts": [
        "a Redis that is too old, by what it says of itself",
        "a Redis that evicts, with the cure",
        "wrong credentials, without waiting for ever and without printing them",
      ],
      "integration/connection/postgres.test.ts": [
        "a real server with fsync and synchronous_commit off is refused with both reasons",
      ],
    },
    leavesOut:
      "versions with known faults: distributions mend them without a new number; and what its user may do, which an operator grants",
  },
  {
    rule: "R36",
    says: "what is installed is what was looked at",
    shownBy: {
      "architecture/dependencies.test.ts": [
        "is named with exact versions, and the lockfile says the same",
        "has a checksum, and comes from no repository and no address of its own",
        "brings no script that nobody has looked at, and one alone may run",
        "is what the continuous integration installs, from the lockfile",
      ],
    },
    leavesOut:
      "signed images and their list of parts, which Parley does not ship; 25 direct dependencies, of which it has more: each platform and protocol brings its own",
  },
  {
    rule: "R37",
    says: "where Parley runs can do little",
    shownBy: {
      "integration/cli/confined.test.ts": [
        "starts, answers and ends as nobody, without capabilities, and writes nowhere but in its data folder",
        "is shipped with a unit that takes all of it away",
      ],
      "unit/agents/guarded-http.test.ts": [
        "stays refused for link-local and metadata addresses when private ones are allowed",
      ],
    },
    leavesOut:
      "a container image, which Parley does not ship: a unit of systemd does the same. Its filter of system calls and its limits are the kernel's and systemd's, and no test here runs under systemd; a list of hosts it may reach is the operator's to write",
  },
];
