import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const LISTEN = `require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
  console.log(this.address().port);
});`;
const SILENT_FOR_MS = 200;
const MOST_SOCKETS = 16;

/** An address where connections never come about, as with a host that is off: a stopped process with its backlog full. */
export async function startBlackHole(): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, ["-e", LISTEN], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const sockets: Socket[] = [];
  while (await connects(port, sockets)) {
    if (sockets.length > MOST_SOCKETS) throw new Error("the backlog does not fill up");
  }
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function connects(port: number, sockets: Socket[]): Promise<boolean> {
  const socket = connect(port, "127.0.0.1").on("error", () => undefined);
  sockets.push(socket);
  const silence = AbortSignal.timeout(SILENT_FOR_MS);
  return once(socket, "connect", { signal: silence }).then(
    () => true,
    () => false,
  );
}
