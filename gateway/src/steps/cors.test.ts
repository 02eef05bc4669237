import { sendRaw } from "@shop/test-support/raw-client";
import { describe, expect, test } from "vitest";
import { expectFailure, startForTest, type Fixture } from "../gateway.fixture.ts";

describe("CORS", () => {
  const ask = (fixture: Fixture, headers: Record<string, string>, method = "GET") =>
    fixture.request("/products/26", { method, headers });

  test("is off unless it is set", async () => {
    const fixture = await startForTest({});
    const { headers } = await ask(fixture, { origin: "https://shop.example" });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("lets the pages of the given origins read, and no others", async () => {
    const fixture = await startForTest({
      CORS_ORIGINS: "https://shop.example,https://admin.shop.example",
    });
    for (const origin of ["https://shop.example", "https://admin.shop.example"]) {
      expect((await ask(fixture, { origin })).headers).toMatchObject({
        "access-control-allow-origin": origin,
        vary: "origin",
      });
    }
    for (const origin of ["https://evil.example", "https://shop.example.evil", "null"]) {
      const { headers } = await ask(fixture, { origin });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
      expect(headers["vary"]).toBe("origin");
    }
    const failed = await fixture.request("/products/x", {
      headers: { origin: "https://shop.example" },
    });
    expect(failed.headers["access-control-allow-origin"]).toBe("https://shop.example");
  });

  test.each([
    ["a bad path", "GET /products/%2e%2e HTTP/1.1\r\nHost: shop\r\n"],
    ["two hosts", "GET /products/26 HTTP/1.1\r\nHost: shop\r\nHost: other\r\n"],
    ["a preflight of a bad path", "OPTIONS //products HTTP/1.1\r\nHost: shop\r\n"],
  ])("shows the refusal of %s to a page, with the security headers", async (_, head) => {
    const fixture = await startForTest({ CORS_ORIGINS: "https://shop.example" });
    const { answers } = await sendRaw(
      fixture.url,
      `${head}Origin: https://shop.example\r\nConnection: close\r\n\r\n`,
    );
    expectFailure(answers[0]!, 400, "BAD_REQUEST");
    expect(answers[0]!.headers).toMatchObject({
      "access-control-allow-origin": "https://shop.example",
      vary: "origin",
      "x-content-type-options": "nosniff",
    });
  });

  test("answers a preflight", async () => {
    const fixture = await startForTest({ CORS_ORIGINS: "*" });
    const asked = {
      origin: "https://anywhere.example",
      "access-control-request-method": "PUT",
      "access-control-request-headers": "content-type,if-match",
    };
    const { status, headers, text } = await ask(fixture, asked, "OPTIONS");
    expect({ status, text }).toEqual({ status: 204, text: "" });
    expect(headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, PUT, DELETE, HEAD, OPTIONS",
      allow: "GET, PUT, DELETE, HEAD, OPTIONS",
    });
    expect(headers["access-control-allow-headers"]).toContain("if-match");
    expect(headers).not.toHaveProperty("access-control-allow-credentials");
  });
});
