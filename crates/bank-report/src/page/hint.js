// Shows an operation in words beside it, while the mouse rests on it or the keyboard is on it. So an operation that has no room for
// its label can be read too.

const HINT_LINE = 17;

function connectHint(picture) {
  const of = (event) => event.target.closest && event.target.closest("[data-op]");
  const show = (event) => {
    const element = of(event);
    if (element) drawHint(picture, picture.run.ops[element.dataset.op]);
  };
  const hide = () => picture.hint.replaceChildren();
  picture.root.addEventListener("pointerover", show);
  picture.root.addEventListener("pointerout", hide);
  picture.root.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) show(event);
  });
  picture.root.addEventListener("focusout", hide);
}

function drawHint(picture, op) {
  picture.hint.replaceChildren();
  const at = shape(picture, op);
  const lines = wholeWords(op).split(/, |: /);
  const width = Math.max(...lines.map((text) => textWidth(text, 12))) + 16;
  const height = lines.length * HINT_LINE + 8;
  const x = Math.max(GUTTER, Math.min((at.x0 + at.x1) / 2 - width / 2, picture.width - width - 4));
  const below = at.customer.mid + at.half + 10;
  const y = below + height < picture.run.height ? below : Math.max(at.customer.mid - at.half - height - 10, 2);
  svg(picture.hint, "rect", { class: "hint", x: round(x), y: round(y), width: round(width), height, rx: 4 });
  lines.forEach((text, index) => svg(picture.hint, "text", { x: round(x + 8), y: round(y + 17 + index * HINT_LINE) }, text));
}
