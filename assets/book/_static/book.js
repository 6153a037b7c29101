// A page opened from the disk may not read other pages, so search shows no excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// What is wider than the page scrolls within itself, so the keyboard must reach it.
function reachWhatScrolls() {
  const boxes = "pre, div.math, .table-wrapper, mjx-container[display]";
  for (const box of document.querySelectorAll(boxes)) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}
addEventListener("load", () => {
  // The label would hide from a screen reader what the line itself says.
  for (const line of document.querySelectorAll("summary[aria-label]")) {
    line.removeAttribute("aria-label");
  }
  const typeset = window.MathJax?.startup?.promise ?? Promise.resolve();
  typeset.then(reachWhatScrolls);
});
addEventListener("resize", reachWhatScrolls);
