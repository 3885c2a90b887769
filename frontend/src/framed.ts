// A link's page in a frame tells the site around it how it goes: the one site that it was made for ([data-host]), no other.
import { onPageOrPart } from "./parts";

const OVER: Readonly<Record<string, string>> = {
  linked: "connected",
  mended: "connected",
  abandoned: "left",
  expired: "left",
};

/** Tells of each step as it comes, how high the page is, and when the person is through with it. */
export function framed(): void {
  const page = document.querySelector<HTMLElement>(".alone:has([data-host])");
  if (!page || window.parent === window) return;
  document.documentElement.dataset["framed"] = "";
  let state: string | undefined;
  onPageOrPart(() => {
    const now = step()?.dataset["state"];
    if (now === undefined || now === state) return;
    state = now;
    tell(OVER[now] ?? "opened");
  });
  let height = 0;
  new ResizeObserver(() => {
    const now = Math.ceil(page.getBoundingClientRect().height);
    if (now === height) return;
    height = now;
    tell("height", { height });
  }).observe(page);
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-tells-done]")) tell("done");
  });
}

function step(): HTMLElement | null {
  return document.querySelector<HTMLElement>("[data-host]");
}

/** The browser hands it over only where the site around is that very one. */
function tell(type: string, more: { height?: number } = {}): void {
  const { host, session, state, connection } = step()?.dataset ?? {};
  if (!host) return;
  const about = { source: "caudal-link", type, session_id: session, state, connection_id: connection || null };
  window.parent.postMessage({ ...about, ...more }, host);
}
