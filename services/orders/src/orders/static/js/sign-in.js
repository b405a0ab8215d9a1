// A look at the password before it is sent, for thumbs on small keys.

const wrapper = document.querySelector(".reveal");
const button = wrapper?.querySelector("button");
const field = document.getElementById("password");

if (button && field) {
  wrapper.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? button.dataset.show : button.dataset.hide;
    button.setAttribute("aria-pressed", String(!shown));
  });
  field.form.addEventListener("submit", () => {
    field.type = "password"; // so that no browser remembers it as an ordinary text
  });
}
