// People in front of the chat page: what they do, and what they see.

import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const LOOKS = {
  light: { colorScheme: "light", viewport: { width: 1200, height: 800 } },
  dark: { colorScheme: "dark", viewport: { width: 1200, height: 800 } },
  phone: { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

export class House {
  /** What any page complained of: scripts, the security policy, loads that failed. */
  complaints = [];

  static async open(base, executablePath) {
    const house = new House();
    house.base = base;
    house.browser = await chromium.launch({ executablePath, args: FLAGS });
    return house;
  }

  /** A page with this look; each has storage of its own. */
  async page(path, look = LOOKS.light) {
    const context = await this.browser.newContext({ ...look, acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    page.on("pageerror", (error) => this.complaints.push(String(error.stack ?? error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("console", (message) => {
      // While the server is away the browser itself says so; that is no fault of the page.
      const away = /ERR_CONNECTION|WebSocket connection to|Failed to load resource/.test(message.text());
      if (message.type() === "error" && !away) this.complaints.push(message.text());
    });
    await page.goto(this.base + path);
    return page;
  }

  async person(name, room, look) {
    const page = await this.page("/chat/", look);
    await page.fill("#enter-name", name);
    await page.fill("#enter-room", room);
    await page.keyboard.press("Enter");
    const person = new Person(page);
    await person.state("open");
    return person;
  }

  close() {
    return this.browser.close();
  }
}

export class Person {
  constructor(page) {
    this.page = page;
    this.text = page.locator("chat-composer textarea");
    this.log = page.locator("chat-messages .scroll");
  }

  state(state, timeout = 10_000) {
    return this.page.waitForSelector(`fanfare-status[data-state="${state}"]`, { timeout });
  }

  async says(text) {
    await this.text.fill(text);
    await this.text.press("Enter");
  }

  /** Exactly this text, as text. */
  sees(text) {
    return this.log.locator(".body", { hasText: text }).first().waitFor();
  }

  async count(text) {
    return (await this.log.locator(".body").allTextContents()).filter((one) => one === text).length;
  }

  notice(text) {
    return this.log.locator(".notice", { hasText: text }).first().waitFor();
  }

  async joins(room) {
    await this.page.fill("#join-room", room);
    await this.page.press("#join-room", "Enter");
    await this.page.locator("#room-name", { hasText: room }).waitFor();
  }

  place(name) {
    return this.page.locator("chat-places button", { hasText: name });
  }

  someone(name) {
    return this.page.locator("chat-people button", { hasText: name });
  }

  give(files) {
    return this.page.setInputFiles("chat-composer input[type=file]", files);
  }

  leaves() {
    return this.page.context().close();
  }
}
