// What happens in the books shows on the page that is open: [data-live] names the address where it is told.
// Parts that want to know ask for themselves: hx-trigger="caudal:changed from:body".

const TOGETHER_MS = 500;

/** Follows what happens in the books that the page shows, and tells <body> of it, several at once. */
export function live(): void {
  const address = document.querySelector<HTMLElement>("[data-live]")?.dataset["live"];
  if (!address) return;
  const source = new EventSource(address);
  let told: ReturnType<typeof setTimeout> | undefined;
  source.addEventListener("message", () => {
    told ??= setTimeout(() => {
      told = undefined;
      document.body.dispatchEvent(new CustomEvent("caudal:changed"));
    }, TOGETHER_MS);
  });
  addEventListener("pagehide", () => source.close(), { once: true });
}
