import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { takeCode } from "./sign-in/take-code.ts";
import { ControllerProvider } from "./state/context.tsx";
import { createController } from "./state/controller.ts";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
const controller = createController();
void controller.start(takeCode(window.location, window.history));
createRoot(root).render(
  <ControllerProvider controller={controller}>
    <App />
  </ControllerProvider>,
);
