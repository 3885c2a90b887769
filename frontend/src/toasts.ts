// Short messages at the edge. Those the page came with, and that the server couldn't be reached.

const SHOWN_MS = 6_000;

/** Lets messages go after a while, unless they tell of something wrong, or are looked at. */
export function toasts(): void {
  const region = document.querySelector<HTMLElement>("[data-toasts]");
  if (!region) return;
  const watched = new WeakSet<Element>();
  const watch = (): void => {
    for (const toast of region.children) {
      if (watched.has(toast)) continue;
      watched.add(toast);
      if (!toast.matches("[data-stays]")) leave(toast);
    }
  };
  new MutationObserver(watch).observe(region, { childList: true });
  watch();

  region.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-dismisses]")) {
      event.target.closest(".toast")?.remove();
    }
  });
  document.addEventListener("htmx:error", () => unreachable(region));
  document.addEventListener("htmx:response:error", () => unreachable(region));
}

function leave(toast: Element): void {
  setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) leave(toast);
    else toast.remove();
  }, SHOWN_MS);
}

/** The text is the page's own, in its language: it waits in a <template>. */
function unreachable(region: HTMLElement): void {
  const template = document.querySelector<HTMLTemplateElement>("template[data-unreachable]");
  if (!template || region.querySelector("[data-unreachable-shown]")) return;
  region.append(template.content.cloneNode(true));
}
