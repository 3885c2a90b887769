// Passkeys: <form data-passkey="create|use" data-options="/url" action="/url" method="post">.
// Asks the server for options (and the token they go with: the header Caudal-Token, the field "token"), the device for a
// credential, puts it as JSON into the form's field "credential", sends.
import { startAuthentication, startRegistration } from "@simplewebauthn/browser";
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/browser";

import { first } from "./parts";

/** Has the form's button start the device's own dialog. Where it fails, [data-passkey-failed] within is shown. */
export function offer(form: HTMLFormElement): void {
  if (!first(form, "Passkey")) return;
  form.addEventListener("submit", (event) => {
    const field = form.elements.namedItem("credential");
    if (!(field instanceof HTMLInputElement) || field.value) return;
    event.preventDefault();
    const failed = form.querySelector<HTMLElement>("[data-passkey-failed]");
    if (failed) failed.hidden = true;
    ask(form).then(
      (credential) => {
        field.value = JSON.stringify(credential);
        form.requestSubmit();
      },
      () => {
        if (failed) failed.hidden = false;
      },
    );
  });
}

async function ask(form: HTMLFormElement): Promise<unknown> {
  // As the form itself is sent: urlencoded, with all its fields.
  const fields = Array.from(new FormData(form)).map(([name, value]) => [name, String(value)]);
  const answer = await fetch(form.dataset["options"] ?? "", { method: "POST", body: new URLSearchParams(fields) });
  if (!answer.ok) throw new Error(`no options: ${answer.status}`);
  const token = form.elements.namedItem("token");
  if (token instanceof HTMLInputElement) token.value = answer.headers.get("Caudal-Token") ?? "";
  const options: unknown = await answer.json();
  return form.dataset["passkey"] === "create"
    ? startRegistration({ optionsJSON: options as PublicKeyCredentialCreationOptionsJSON })
    : startAuthentication({ optionsJSON: options as PublicKeyCredentialRequestOptionsJSON });
}
