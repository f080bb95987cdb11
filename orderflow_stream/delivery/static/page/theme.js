// Before the first paint, so that a light page does not flash dark. main.js takes over from here.
"use strict";
{
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("orderflow_stream.view") || "{}") || {};
  } catch {
    // storage is off: as the system has it
  }
  const said = new URLSearchParams(location.hash.split("?")[1] || "");
  const page = document.documentElement;
  page.dataset.theme = said.get("theme") || kept.theme || "auto";
  page.dataset.palette = said.get("palette") || kept.palette || "safe";
}
