// The pages in a real browser:
// node chat.mjs --base http://127.0.0.1:8080 --chromium /usr/bin/chromium --screens FOLDER -- SERVER COMMAND…

import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { finish, test } from "../report.mjs";
import { check, equal } from "../clients/peer.mjs";
import { House, LOOKS } from "./people.mjs";
import { Server } from "./server.mjs";

const { values, positionals } = parseArgs({
  options: { base: { type: "string" }, chromium: { type: "string" }, screens: { type: "string" } },
  allowPositionals: true,
});
mkdirSync(values.screens, { recursive: true });
const server = new Server(values.base, positionals);
await server.start();
const house = await House.open(values.base, values.chromium);
let ada = await house.person("Ada", "lobby");
let bob = await house.person("Bob", "lobby");

await test("two pages talk, and each sees the other come", async () => {
  await ada.notice("Bob came in");
  await ada.says("Hello, Bob");
  await bob.sees("Hello, Bob");
  await bob.says("Hello, Ada");
  await ada.sees("Hello, Ada");
  equal(await ada.count("Hello, Bob"), 1, "how often a message of one's own is shown");
  await ada.page.waitForFunction(() => !document.querySelector(".message.pending"));
});

await test("who is here, and who is typing", async () => {
  for (const person of [ada, bob]) for (const name of ["Ada", "Bob"]) await person.someone(name).waitFor();
  equal(await ada.page.textContent("#room-about"), "2 here");
  await bob.text.pressSequentially("a");
  await ada.page.locator("#typing", { hasText: "Bob is typing" }).waitFor();
  await bob.text.fill("");
  await ada.page.waitForFunction(() => document.getElementById("typing").textContent === "", null, { timeout: 8_000 });
});

await test("several rooms at once: unread is counted, leaving is told", async () => {
  for (const person of [ada, bob]) await person.joins("engineering");
  await ada.place("lobby").click();
  await bob.says("In engineering");
  await bob.says("Again");
  await ada.place("engineering").locator(".unread", { hasText: "2" }).waitFor();
  equal(await ada.page.title(), "(2) Chat · Fanfare");
  await ada.place("engineering").click();
  await ada.sees("In engineering");
  equal(await ada.place("engineering").locator(".unread").count(), 0);
  await bob.page.click("#leave");
  await ada.notice("Bob left");
  await ada.page.click("#leave");
  await ada.page.locator("#room-name", { hasText: "lobby" }).waitFor();
});

await test("private messages reach one person only", async () => {
  const cyd = await house.person("Cyd", "lobby");
  await ada.someone("Bob").click();
  await ada.says("Between us");
  await bob.place("Ada").locator(".unread", { hasText: "1" }).waitFor();
  await bob.place("Ada").click();
  await bob.sees("Between us");
  await bob.says("Agreed");
  await ada.sees("Agreed");
  equal(await cyd.place("Ada").count(), 0, "private conversations of somebody else");
  await cyd.leaves();
  for (const person of [ada, bob]) await person.place("lobby").click();
  await ada.notice("Cyd left");
});

await test("what a user writes is text and never HTML", async () => {
  const attacks = ["<img src=x onerror=alert(1)>", "<script>alert(2)</script>", "javascript:alert(3)", "</div><b>bold</b>", "&lt;i&gt;", "<svg/onload=alert(4)>"];
  for (const attack of attacks) await bob.says(attack);
  for (const attack of attacks) await ada.sees(attack);
  equal(await ada.log.locator("script, b, i, img, svg").count(), 0, "elements made of text");
  await bob.joins("<b onmouseover=alert(5)>room</b>");
  equal(await bob.page.locator("#room-name b, chat-places b").count(), 0, "elements made of a room's name");
  await bob.page.click("#leave");
  await bob.place("lobby").click();
});

await test("a file of 10 MB arrives whole", async () => {
  const bytes = randomBytes(10_000_000);
  await ada.give([{ name: "ten <megabytes>.bin", mimeType: "application/octet-stream", buffer: bytes }]);
  const attached = bob.log.locator(".attached", { hasText: "ten <megabytes>.bin" });
  await attached.waitFor({ timeout: 20_000 });
  const [download] = await Promise.all([bob.page.waitForEvent("download"), attached.locator("a").click()]);
  const got = readFileSync(await download.path());
  equal(createHash("sha256").update(got).digest("hex"), createHash("sha256").update(bytes).digest("hex"), "SHA-256");
  equal(await bob.log.locator(".fault").count(), 0, "complaints about the file");
  await ada.page.waitForFunction(() => !document.querySelector(".progress"));
}, 40_000);

