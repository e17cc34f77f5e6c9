// What the page does better with scripts: progress without loading anew, and the sum of the ticked networks.
"use strict";

const work = document.getElementById("work");
if (work) {
  const follow = async () => {
    let answer;
    try {
      answer = await fetch(work.dataset.from, { credentials: "same-origin", cache: "no-store" });
    } catch {
      return; // the page was closed
    }
    if (answer.status !== 200) {
      window.location.reload();
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("under-way");
    const shown = document.getElementById("under-way");
    // The title is announced when it changes, and the figures only look: what has not changed is left as it is.
    const title = fresh.querySelector("h2");
    const before = shown.querySelector("h2");
    if (before.textContent !== title.textContent) before.textContent = title.textContent;
    title.replaceWith(before);
    shown.replaceChildren(...fresh.childNodes);
    window.setTimeout(follow, 500);
  };
  window.setTimeout(follow, 400);
}

const boxes = [...document.querySelectorAll("input[data-addresses]")];
const sum = document.querySelector(".sum");
if (boxes.length && sum) {
  const language = document.documentElement.lang;
  const add = (name) => boxes.filter((box) => box.checked).reduce((all, box) => all + Number(box.dataset[name]), 0);
  const show = () => {
    const addresses = sum.querySelector('[data-sum="addresses"]');
    const seconds = sum.querySelector('[data-sum="seconds"]');
    addresses.value = `${new Intl.NumberFormat(language).format(add("addresses"))} ${addresses.dataset.unit}`;
    const whole = Math.round(add("seconds"));
    const [value, unit] = whole < 120 ? [whole, "second"] : [Math.round(whole / 60), "minute"];
    seconds.value = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
    sum.hidden = false;
  };
  boxes.forEach((box) => box.addEventListener("change", show));
  show();
}
