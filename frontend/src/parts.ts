// What came with the page and what came into it later are dressed alike.

/** Calls `dress` with the page, and with each part that htmx puts into it. */
export function onPageOrPart(dress: (part: ParentNode) => void): void {
  dress(document);
  document.addEventListener("htmx:after:process", (event) => {
    if (event.target instanceof Element && event.target !== document.body) dress(event.target);
  });
}

/** Whether this is the first time that `element` is dressed by `by`. */
export function first(element: HTMLElement, by: string): boolean {
  const key = `dressed${by}`;
  if (element.dataset[key] !== undefined) return false;
  element.dataset[key] = "";
  return true;
}