await test("a picture is shown, and a page that calls itself one is not", async () => {
  const picture = await ada.page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 160 } });
  await ada.give([{ name: "picture.png", mimeType: "image/png", buffer: picture }, { name: "evil.svg", mimeType: "image/svg+xml", buffer: Buffer.from("<svg xmlns='x' onload='alert(6)'/>") }]);
  await bob.page.waitForFunction(() => document.querySelector("chat-messages img")?.naturalWidth === 320);
  await bob.log.locator(".attached", { hasText: "evil.svg" }).waitFor();
  equal(await bob.log.locator("img").count(), 1, "pictures shown");
  await ada.page.waitForFunction(() => document.querySelectorAll("chat-messages img").length === 1 && !document.querySelector(".progress, .message.pending"));
});

await test("the way of the connection can be chosen, and every way is the same conversation", async () => {
  for (const [way, words, path] of [["socketio", "Socket.IO", "socket.io/"], ["polling", "Socket.IO, long-polling", "socket.io/"], ["native", "WebSocket", "chat"]]) {
    await ada.page.selectOption("#way", way);
    await ada.page.locator('fanfare-status[data-state="open"]', { hasText: `Connected · ${words} · ` }).waitFor();
    await bob.someone("Ada").waitFor();
    await ada.says(`This is Ada, by ${words} to ${path}`);
    await bob.sees(`This is Ada, by ${words} to ${path}`);
    await bob.says(`Bob hears Ada by ${words}`);
    await ada.sees(`Bob hears Ada by ${words}`);
    await ada.someone("Bob").click();
    await ada.says(`Between us, by ${words}`);
    await bob.place("Ada").first().waitFor();
    await ada.place("lobby").click();
    const bytes = randomBytes(300_000);
    await ada.give([{ name: `by ${way}.bin`, mimeType: "application/octet-stream", buffer: bytes }]);
    await bob.log.locator(".attached", { hasText: `by ${way}.bin` }).waitFor();
    await ada.page.waitForFunction(() => !document.querySelector(".message.pending, .progress, .state.fault"));
    if (way === "polling") await ada.page.screenshot({ path: `${values.screens}/light-polling.png` });
    await bob.text.pressSequentially("t");
    await ada.page.locator("#typing", { hasText: "Bob is typing" }).waitFor();
    await bob.text.fill("");
  }
  while ((await bob.place("Ada").count()) > 0) {
    await bob.place("Ada").first().click();
    await bob.page.click("#leave");
  }
  await bob.place("lobby").click();
}, 60_000);

await test("screens", async () => {
  const file = (name) => ({ path: `${values.screens}/${name}.png` });
  await ada.page.screenshot(file("light-chat"));
  const dark = await house.person("Dora", "lobby", LOOKS.dark);
  const phone = await house.person("Fay", "lobby", LOOKS.phone);
  for (const [name, person] of [["dark-chat", dark], ["phone-chat", phone]]) {
    await ada.says(`Good evening, ${name}`);
    await person.sees(`Good evening, ${name}`);
    await person.says("And to you. This is how a rather longer answer looks when it does not fit on one line of the screen.");
    await person.page.screenshot(file(name));
  }
  await phone.page.click("#menu");
  await phone.page.locator("#side").waitFor();
  await phone.page.waitForTimeout(250);
  await phone.page.screenshot(file("phone-drawer"));
  const wide = await phone.page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= 390, `the page is ${wide} wide on a phone`);
  for (const [name, look] of Object.entries(LOOKS)) {
    for (const path of ["/", "/binary/", "/echo/"]) {
      const page = await house.page(path, look);
      await page.waitForSelector(path === "/" ? ".kit" : 'fanfare-status[data-state="open"]');
      check((await page.evaluate(() => document.documentElement.scrollWidth)) <= look.viewport.width, `${path} is too wide for ${name}`);
      await page.screenshot(file(`${name}-${path === "/" ? "index" : path.slice(1, -1)}`));
      await page.context().close();
    }
  }
  await Promise.all([dark.leaves(), phone.leaves()]);
}, 60_000);

