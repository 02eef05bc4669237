import { CHECKOUT, stateFolder } from "./checkout.ts";
import { describeRunning } from "./describe-running.ts";
import { processesPath } from "./processes-file.ts";
import { say } from "./say.ts";

const running = await describeRunning(processesPath(stateFolder(CHECKOUT)));
say(
  running === null
    ? "Nothing runs here. Start it by npm start."
    : `${running}\nThe URL of a server, with its password: npm run url NAME. Logs are in .local-stack/logs.`,
);
