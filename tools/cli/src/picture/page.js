"use strict";
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

  const sections = all("section.program");
  const bucket = one("#bucket");
  const keys = bucket.dataset.keys.split(" ");
  const tip = one("#tip");
  document.documentElement.classList.add("scripted");

  // What grows with the height, and how high it is without.
  const stretched = all(".stretched").map((panel) => {
    const picture = panel.closest(".picture");
    return {
      panel,
      panelHeight: Number(panel.getAttribute("height")),
      below: one(".below", picture),
      picture,
      height: Number(picture.getAttribute("height")),
    };
  });

  // What is shown.

  const shown = () => sections.find((section) => !section.hidden);

  const show = () => {
    const key = keys[bucket.value];
    const program = one("input[name=program]:checked").value;
    for (const section of sections) {
      section.hidden = section.dataset.bucket !== key || section.dataset.program !== program;
    }
    one("#bucket-key").value = key;
    bucket.setAttribute("aria-valuetext", key);
    hideTip();
    fit();
  };

  const stretch = () => {
    for (const input of all(".stretch")) {
      const by = `${Math.round(2 ** input.value * 10) / 10}×`;
      input.nextElementSibling.value = by;
      input.setAttribute("aria-valuetext", by);
    }
    for (const plot of all(".plot, .flame")) {
      const scroll = plot.parentElement;
      const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / scroll.scrollWidth;
      plot.style.width = `${100 * 2 ** one("#wider").value}%`;
      scroll.scrollLeft = middle * scroll.scrollWidth - scroll.clientWidth / 2;
    }
    for (const { panel, panelHeight, below, picture, height } of stretched) {
      const more = panelHeight * (2 ** one("#higher").value - 1);
      panel.setAttribute("height", panelHeight + more);
      below.setAttribute("transform", `translate(0 ${more})`);
      picture.setAttribute("height", height + more);
    }
    fit();
  };

  // Labels that do not fit their areas are hidden, and borders go where they would hide what they surround. Sizes are
  // read before anything is changed.
  const fit = () => {
    const areas = all(".plot .area, .flame .area", shown());
    const sizes = areas.map((area) => {
      const { width, height } = one("rect", area).getBoundingClientRect();
      return Math.min(width, height);
    });
    areas.forEach((area, at) => {
      area.classList.toggle("thinnest", sizes[at] < 2);
      area.classList.toggle("thin", 2 <= sizes[at] && sizes[at] < 6);
    });
    const texts = all(".plot .strip text, .plot .area text, .flame text", shown());
    for (const text of texts) {
      text.classList.remove("tight");
    }
    const tight = texts.map((text) => {
      const { right, height } = one("rect", text.parentElement).getBoundingClientRect();
      return text.getBoundingClientRect().right + 4 > right || height < 13;
    });
    texts.forEach((text, at) => text.classList.toggle("tight", tight[at]));
  };

  // The call at which the table is taken.

  const look = (section) => {
    const at = Number(one(".at-call", section).value);
    const calls = all(".calls tbody tr", section);
    const input = one(".at-call", section);
    const isPeak = at === Number(input.dataset.peak);
    const title = at < calls.length ? calls[at].dataset.title : "after the last call";
    one(".at-title", section).value = title;
    input.setAttribute("aria-valuetext", title);
    const moment = one(".moment", section);
    const width = 100 / (calls.length + 1);
    moment.setAttribute("x", `${at * width}%`);
    moment.setAttribute("width", `${width}%`);
    const everything = one(".all-buffers", section).checked;
    let live = 0;
    for (const row of all(".buffers tbody tr", section)) {
      const lives = Number(row.dataset.first) <= at && at <= Number(row.dataset.last);
      live += lives ? Number(row.dataset.bytes ?? 0) : 0;
      row.hidden = !lives && !everything;
    }
    one(".live", section).textContent = `${grouped(live)} B`;
    one(".when", section).textContent = isPeak ? "at the peak" : at < calls.length ? `at call ${at}` : "at the end";
  };

  // Pointing at a buffer: its text, and its row.

  const hideTip = () => {
    tip.hidden = true;
    for (const pointed of all(".pointed")) {
      pointed.classList.remove("pointed");
    }
  };

  const point = (area, x, y) => {
    hideTip();
    area.classList.add("pointed");
    const row = one(`tr[data-buffer="${CSS.escape(area.id)}"]`);
    row?.classList.add("pointed");
    tip.textContent = area.getAttribute("aria-label");
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
    const top = y + 14 + height > innerHeight ? y - 14 - height : y + 14;
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, top)}px`;
  };

  const pointAtFocus = (area) => {
    const box = one("rect", area).getBoundingClientRect();
    const frame = area.closest(".scroll").getBoundingClientRect();
    const x = (Math.max(box.left, frame.left) + Math.min(box.right, frame.right)) / 2;
    point(area, x, (box.top + box.bottom) / 2);
  };

  // Arrow keys: left and right in the order of time, up and down among those that live at the same time.
  const towards = (areas, area, key) => {
    const of = (other) => ["first", "last", "offset"].map((name) => Number(other.dataset[name]));
    const order = [...areas].sort((a, b) => {
      const [[aFirst, , aOffset], [bFirst, , bOffset]] = [of(a), of(b)];
      return aFirst - bFirst || aOffset - bOffset;
    });
    const at = order.indexOf(area);
    const [first, last, offset] = of(area);
    const beside = (sign) => {
      const found = order.filter((other) => {
        const [otherFirst, otherLast, otherOffset] = of(other);
        return otherFirst <= last && first <= otherLast && sign * (otherOffset - offset) > 0;
      });
      return found.sort((a, b) => sign * (of(a)[2] - of(b)[2]))[0];
    };
    switch (key) {
      case "ArrowRight":
        return order[at + 1];
      case "ArrowLeft":
        return order[at - 1];
      case "ArrowUp":
        return beside(1);
      case "ArrowDown":
        return beside(-1);
      case "Home":
        return order[0];
      case "End":
        return order[order.length - 1];
      default:
        return undefined;
    }
  };

  for (const section of sections) {
    const plot = one(".plot", section);
    const areas = all(".buffer", section);
    areas[0]?.setAttribute("tabindex", "0");
    for (const picture of all(".plot, .flame", section)) {
      // The browser's own tooltip would stand beside ours.
      for (const area of all(".area", picture)) {
        const title = one("title", area);
        area.setAttribute("aria-label", title.textContent);
        title.remove();
      }
      picture.addEventListener("pointermove", (event) => {
        const area = event.target.closest(".area");
        if (area) {
          point(area, event.clientX, event.clientY);
        } else {
          hideTip();
        }
      });
      picture.addEventListener("pointerleave", hideTip);
    }
    plot.addEventListener("focusin", (event) => {
      const area = event.target.closest(".buffer");
      if (!area) {
        return;
      }
      for (const other of areas) {
        other.setAttribute("tabindex", other === area ? "0" : "-1");
      }
      pointAtFocus(area);
    });
    plot.addEventListener("focusout", hideTip);
    plot.addEventListener("keydown", (event) => {
      const area = event.target.closest(".buffer");
      if (!area || event.ctrlKey || event.metaKey || event.altKey) {
        return;
      }
      if (event.key === "Escape") {
        hideTip();
        return;
      }
      const next = towards(areas, area, event.key);
      if (next) {
        next.focus();
      }
      if (next || event.key.startsWith("Arrow")) {
        event.preventDefault();
      }
    });
    one(".buffers tbody", section).addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row) {
        document.getElementById(row.dataset.buffer).focus();
      }
    });
    one(".at-call", section).addEventListener("input", () => look(section));
    one(".all-buffers", section).addEventListener("change", () => look(section));
    one(".to-peak", section).addEventListener("click", () => {
      one(".at-call", section).value = one(".at-call", section).dataset.peak;
      look(section);
    });
    look(section);
  }

  bucket.addEventListener("input", show);
  for (const radio of all("input[name=program]")) {
    radio.addEventListener("change", show);
  }
  for (const input of all(".stretch")) {
    input.addEventListener("input", stretch);
  }
  one(".controls").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("resize", fit);
  show();
})();