await test("from the keyboard alone", async () => {
  const page = await house.page("/chat/");
  await page.keyboard.type("Kim"); // the name has the focus
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector('fanfare-status[data-state="open"]');
  await page.keyboard.type("no mouse"); // the message has the focus
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two lines");
  await page.keyboard.press("Enter");
  await ada.sees("no mouse\ntwo lines");
  await page.focus("chat-places button");
  await page.keyboard.press("Tab");
  await page.keyboard.type("keys");
  await page.keyboard.press("Enter");
  await page.locator("#room-name", { hasText: "keys" }).waitFor();
  await page.focus("chat-places button:last-child");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.locator("#room-name", { hasText: "lobby" }).waitFor();
  await page.focus("chat-people button:not([disabled])");
  await page.keyboard.press("Escape");
  equal(await page.evaluate(() => document.activeElement?.tagName), "TEXTAREA", "the focus after Escape");
  await page.keyboard.press("Shift+Tab");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  check(outline !== "none", "the focus is not to be seen");
  await page.context().close();
});

await test("a screen reader is told of new messages, and of the connection", async () => {
  await bob.says("Read me aloud");
  await ada.page.locator('#aloud[aria-live="polite"] p', { hasText: "Bob in lobby: Read me aloud" }).waitFor({ state: "attached" });
  await ada.page.locator('fanfare-status [role="status"]', { hasText: "Connected" }).waitFor({ state: "attached" });
});

await test("the server is killed: the pages say so, keep what is written, come back and send it once", async () => {
  await ada.joins("second");
  await ada.place("lobby").click();
  await server.stop("SIGKILL");
  for (const person of [ada, bob]) await person.state("waiting");
  await ada.page.locator("fanfare-status", { hasText: /Reconnecting|trying/ }).waitFor();
  await ada.says("Written while you were away");
  await ada.page.locator(".message .state", { hasText: "Waits for the connection" }).waitFor();
  await ada.page.locator("fanfare-status", { hasText: "1 unsent" }).waitFor();
  await ada.page.screenshot({ path: `${values.screens}/light-offline.png` });
  await server.start();
  for (const person of [ada, bob]) await person.state("open", 40_000);
  await bob.notice("The connection was lost");
  await ada.page.waitForFunction(() => !document.querySelector(".message.pending"), null, { timeout: 10_000 });
  equal(await ada.count("Written while you were away"), 1, "how often it is shown to its author");
  for (const name of ["Ada", "Bob"]) await ada.someone(name).waitFor();
  await bob.says("Back again");
  await ada.sees("Back again");
  await ada.place("second").click();
  await ada.says("Still a member of the second room");
  await ada.page.waitForFunction(() => !document.querySelector(".message.pending, .state.fault"));
}, 90_000);

await test("an orderly stop brings the pages back, too", async () => {
  await ada.place("lobby").click();
  await server.stop("SIGTERM");
  await server.start();
  for (const person of [ada, bob]) await person.state("open", 60_000);
  await ada.says("After the restart");
  await bob.sees("After the restart");
}, 120_000);

await test("a reload comes back to the same rooms", async () => {
  await ada.page.reload();
  await ada.state("open");
  for (const room of ["lobby", "second"]) await ada.place(room).waitFor();
});

await test("binary and echo", async () => {
  const [one, two] = [await house.page("/binary/"), await house.page("/binary/")];
  for (const page of [one, two]) await page.waitForSelector('fanfare-status[data-state="open"]');
  await one.setInputFiles("#files", [{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("hello") }]);
  await two.locator(".item", { hasText: "notes.txt" }).locator(".about", { hasText: "Received · 5 B" }).waitFor();
  await one.locator(".about", { hasText: "Sent by you" }).waitFor();
  const echo = await house.page("/echo/");
  await echo.waitForSelector('fanfare-status[data-state="open"]');
  await echo.fill("#text", "<b>there and back</b>");
  await echo.keyboard.press("Enter");
  await echo.locator("#answers .what", { hasText: "<b>there and back</b>" }).waitFor();
  await echo.selectOption("#size", "1048576");
  await echo.click("#binary");
  await echo.locator("#answers .what", { hasText: "1.0 MB, binary" }).waitFor();
  equal(await echo.textContent("#count"), "2");
  check((await echo.locator("fanfare-plot circle").count()) === 2, "the plot has no dots");
  for (const page of [one, two, echo]) await page.context().close();
});

await test("no page complained of anything", () => equal(house.complaints, []));

await house.close();
await server.stop("SIGKILL");
finish();
