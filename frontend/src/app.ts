// The one script of every page. A page without it still shows and does everything; with it, faster and nicer.
import htmx from "htmx.org";

import { dialogs } from "./dialogs";
import { dropZones } from "./drop-zones";
import { fragments } from "./fragments";
import { framed } from "./framed";
import { keyboard } from "./keyboard";
import { live } from "./live";
import { onPageOrPart } from "./parts";
import { themes } from "./theme";
import { toasts } from "./toasts";

// No style of its own, nothing kept in the browser of what a page told, nothing asked of other servers.
htmx.config.includeIndicatorCSS = false;
htmx.config.history = "reload";
htmx.config.mode = "same-origin";
htmx.config.defaultTimeout = 20_000;

themes();
dialogs();
toasts();
live();
fragments();
keyboard();
framed();

onPageOrPart((part) => {
  dropZones(part);
  const charts = part.querySelectorAll<HTMLElement>("[data-chart]");
  // What few pages need is fetched where it is needed.
  if (charts.length) void import("./charts").then(({ draw }) => charts.forEach(draw));
  const passkeys = part.querySelectorAll<HTMLFormElement>("form[data-passkey]");
  if (passkeys.length) void import("./passkeys").then(({ offer }) => passkeys.forEach(offer));
});
