// Light or dark: the system's, unless a person chose. What is chosen is kept by the server, with the form around it.

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Shows a choice ([data-theme-choice], a select or radios) at once, before the server has answered. */
export function themes(): void {
  document.addEventListener("change", (event) => {
    const choice = event.target;
    if (!(choice instanceof HTMLInputElement || choice instanceof HTMLSelectElement) || choice.name !== "theme") return;
    if (choice.matches("[data-theme-choice], [data-theme-choice] *")) {
      document.documentElement.dataset["theme"] = choice.value;
    }
  });
}

/** Calls `redraw` whenever colours change: by the system, or by a person. */
export function onThemeChange(redraw: () => void): void {
  dark.addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
