// A file field that files may be dropped on. Without it the field is a plain one.
import { first } from "./parts";

/** Dresses every .drop-zone of a part: it lights up, takes what is dropped, and names what it took. */
export function dropZones(part: ParentNode): void {
  for (const zone of part.querySelectorAll<HTMLElement>(".drop-zone")) {
    const field = zone.querySelector<HTMLInputElement>("input[type=file]");
    const names = zone.querySelector<HTMLElement>("[data-names]");
    if (!field || !first(zone, "Drop")) continue;
    const over = (is: boolean) => (event: DragEvent) => {
      event.preventDefault();
      zone.classList.toggle("drop-zone--over", is);
    };
    zone.addEventListener("dragover", over(true));
    zone.addEventListener("dragleave", over(false));
    zone.addEventListener("drop", (event) => {
      over(false)(event);
      if (!event.dataTransfer?.files.length) return;
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
    field.addEventListener("change", () => {
      if (names) names.textContent = Array.from(field.files ?? [], (file) => file.name).join(", ");
    });
  }
}
