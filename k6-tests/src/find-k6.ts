import { dockerAnswers } from "local-stack/servers/docker";
import { findOnPath } from "local-stack/servers/find-server";

export type K6 = { kind: "binary"; path: string } | { kind: "docker"; image: string };

const IMAGE = "grafana/k6:1.8.1";

/** The one that K6 names, else the one on the PATH, else Docker's, else none. */
export async function findK6(given: string | undefined, signal: AbortSignal): Promise<K6 | null> {
  if (given) return { kind: "binary", path: given };
  const path = findOnPath(process.platform === "win32" ? "k6.exe" : "k6");
  if (path !== null) return { kind: "binary", path };
  return (await dockerAnswers(signal)) ? { kind: "docker", image: IMAGE } : null;
}

const WAYS: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "brew install k6",
  win32: "winget install k6 --source winget",
  linux:
    "sudo snap install k6, or Grafana's package for your distribution: https://grafana.com/docs/k6/latest/set-up/install-k6/",
};

export const howToGetK6 = (platform: NodeJS.Platform): string =>
  [
    "The load is made by k6, and there is none: not on the PATH, not in K6, and no Docker Engine runs that could run it.",
    `  get it:        ${WAYS[platform] ?? "https://grafana.com/docs/k6/latest/set-up/install-k6/"}`,
    "  with Go:       go install go.k6.io/k6@latest",
    "  or start Docker, or set K6 to where k6 is.",
  ].join("\n");
