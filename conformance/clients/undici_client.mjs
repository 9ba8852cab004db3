// The npm package `undici`, the WebSocket of Node itself: node undici_client.mjs http://127.0.0.1:8080

import { WebSocket } from "undici";
import { finish } from "../report.mjs";
import { dialogue } from "./dialogue.mjs";

await dialogue(process.argv[2], (url) => new WebSocket(url));
finish();
