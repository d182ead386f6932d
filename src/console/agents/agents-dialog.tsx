import { useEffect, useState } from "react";
import { agentsApi, type RegisteredAgent } from "../api/agents-api.ts";
import { failureText } from "../state/failures.ts";
import { CopyField } from "../ui/copy-field.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { FormError } from "../ui/form-error.tsx";
import { AddAgentForm, type AddedAgent } from "./add-agent-form.tsx";
import { AgentRow } from "./agent-row.tsx";

type View = { readonly show: "list" } | { readonly show: "add" } | { readonly show: "secret"; readonly of: AddedAgent };

/** All agents of the organization for its owner: adds, pauses and removes them, and gives new tokens and secrets, each shown once. */
export function AgentsDialog({ onClose }: { onClose: () => void }) {
  const [agents, setAgents] = useState<readonly RegisteredAgent[]>();
  const [view, setView] = useState<View>({ show: "list" });
  const [error, setError] = useState<string>();

  const attempt = async (work: () => Promise<void>) => {
    setError(undefined);
    try {
      await work();
      setAgents(await agentsApi.list());
    } catch (failure) {
      setError(failureText(failure));
    }
  };
  useEffect(() => {
    let shown = true;
    void agentsApi.list().then(
      (list) => shown && setAgents(list),
      (failure: unknown) => shown && setError(failureText(failure)),
    );
    return () => {
      shown = false;
    };
  }, []);

  if (view.show === "secret") return <SecretOnce of={view.of} onDone={() => setView({ show: "list" })} />;
  if (view.show === "add")
    return (
      <Dialog title="Add an agent" onClose={onClose}>
        <AddAgentForm
          onCancel={() => setView({ show: "list" })}
          onAdded={(agent) => {
            setView(agent.secret === undefined ? { show: "list" } : { show: "secret", of: agent });
            void attempt(async () => undefined);
          }}
        />
      </Dialog>
    );
  const rotate = ({ handle, connectorKind }: RegisteredAgent) =>
    attempt(async () =>
      setView({
        show: "secret",
        of: { handle, kind: connectorKind, secret: await agentsApi.rotate(handle), isRotated: true },
      }),
    );
  return (
    <Dialog title="Agents" onClose={onClose}>
      <FormError text={error} />
      <ul className="choice-list agents-list">
        {agents?.map((agent) => (
          <AgentRow
            key={agent.handle}
            agent={agent}
            actions={{
              onPause: () => void attempt(() => agentsApi.pause(agent.handle)),
              onResume: () => void attempt(() => agentsApi.resume(agent.handle)),
              onRotate: () => void rotate(agent),
              onEndOldSecrets: () => void attempt(() => agentsApi.revoke(agent.handle)),
              onRemove: () => void attempt(() => agentsApi.remove(agent.handle)),
            }}
          />
        ))}
      </ul>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Done
        </button>
        <button type="button" className="button button-primary" onClick={() => setView({ show: "add" })}>
          Add an agent
        </button>
      </div>
    </Dialog>
  );
}

function SecretOnce({ of, onDone }: { of: AddedAgent; onDone: () => void }) {
  const isToken = of.kind === "socket";
  return (
    <Dialog title={`${isToken ? "Token" : "Secret"} of @${of.handle}`} onClose={onDone}>
      <p>
        Copy it now: it is shown this once.{" "}
        {isToken ? "The token before it, if there was one, is refused from now on." : ""}
        {!isToken && of.isRotated === true
          ? "Turns are signed with the secrets before it too, until you end them."
          : ""}
      </p>
      <CopyField label={isToken ? "Token" : "Signing secret"} value={of.secret ?? ""} />
      {isToken && (
        <CopyField
          label="Environment of the agent"
          value={`PARLEY_URL=${window.location.origin} PARLEY_TOKEN=${of.secret}`}
        />
      )}
      <div className="dialog-actions">
        <button type="button" className="button button-primary" onClick={onDone}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
