// <dialog>: opened by [data-opens="id"], closed by [data-closes], by Escape (the browser's own) or beside it.

/** Listens for the whole page, so that dialogs which come later need nothing. */
export function dialogs(): void {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest<HTMLElement>("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset["opens"] ?? "");
    if (dialog instanceof HTMLDialogElement) {
      dialog.showModal();
      return;
    }
    if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
    // The backdrop is the dialog's own: a click on it hits the dialog, one inside hits what it holds.
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
}
