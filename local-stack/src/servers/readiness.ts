import { connect } from "node:net";
import { LOOPBACK } from "../processes/ports.ts";

const PROBE_TIMEOUT_MS = 1_000;

/** Sends a few bytes and hands back the first bytes of the answer, or nothing at all. */
function firstAnswer(port: number, question: Buffer): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    const finish = (answer: Buffer | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(null));
    socket.once("connect", () => socket.write(question));
    socket.once("data", finish);
    socket.once("error", () => finish(null));
    socket.once("close", () => finish(null));
  });
}

const POSTGRES_PROTOCOL_3 = 196_608;

function postgresStartupPacket(): Buffer {
  const body = Buffer.from("user\0shop\0database\0postgres\0\0");
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(POSTGRES_PROTOCOL_3, 4);
  return Buffer.concat([head, body]);
}

/** "R" asks for the password: it lets people in. While it starts or recovers it sends "E". */
export async function postgresAnswers(port: number): Promise<boolean> {
  const answer = await firstAnswer(port, postgresStartupPacket());
  return answer?.toString("latin1", 0, 1) === "R";
}

/** That it wants to know who asks is an answer; while it loads it has another. */
export async function redisAnswers(port: number): Promise<boolean> {
  const answer = await firstAnswer(port, Buffer.from("PING\r\n"));
  return /^(?:\+PONG|-NOAUTH)/.test(answer?.toString("latin1") ?? "");
}

const AMQP_METHOD_FRAME = 1;

/** RabbitMQ opens its port as the last step of its start, and then answers with Connection.Start. */
export async function rabbitmqAnswers(port: number): Promise<boolean> {
  const answer = await firstAnswer(port, Buffer.from("AMQP\0\0\u0009\u0001", "latin1"));
  return answer?.[0] === AMQP_METHOD_FRAME;
}
