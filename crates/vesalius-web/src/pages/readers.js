// How far each reader is, looked at every few seconds.
const table = document.getElementById("readers");

async function look() {
  const response = await fetch("/owner/readers").catch(() => null);
  if (!response?.ok) return;
  const { title, readers } = await response.json();
  if (readers.length === 0) return;
  document.getElementById("title").textContent = `Visual Turing test: ${title}`;
  const rows = readers.map((reader) => {
    const row = document.createElement("tr");
    const state = reader.submitted ? "submitted" : reader.answered ? "reading" : "not begun";
    for (const text of [reader.name, `${reader.answered} of ${reader.images}`, state]) {
      row.insertCell().textContent = text;
    }
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
  table.hidden = false;
}

look();
setInterval(look, 3000);
