// A secret that an address brings stands after its #, which no server sees: <input data-from-fragment> takes it from there.

/** Fills the field with it, and has the address forget it; a form that is [data-sends-itself] goes on at once. */
export function fragments(): void {
  const field = document.querySelector<HTMLInputElement>("input[data-from-fragment]");
  const secret = decodeURIComponent(location.hash.slice(1));
  if (!field || !secret) return;
  history.replaceState(null, "", location.pathname + location.search);
  field.value = secret;
  if (field.form?.matches("[data-sends-itself]")) field.form.requestSubmit();
}
