// <chat-places> and <chat-people>: the two lists of the side. Arrow keys move, Enter chooses.

import { make } from "../shared/dom.js";
/** @import { Place } from "./places.js" */

/** A list of buttons that the arrow keys walk. */
class ArrowList extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "group");
    this.addEventListener("keydown", (event) => this.#move(event));
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    const rows = [...this.querySelectorAll("button:not([disabled])")];
    const at = rows.indexOf(/** @type {Element} */ (document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
    if (next instanceof HTMLElement) next.focus();
    event.preventDefault();
  }

  /**
   * Shows these rows and keeps the focus on the row with the same key.
   * @param {HTMLElement[]} rows
   */
  show(rows) {
    const focused = document.activeElement instanceof HTMLElement && this.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    this.replaceChildren(...rows);
    if (focused !== undefined) rows.find((row) => row.dataset.key === focused)?.focus();
  }

  /** @param {string} type @param {unknown} detail */
  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export class ChatPlaces extends ArrowList {
  /** @param {Place[]} places @param {Place | null} current */
  update(places, current) {
    const signs = { room: "#", private: "@", everyone: "∗" };
    this.show(
      places.map((place) => {
        const unread = place.unread > 99 ? "99+" : String(place.unread);
        const spoken = place.unread > 0 ? `${place.title}, ${place.unread} unread` : place.title;
        return make(
          "button",
          {
            type: "button",
            class: "row",
            "data-key": `${place.kind} ${place.key}`,
            "aria-current": place === current ? "true" : undefined,
            "aria-label": place.kind === "private" ? `Private: ${spoken}` : spoken,
            onclick: () => this.tell("choose", place),
          },
          make("span", { class: "sign", "aria-hidden": "true" }, signs[place.kind]),
          make("span", { class: "name" }, place.title),
          place.unread > 0 ? make("span", { class: "unread numbers" }, unread) : null,
        );
      }),
    );
  }
}

export class ChatPeople extends ArrowList {
  /** @param {Place["members"]} members @param {string} ownUserId */
  update(members, ownUserId) {
    const people = [...members].sort(([one, { userName: a }], [other, { userName: b }]) => {
      return Number(other === ownUserId) - Number(one === ownUserId) || a.localeCompare(b);
    });
    this.show(
      people.map(([userId, { userName }]) => {
        const own = userId === ownUserId;
        return make(
          "button",
          {
            type: "button",
            class: "row person",
            "data-key": userId,
            disabled: own,
            title: own ? undefined : `Write to ${userName} alone`,
            onclick: () => this.tell("private", { userId, userName }),
          },
          make("span", { class: "initial", "aria-hidden": "true" }, [...userName][0]?.toUpperCase() ?? "?"),
          make("span", { class: "name" }, userName),
          own ? make("span", { class: "after" }, "you") : null,
        );
      }),
    );
  }
}

customElements.define("chat-places", ChatPlaces);
customElements.define("chat-people", ChatPeople);
