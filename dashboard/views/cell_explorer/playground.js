// The Cell explorer in the browser. Python measures: every curve of the slider, and every value of
// every step, come as data. This file only draws what the slider and the step stand at, so that
// dragging and playing need no answer from the server. A value that somebody settles on is sent.

const SVG = "http://www.w3.org/2000/svg";
const SLIDER_MS = 90;
const STEP_MS = 260;
const PLOT = { left: 46, right: 8, top: 24, bottom: 36 };
const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const MAX_TOKENS = 40;
const MAX_BESIDE = 5;
const NOT_FINITE = -32768; // sent for NaN and infinity

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let view = views.get(parentElement);
  if (!view || !view.root.isConnected) {
    view = new Playground(parentElement.querySelector(".playground"));
    views.set(parentElement, view);
  }
  view.send = setTriggerValue;
  view.show(data);
  return () => view.stop();
}

class Playground {
  constructor(root) {
    this.root = root;
    this.main = this.find("input.main");
    this.stepper = this.find("input.step");
    this.main.oninput = () => this.move(Number(this.main.value));
    this.main.onchange = () => this.settle();
    this.stepper.oninput = () => this.goto(Number(this.stepper.value));
    this.stepper.onchange = () => this.send("stepped", { step: this.step });
    this.find("button.reset").onclick = () => {
      this.move(this.data.slider.reset);
      this.settle();
    };
    for (const button of root.querySelectorAll("button.play")) {
      button.onclick = () => this.play(button);
    }
    this.find("input.sort").onchange = (event) => {
      this.arrange(event.target.checked);
      this.drawMaps();
      this.goto(this.step);
      this.send("sorted", event.target.checked);
    };
    this.text = this.find("input.text");
    this.text.onchange = () => this.send("typed", this.text.value);
    const curve = this.find("svg.curve");
    curve.onpointermove = (event) => this.hover(event);
    curve.onpointerleave = () => this.hover(null);
    new ResizeObserver(() => this.data && this.drawCurve()).observe(curve);
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  show(data) {
    // A new measurement must not stop what is being dragged or played.
    const busy = this.playing || this.main.matches(":active");
    const same = this.data && this.data.slider.setting === data.slider.setting;
    this.data = data;
    const { slider } = data;
    this.main.max = slider.positions.length - 1 - slider.reset_is_extra;
    this.main.setAttribute("aria-label", slider.title);
    this.find(".title").textContent = slider.title;
    const reset = this.find("button.reset");
    reset.textContent = slider.reset_title;
    reset.title = slider.reset_help;
    this.cells = data.cells.map(decoded);
    this.steps = Math.min(...this.cells.map((cell) => cell.tokens.length));
    this.stepper.max = this.steps;
    this.find(".cells > .slider").style.display = this.steps > 1 ? "" : "none";
    const moves = slider.positions.length > 1;
    this.find(".gradient > .slider").style.display = moves ? "" : "none";
    this.find(".gradient > .under").style.display = moves ? "" : "none";
    this.find(".note").textContent = slider.note;
    this.find(".reads").style.display = data.text === null ? "none" : "";
    if (!this.text.matches(":focus")) this.text.value = data.text;
    this.arrange(data.sorted);
    if (!(busy && same)) {
      this.index = slider.chosen;
      this.step = data.step;
    }
    this.index = Math.min(this.index, slider.positions.length - 1);
    this.step = Math.min(this.step, this.steps);
    // Without a drawing a few maps stand in its place.
    const maps = this.cells.reduce((sum, cell) => sum + cell.parts.length, 0);
    const beside = maps <= MAX_BESIDE && !this.cells.some((cell) => cell.diagram);
    (beside ? this.find(".cells") : this.root).append(this.find(".heading"), this.find(".maps"));
    this.drawCurve();
    this.drawDiagrams();
    this.drawMaps();
    this.goto(this.step);
  }

  // ---- The slider and the curve.

  move(index) {
    this.index = index;
    const { slider } = this.data;
    const position = slider.positions[index];
    this.main.value = slider.reset_is_extra && index === slider.reset ? slider.reset_at : index;
    this.find("output.value").textContent = position.name;
    this.main.setAttribute("aria-valuetext", `${position.name}. ${position.half}`);
    this.find("button.reset").style.visibility = index === slider.reset ? "hidden" : "visible";
    this.find(".answer b").textContent = position.half;
    this.find(".answer span").textContent = position.rest;
    const { x, y } = this.scales;
    this.band.setAttribute("d", area(position, x, y));
    this.bold.setAttribute("d", line(position.value, x, y));
    const half = position.half_at;
    const shown = half !== null && position.value[0] !== null;
    this.dot.style.display = shown ? "" : "none";
    if (shown) {
      this.dot.setAttribute("cx", x(half));
      this.dot.setAttribute("cy", y(position.value[0] + Math.log10(0.5)));
    }
    this.find(".names span").textContent = `● ${position.label}`;
  }

  settle() {
    const { slider } = this.data;
    this.send("moved", { setting: slider.setting, value: slider.positions[this.index].at });
  }

  drawCurve() {
    const { slider, others, domain, x_title, y_title, description } = this.data;
    const svg = this.find("svg.curve");
    const width = svg.clientWidth || 600;
    const height = svg.clientHeight || 290;
    svg.replaceChildren();
    svg.setAttribute("aria-label", description);
    const last = slider.positions[0].value.length - 1;
    const x = scale([0, Math.max(1, last)], [PLOT.left, width - PLOT.right]);
    const y = scale(domain, [height - PLOT.bottom, PLOT.top]);
    this.scales = { x, y, last, width, height };
    for (const at of ticks(domain[0], domain[1], height / 50)) {
      add(svg, "line", { class: "axis", x1: PLOT.left, x2: width - PLOT.right, y1: y(at), y2: y(at) });
      add(svg, "text", { x: PLOT.left - 6, y: y(at) + 4, "text-anchor": "end" }, power(at));
    }
    for (const at of wholes(last, width / 80)) {
      add(svg, "text", { x: x(at), y: height - PLOT.bottom + 16, "text-anchor": "middle" }, at);
    }
    add(svg, "text", { class: "soft", x: width - PLOT.right, y: height - 4, "text-anchor": "end" }, x_title);
    add(svg, "text", { class: "soft", x: 0, y: 12 }, y_title);
    const clip = add(add(svg, "clipPath", { id: "plot" }), "rect", {
      x: PLOT.left, y: PLOT.top, width: width - PLOT.left - PLOT.right, height: height - PLOT.top - PLOT.bottom,
    });
    const plot = add(svg, "g", { "clip-path": `url(#${clip.parentNode.id})`, fill: "none" });
    const { colour } = this.data;
    for (const position of slider.positions) {
      add(plot, "path", { d: line(position.value, x, y), stroke: colour, opacity: 0.22 });
    }
    for (const other of others) {
      add(plot, "path", { d: area(other, x, y), fill: other.colour, opacity: 0.16 });
      add(plot, "path", { d: line(other.value, x, y), stroke: other.colour, "stroke-width": 2.4 });
    }
    this.band = add(plot, "path", { fill: colour, opacity: 0.18 });
    this.bold = add(plot, "path", { stroke: colour, "stroke-width": 3, "stroke-linecap": "round" });
    this.dot = add(plot, "circle", { r: 5, fill: "var(--st-background-color)", stroke: colour, "stroke-width": 2.5 });
    this.rule = add(svg, "line", { class: "axis", y1: PLOT.top, y2: height - PLOT.bottom, style: "display: none" });
    this.read = add(svg, "text", { y: PLOT.top + 14, x: width - PLOT.right, "text-anchor": "end" });
    const names = [element("span", "", ""), ...others.map((other) => element("span", "", `● ${other.label}`))];
    [this.data, ...others].forEach(({ ink }, i) => (names[i].style.color = ink));
    this.find(".names").replaceChildren(...names);
    this.move(this.index);
  }

  hover(event) {
    const { x, last } = this.scales;
    const pixel = event ? event.clientX - this.find("svg.curve").getBoundingClientRect().left : -1;
    const inside = pixel >= PLOT.left - 10;
    this.rule.style.display = this.read.style.display = inside ? "" : "none";
    if (!inside) return;
    const k = Math.max(0, Math.min(last, Math.round(x.invert(pixel))));
    this.rule.setAttribute("x1", x(k));
    this.rule.setAttribute("x2", x(k));
    const curves = [this.data.slider.positions[this.index], ...this.data.others];
    const values = curves.map((c) => (c.value[k] === null || c.value[k] === undefined ? "no value" : interval(c, k)));
    this.read.textContent = `${k} back: ${values.join(" · ")}`;
  }

  // ---- The steps: diagrams, maps and their cursor.

  goto(step) {
    this.step = step;
    this.stepper.value = step;
    const token = this.cells[0].tokens[step - 1];
    this.find("output.at").textContent = `${step} of ${this.steps}${token ? `, reads ${token}` : ""}`;
    for (const update of [...this.boxes, ...this.cursors]) update(step);
  }

  arrange(sorted) {
    this.find("input.sort").checked = sorted;
    for (const part of this.cells.flatMap((cell) => cell.parts)) {
      part.shown = sorted ? part.order : part.order.map((_, unit) => unit);
    }
  }

  drawDiagrams() {
    this.boxes = [];
    const figures = this.cells.filter((cell) => cell.diagram).map((cell) => {
      const figure = element("figure", "", "");
      figure.append(element("figcaption", "", cell.label));
      const { boxes, width, height, box_height } = cell.diagram;
      const svg = add(figure, "svg", { viewBox: `-2 -2 ${width + 4} ${height + 4}`, role: "img" });
      add(svg, "title", {}, `${cell.label}. ${cell.diagram.description}`);
      const marker = add(add(svg, "defs", {}), "marker", {
        id: "head", viewBox: "0 0 6 6", refX: 5, refY: 3, markerWidth: 6, markerHeight: 6, orient: "auto",
      });
      add(marker, "path", { class: "head", d: "M0,0L6,3L0,6z" });
      const by_name = Object.fromEntries(boxes.map((box) => [box.name, box]));
      const arrows = add(svg, "g", {});
      for (const box of boxes) {
        box.reads.forEach((name, i) => {
          const from = by_name[name];
          const x1 = from.left + from.width / 2;
          const y1 = from.top + box_height;
          add(arrows, "path", { class: "arrow", "marker-end": "url(#head)", d: arrow(x1, y1, box, i, box_height) });
        });
      }
      for (const box of boxes) this.drawBox(svg, box, cell);
      return figure;
    });
    this.find(".diagrams").replaceChildren(...figures);
  }

  drawBox(svg, box, cell) {
    const group = add(svg, "g", { transform: `translate(${box.left},${box.top})` });
    add(group, "title", {}, box.text ? `${box.title}: ${box.symbol} = ${box.text}` : box.title);
    const { box_height } = cell.diagram;
    add(group, "rect", { class: `box ${box.kind}`, width: box.width, height: box_height, rx: 8 });
    const middle = box.width / 2;
    const heading = add(group, "text", { x: middle, y: 15 });
    add(heading, "tspan", { class: "symbol" }, box.symbol);
    add(heading, "tspan", { dx: 4 }, box.heading);
    if (box.text) add(group, "text", { class: "soft", x: middle, y: box_height - 7 }, box.short);
    // A state before step t is what step t − 1 made: zero before the first.
    const part = cell.parts.find((each) => each.name === box.name || each.name === `${box.name}'`);
    if (!part) {
      const read = add(group, "text", { class: "token", x: middle, y: 46 });
      this.boxes.push((step) => (read.textContent = cell.tokens[step - 1] || "random"));
      return;
    }
    const bars = add(group, "path", { fill: part.gate ? this.data.ramps.gate[1] : cell.colour });
    const mean = add(group, "text", { class: "mean", x: box.width - 16, y: 30 });
    const base = part.from_zero ? 53 : 38;
    const room = part.from_zero ? 30 : 16;
    const pitch = (box.width - 12) / part.units;
    this.boxes.push((step) => {
      const row = box.kind === "input" ? step - 2 : step - 1;
      let path = "";
      let sum = 0;
      for (let i = 0; i < part.units; i++) {
        const value = row < 0 ? 0 : part.values[row * part.units + part.shown[i]];
        if (Number.isNaN(value)) continue;
        sum += value;
        path += `M${(6 + i * pitch).toFixed(1)},${base}h${(pitch * 0.8).toFixed(2)}v${((-value / part.limit) * room).toFixed(1)}h${(-pitch * 0.8).toFixed(2)}z`;
      }
      bars.setAttribute("d", path);
      if (part.gate) mean.textContent = (sum / part.units).toFixed(2);
    });
  }

  drawMaps() {
    this.cursors = [];
    const { ramps } = this.data;
    const maps = this.cells.flatMap((cell) =>
      cell.parts.map((part) => {
        const map = element("div", "map", "");
        const header = element("header", "", "");
        const title = `${part.title} ${part.symbol}`.trim();
        const ramp = element("span", "ramp", "");
        const colours = part.from_zero ? ramps.gate : ramps.signed;
        ramp.style.background = `linear-gradient(90deg, ${colours.join(",")})`;
        const ends = [part.from_zero ? "0" : short(-part.limit), short(part.limit)];
        header.append(
          element("b", "", this.cells.length > 1 ? `${cell.label.split(" · ")[0]}: ${title}` : title),
          element("span", "", ends[0]), ramp, element("span", "", ends[1]),
        );
        const picture = element("div", "picture", "");
        const canvas = element("canvas", "", "");
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", part.alt);
        paint(canvas, part, colours, cell.tokens.length);
        const cursor = element("div", "cursor", "");
        picture.append(canvas, cursor);
        const tokens = this.tokenLine(cell.tokens);
        map.append(header);
        if (part.summary) map.append(element("p", "summary", part.summary));
        map.append(picture, tokens);
        const share = 100 / cell.tokens.length;
        this.cursors.push((step) => {
          cursor.style.left = `${(step - 1) * share}%`;
          cursor.style.width = `max(4px, ${share}%)`;
          [...tokens.children].forEach((each, i) => each.classList.toggle("now", each.dataset.step == step));
        });
        const place = (event) => {
          const step = Math.floor((event.offsetX / canvas.clientWidth) * cell.tokens.length);
          const row = Math.floor((event.offsetY / canvas.clientHeight) * part.units);
          return [Math.max(0, Math.min(step, cell.tokens.length - 1)), part.shown[Math.max(0, Math.min(row, part.units - 1))]];
        };
        canvas.onpointermove = (event) => {
          const [step, unit] = place(event);
          const token = cell.tokens[step] ? ` (${cell.tokens[step]})` : "";
          const number = part.values[step * part.units + unit];
          const value = Number.isNaN(number) ? "not finite" : number.toFixed(3).replace("-", "−");
          this.find(".hovered").textContent = `${title}, ${part.each} ${part.first + unit + 1}, step ${step + 1}${token}: ${value}`;
        };
        canvas.onpointerleave = () => (this.find(".hovered").textContent = this.data.hint);
        canvas.onclick = (event) => {
          const [step, unit] = place(event);
          this.goto(Math.min(step + 1, this.steps));
          this.send("stepped", { step: this.step, unit: unit + 1 });
        };
        return map;
      }),
    );
    this.find(".maps").replaceChildren(...maps);
    this.find(".hovered").textContent = this.data.hint;
  }

  tokenLine(tokens) {
    const line = element("div", "tokens", "");
    const named = tokens.some(Boolean) && tokens.length <= MAX_TOKENS;
    if (named && tokens.some((token) => token.length > 2)) line.classList.add("words");
    const every = named ? 1 : Math.ceil(tokens.length / 10);
    tokens.forEach((token, i) => {
      if (i % every) return;
      const cell = element("span", "", named ? token : String(i + 1));
      cell.dataset.step = i + 1;
      line.append(cell);
    });
    return line;
  }

  // ---- Playing.

  play(button) {
    const again = this.playing === button;
    this.pause();
    if (again) return;
    const steps = button.dataset.play === "steps";
    const last = steps ? this.steps : Number(this.main.max);
    const origin = this.index;
    let at = steps ? (this.step < last ? this.step : 0) : -1;
    this.playing = button;
    button.classList.add("playing");
    this.timer = setInterval(() => {
      at += 1;
      if (at <= last) return steps ? this.goto(at) : this.move(at);
      if (steps || !this.data.slider.returns) return this.pause();
      this.stop(); // a setting goes back to where it was; training and steps stay at their end
      this.move(origin);
    }, steps ? STEP_MS : SLIDER_MS);
  }

  // Send where somebody has paused, or where the steps have ended.
  pause() {
    const { playing } = this;
    this.stop();
    if (!playing) return;
    if (playing.dataset.play === "steps") this.send("stepped", { step: this.step });
    else this.settle();
  }

  stop() {
    clearInterval(this.timer);
    this.playing?.classList.remove("playing");
    this.playing = null;
  }
}

// ---- Numbers to pixels, paths and words.

function decoded(cell) {
  const parts = cell.parts.map((part) => {
    const bytes = Uint8Array.from(atob(part.packed), (letter) => letter.charCodeAt(0));
    const shares = new Int16Array(bytes.buffer);
    const values = Float32Array.from(shares, (v) => (v === NOT_FINITE ? NaN : (v / 32767) * part.limit));
    return { ...part, values, units: part.order.length };
  });
  return { ...cell, parts };
}

function scale([low, high], [from, to]) {
  const slope = (to - from) / (high - low || 1);
  const at = (value) => from + (value - low) * slope;
  at.invert = (pixel) => low + (pixel - from) / slope;
  return at;
}

function line(values, x, y) {
  let pen = "M";
  let path = "";
  values.forEach((value, k) => {
    if (value === null) pen = "M";
    else {
      path += `${pen}${x(k).toFixed(1)},${y(value).toFixed(1)}`;
      pen = "L";
    }
  });
  return path;
}

function area({ low, high }, x, y) {
  const known = low.map((value, k) => k).filter((k) => low[k] !== null);
  if (!known.length) return "";
  const up = known.map((k) => `${x(k).toFixed(1)},${y(high[k]).toFixed(1)}`);
  const down = known.reverse().map((k) => `${x(k).toFixed(1)},${y(low[k]).toFixed(1)}`);
  return `M${[...up, ...down].join("L")}z`;
}

function ticks(low, high, count) {
  const raw = (high - low) / count;
  const size = raw <= 0.3 ? 0.25 : raw <= 0.5 ? 0.5 : raw <= 1 ? 1 : [2, 3, 5, 10, 20, 50, 100].find((s) => s >= raw) || 200;
  const found = [];
  for (let at = Math.ceil(low / size) * size; at <= high + 1e-9; at += size) found.push(at);
  return found;
}

function wholes(last, count) {
  const size = [1, 2, 5, 10, 20, 50].find((s) => last / s <= count) || 100;
  return Array.from({ length: Math.floor(last / size) + 1 }, (_, i) => i * size);
}

function power(log10) {
  if (Math.abs(log10) < 2.01) return short(10 ** log10);
  if (!Number.isInteger(Math.round(log10 * 1e6) / 1e6)) return short(10 ** log10);
  return `10${[...String(Math.round(log10))].map((sign) => SUPERSCRIPT[sign]).join("")}`;
}

function short(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [digits, exponent] = value.toExponential(1).split("e");
    const sign = [...String(Number(exponent))].map((each) => SUPERSCRIPT[each]).join("");
    return `${digits} × 10${sign}`.replace(/^-/, "−");
  }
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

function interval(curve, k) {
  const ends = curve.low[k] === null ? "" : ` [${short(10 ** curve.low[k])}, ${short(10 ** curve.high[k])}]`;
  return `${short(10 ** curve.value[k])}${ends}`;
}

// From below one box to the top of the next row's; what skips a row goes around it, to the side.
function arrow(x1, y1, box, i, height) {
  const gap = box.top - y1;
  if (gap > height) {
    const right = x1 > box.left + box.width / 2;
    const y2 = box.top + height * (0.35 + 0.15 * i);
    return `M${x1},${y1}C${x1},${y2} ${x1},${y2} ${right ? box.left + box.width : box.left},${y2}`;
  }
  const x2 = box.left + (box.width * (i + 1)) / (box.reads.length + 1);
  const bend = Math.min(60, gap * 0.6);
  return `M${x1},${y1}C${x1},${y1 + bend} ${x2},${box.top - bend} ${x2},${box.top}`;
}

function paint(canvas, part, colours, steps) {
  canvas.width = steps;
  canvas.height = part.units;
  const context = canvas.getContext("2d");
  const image = context.createImageData(steps, part.units);
  const stops = colours.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
  for (let row = 0; row < part.units; row++) {
    for (let step = 0; step < steps; step++) {
      const value = part.values[step * part.units + part.shown[row]];
      if (Number.isNaN(value)) continue; // the background shows through, which is striped
      const share = value / part.limit;
      const level = 2 * Math.max(0, Math.min(1, part.from_zero ? share : (share + 1) / 2));
      const at = Math.min(1, Math.floor(level));
      const pixel = 4 * (row * steps + step);
      for (let c = 0; c < 3; c++) image.data[pixel + c] = stops[at][c] + (stops[at + 1][c] - stops[at][c]) * (level - at);
      image.data[pixel + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function add(parent, tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}
