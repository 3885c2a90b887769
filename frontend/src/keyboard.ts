// Single keys, for whoever wants them: [data-keys] says so. j and k go from one row or question to the next, what its
// buttons name answers it, / to the search, g and a letter to a section, ? to the dialog that lists them all.
import { onPageOrPart } from "./parts";

const SECTIONS: Readonly<Record<string, string>> = { o: "overview", t: "transactions", a: "accounts", r: "review" };
const SEQUENCE_MS = 1_500;
const TYPED_INTO = "input, textarea, select, [contenteditable]:not([contenteditable=false])";

/** Where j and k last stood: what it is, and which of them, should it be gone. */
let stood: { name: string; at: number } | undefined;
let sequence: ReturnType<typeof setTimeout> | undefined;
let answered = false;

/** Listens for the whole page, where it wants keys. What comes into the page later needs nothing. */
export function keyboard(): void {
  if (!document.querySelector("[data-keys]")) return;
  document.addEventListener("keydown", pressed);
  document.addEventListener("focusin", ({ target }) => {
    const at = stops().findIndex((stop) => target instanceof Node && stop.contains(target));
    const stop = stops()[at];
    stood = stop && { name: nameOf(stop), at };
  });
  // Whoever points elsewhere isn't brought back.
  document.addEventListener("pointerdown", () => (stood = undefined));
  addEventListener("pageshow", () => (answered = false));
  // A list that was put there anew has taken the focus with it.
  onPageOrPart(() => {
    if (stood && document.activeElement === document.body) find()?.focus();
  });
}

function pressed(event: KeyboardEvent): void {
  const { key, target } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!(target instanceof Element) || document.querySelector("dialog[open]")) return;
  if (target.closest(TYPED_INTO)) {
    if (key === "Escape" && target === search()) act(event, () => document.getElementById("main")?.focus());
    return;
  }
  if (sequence !== undefined) {
    clearTimeout(sequence);
    sequence = undefined;
    const link = document.querySelector<HTMLElement>(`[data-section="${SECTIONS[key] ?? ""}"]`);
    if (link) return act(event, () => link.click());
  }
  if (key === "j") act(event, () => move(1));
  else if (key === "k") act(event, () => move(-1));
  else if (event.repeat) return;
  else if (key === "g") sequence = setTimeout(() => (sequence = undefined), SEQUENCE_MS);
  else if (key === "/" && search()) act(event, () => search()?.select());
  else if (key === "?") act(event, () => document.querySelector<HTMLDialogElement>("dialog#keys")?.showModal());
  else answer(event);
}

function act(event: Event, what: () => void): void {
  event.preventDefault();
  what();
}

function search(): HTMLInputElement | null {
  return document.querySelector<HTMLInputElement>("main input[type=search]");
}

/** The questions of a page; where there are none, its rows. */
function stops(): HTMLElement[] {
  const questions = document.querySelectorAll<HTMLElement>("main [data-question]");
  return Array.from(questions.length ? questions : document.querySelectorAll<HTMLElement>("main a.item__link"));
}

/** A row's is its address, a question's its own: both outlast the element. */
function nameOf(stop: HTMLElement): string {
  return stop.dataset["question"] ?? stop.getAttribute("href") ?? "";
}

/** Where j and k stand: there, or at what has taken its place. */
function find(): HTMLElement | undefined {
  if (!stood) return undefined;
  const { name, at } = stood;
  const all = stops();
  return all.find((stop) => nameOf(stop) === name) ?? all[Math.min(at, all.length - 1)];
}

function move(by: 1 | -1): void {
  const all = stops();
  const here = find();
  const next = here && document.activeElement !== document.body ? all[all.indexOf(here) + by] : (here ?? all[0]);
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** Sends the form of the question that is selected as its own button would. Once: what follows is another page. */
function answer(event: KeyboardEvent): void {
  const question = document.activeElement?.closest("[data-question]");
  const buttons = Array.from(question?.querySelectorAll("button") ?? []);
  const button = buttons.find((each) => each.getAttribute("aria-keyshortcuts") === event.key);
  if (!button?.form || answered) return;
  answered = true;
  act(event, () => button.form?.requestSubmit(button));
}
