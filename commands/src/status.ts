import { CHECKOUT, stateFolder } from "local-stack/terminal/checkout";
import { describeRunning } from "local-stack/launcher/describe-running";
import { processesPath } from "local-stack/launcher/processes-file";
import { say } from "local-stack/terminal/say";

const running = await describeRunning(processesPath(stateFolder(CHECKOUT)));
say(
  running === null
    ? "Nothing runs here. Start it by npm start."
    : `${running}\nThe URL of a server, with its password: npm run url NAME. Logs are in .local-stack/logs.`,
);
