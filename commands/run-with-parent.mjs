// Runs a command that ends with the process that started this, killed or not: its end closes our standard input.
// node run-with-parent.mjs COMMAND ARGUMENT…, as the leader of a process group.
import { spawn } from "node:child_process";

const [command, ...args] = process.argv.slice(2);
process.stdin.on("close", () => process.kill(-process.pid, "SIGKILL")).resume();
const child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] });
child.once("error", (error) => {
  console.error(`${command} can't be run: ${error.message}`);
  process.exit(1);
});
child.once("exit", (code) => process.exit(code ?? 1));
