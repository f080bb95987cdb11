// The documentation, drawn from /openapi.json. Nothing is asked of anybody else.
"use strict";

function make(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function nameOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf) return schema.anyOf.map(nameOf).join(" | ");
  if (schema.type === "array") {
    if (schema.prefixItems) return `[${schema.prefixItems.map(nameOf).join(", ")}]`;
    return `[${nameOf(schema.items)}, …]`;
  }
  if (schema.type === "object" && schema.additionalProperties) return `{…: ${nameOf(schema.additionalProperties)}}`;
  if (schema.properties && schema.properties.data) return nameOf(schema.properties.data);
  return schema.type || "any";
}

function bounds(schema) {
  const out = [];
  if (schema.minimum !== undefined) out.push(`${schema.minimum} to ${schema.maximum}`);
  if (schema.exclusiveMinimum !== undefined) out.push(`above ${schema.exclusiveMinimum}`);
  if (schema.default !== undefined) out.push(`default ${schema.default}`);
  return out.join(", ");
}

function table(heads, rows) {
  const made = make("table");
  const top = make("tr");
  for (const text of heads) {
    const cell = make("th", text);
    cell.scope = "col";
    top.append(cell);
  }
  const body = make("tbody");
  for (const row of rows) {
    const line = make("tr");
    row.forEach((text, index) => line.append(index ? make("td", text) : wrap("td", make("code", text))));
    body.append(line);
  }
  const head = make("thead");
  head.append(top);
  made.append(head, body);
  return made;
}

function wrap(name, ...children) {
  const made = make(name);
  made.append(...children);
  return made;
}

function example(path, parameters) {
  const query = parameters
    .filter((one) => one.example !== undefined && ["symbol", "symbols", "window"].includes(one.name))
    .filter((one, index, all) => one.name !== "symbols" || !all.some((other) => other.name === "symbol"))
    .map((one) => `${one.name}=${one.example}`)
    .join("&");
  return path + (query ? `?${query}` : "");
}

function operation(path, method, spec) {
  const section = make("section");
  section.id = spec.operationId;
  section.append(make("h2", `${method.toUpperCase()} ${path}`), make("p", spec.summary));
  if (spec.parameters.length) {
    const rows = spec.parameters.map((one) => [one.name, nameOf(one.schema), bounds(one.schema), one.description]);
    section.append(table(["parameter", "type", "bounds", "meaning"], rows));
  }
  const stream = "text/event-stream" in (spec.responses["200"].content || {});
  const line = example(path, spec.parameters);
  const asks = spec.security.some((one) => "key" in one);
  const needs = asks && !spec.security.some((one) => !Object.keys(one).length);
  const flags = `${stream ? "-N " : ""}${method === "get" ? "" : "-X POST "}${needs ? "-H 'x-api-key: ofd_…' " : ""}`;
  section.append(make("pre", `curl ${flags}'${location.origin}${line}'`));
  if (!stream && method === "get") {
    const link = make("a", "try it");
    link.href = line;
    section.append(link);
  }
  const statuses = Object.entries(spec.responses).map(([status, one]) => {
    const content = one.content && Object.values(one.content)[0];
    return [status, one.description, content ? nameOf(content.schema) : ""];
  });
  const more = make("details");
  more.append(make("summary", "answers"), table(["status", "meaning", "data, or the body"], statuses));
  section.append(more);
  return section;
}

function shape(name, schema) {
  const section = make("details");
  section.id = `schema-${name}`;
  section.append(make("summary", name));
  if (schema.description) section.append(make("p", schema.description));
  const rows = Object.entries(schema.properties || {}).map(([key, one]) => [key, nameOf(one), one.description || ""]);
  section.append(table(["field", "type", "meaning"], rows));
  return section;
}

async function begin() {
  const article = document.getElementById("article");
  try {
    const spec = await (await fetch("/openapi.json")).json();
    document.getElementById("version").textContent = spec.info.version;
    article.replaceChildren(make("p", spec.info.description));
    for (const [path, item] of Object.entries(spec.paths)) {
      for (const [method, one] of Object.entries(item)) article.append(operation(path, method, one));
    }
    const shapes = make("section");
    shapes.append(make("h2", "Shapes"));
    for (const [name, schema] of Object.entries(spec.components.schemas)) shapes.append(shape(name, schema));
    article.append(shapes);
  } catch (error) {
    article.replaceChildren(make("p", `/openapi.json could not be read: ${error.message}`));
  }
}

begin();
