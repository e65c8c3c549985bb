// What is wrong with the screen for whoever cannot use it as most do. An expression: the list of what it found.
(() => {
  const found = [];
  const say = (rule, element, more = "") =>
    found.push(`${rule}: <${element.tagName.toLowerCase()}${element.id && ` #${element.id}`} class="${element.getAttribute("class") ?? ""}"> ${(element.textContent ?? "").trim().slice(0, 40)} ${more}`);
  const there = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true, opacityProperty: true, visibilityProperty: true });
  const unseen = (element) => element.closest(".hidden, .skip") !== null;

  // WCAG 2.2, relative luminance and contrast ratio.
  const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(channels(getComputedStyle(at).backgroundColor));
    const paper = channels(getComputedStyle(document.documentElement).backgroundColor);
    return layers.reverse().reduce((below, layer) => over(layer, below), over(paper, [255, 255, 255]));
  };
  const check = (element, colour, style, what) => {
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const ground = behind(element);
    const ratio = contrast(over(channels(colour), ground), ground);
    if (ratio < (large ? 3 : 4.5)) say("contrast", element, `${what}${ratio.toFixed(2)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !there(element) || unseen(element) || element.closest("script, style, noscript, option, :disabled")) continue;
    const style = getComputedStyle(element);
    check(element, element.closest("svg") ? style.fill : style.color, style, "");
  }

  const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0'], [role='option']")].filter((element) => there(element));
  for (const element of controls) {
    if (element.placeholder) check(element, getComputedStyle(element, "::placeholder").color, getComputedStyle(element), "placeholder ");
    const box = element.getBoundingClientRect();
    const inText = element.matches("p a, p button");
    if (!unseen(element) && !inText && (box.width < 24 || box.height < 24)) say("target", element, `${box.width.toFixed(0)} by ${box.height.toFixed(0)}`);
  }
  const focused = document.activeElement;
  // What has the focus by a press of the mouse shows it by a key only; it is looked at as the others are.
  focused?.blur?.();
  for (const element of controls.filter((each) => !each.matches(":disabled, [role='option']") && document.querySelector("dialog[open]")?.contains(each) !== false)) {
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement !== element) { say("focus", element, "takes none"); continue; }
    const style = getComputedStyle(element);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) say("focus", element, "cannot be seen");
    else if (contrast(over(channels(style.outlineColor), behind(element.parentElement)), behind(element.parentElement)) < 3) say("focus", element, "is faint");
  }
  focused?.focus?.({ preventScroll: true });

  const headings = [...document.querySelectorAll("h1")].filter(there);
  if (headings.length !== 1) found.push(`headings: ${headings.length} of the first level`);
  const wide = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    found.push(`scroll: ${wide} px too wide`);
    for (const element of document.body.querySelectorAll("*")) {
      if (there(element) && !unseen(element) && element.getBoundingClientRect().right > document.documentElement.clientWidth + 1) say("scroll", element);
    }
  }
  if (!document.documentElement.lang) found.push("language: none");
  return found;
})()
