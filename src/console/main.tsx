import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { ControllerProvider } from "./state/context.tsx";
import { createController } from "./state/controller.ts";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
createRoot(root).render(
  <ControllerProvider controller={createController()}>
    <App />
  </ControllerProvider>,
);
