"use strict";
// Sort a table by the column of the button pressed: numbers first the way that puts the best on top, then the
// other way round. Rows without a value stay last both ways.
for (const table of document.querySelectorAll("table.ranking")) {
  const status = table.parentElement.nextElementSibling;
  table.querySelectorAll("thead button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const now = head.getAttribute("aria-sort");
      const order = now === null ? head.dataset.first : now === "ascending" ? "descending" : "ascending";
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const body = table.tBodies[0];
      const compare = (a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const way = order === "ascending" ? 1 : -1;
        return way * (head.dataset.kind === "text" ? x.localeCompare(y) : Number(x) - Number(y));
      };
      body.append(...[...body.rows].sort(compare));
      for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
      status.textContent = `Sorted by ${button.textContent}, ${order}.`;
    });
  });
}
