// Creates elements. Text is set as text content, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function svg(parent, name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

function html(parent, name, attributes, text) {
  const element = document.createElement(name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

const round = (value) => Math.round(value * 10) / 10;

function line(x1, y1, x2, y2) {
  return `M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}`;
}

// Head of an arrow that ends at x2, y2.
function arrowHead(x1, y1, x2, y2, size) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const dx = ((x2 - x1) / length) * size;
  const dy = ((y2 - y1) / length) * size;
  const points = [
    [x2, y2],
    [x2 - dx - dy * 0.42, y2 - dy + dx * 0.42],
    [x2 - dx + dy * 0.42, y2 - dy - dx * 0.42],
  ];
  return `M${points.map(([x, y]) => `${round(x)} ${round(y)}`).join("L")}Z`;
}

// Keeps the labels on one line apart. The first label that asks for a space gets it.
function labelRoom() {
  const taken = [];
  return (x, width) => {
    if (taken.some(([from, to]) => x < to + 3 && x + width + 3 > from)) return false;
    taken.push([x, x + width]);
    return true;
  };
}

const textWidth = (text, size) => text.length * size * 0.58;
