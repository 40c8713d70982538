// Renders /openapi.json. Everything is set as text, so that nothing in the document can become markup.
"use strict";

function element(name, text, ...children) {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  node.append(...children);
  return node;
}

function typeOf(schema, schemas) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    const target = schemas[name];
    return target && target.enum ? target.enum.join(" | ") : name;
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, schemas)).join(" | ");
  if (schema.type === "array") return `array of ${typeOf(schema.items || {}, schemas) || "anything"}`;
  const limits = [["≥", schema.minimum], ["≤", schema.maximum]].filter(([, value]) => value !== undefined);
  return [schema.type || "", ...limits.map(([sign, value]) => `${sign} ${value}`)].join(" ");
}

function fieldTable(schema, schemas) {
  const table = element("table");
  const required = schema.required || [];
  for (const [name, field] of Object.entries(schema.properties || {})) {
    table.append(
      element("tr", "", element("td", "", element("code", name)), element("td", typeOf(field, schemas)),
        element("td", required.includes(name) ? "required" : "")));
  }
  return table;
}

function described(title, schema, schemas) {
  const named = [schema, schema.items || {}, ...(schema.anyOf || [])].find((one) => one.$ref);
  const table = named ? [fieldTable(schemas[named.$ref.split("/").pop()], schemas)] : [];
  return [element("p", `${title}${named === schema ? "" : ` (${typeOf(schema, schemas) || "any JSON"})`}`), ...table];
}

function route(method, path, operation, schemas) {
  const summary = element("summary", "", element("b", method.toUpperCase()), element("code", path),
    element("span", operation.summary));
  const details = element("details", "", summary);
  const body = operation.requestBody;
  if (body) details.append(...described("Body", body.content["application/json"].schema, schemas));
  for (const [type, content] of Object.entries(operation.responses["200"].content)) {
    const data = content.itemSchema && content.itemSchema.properties && content.itemSchema.properties.data;
    const schema = data ? (data.anyOf || [data]).at(-1).contentSchema : content.itemSchema || content.schema;
    if (schema) details.append(...described(`Answer: ${type}`, schema, schemas));
  }
  return details;
}

async function main() {
  document.getElementById("base").textContent = `${location.origin}/v1`;
  const answer = await fetch("/openapi.json");
  const page = document.getElementById("routes");
  const reference = await answer.json();
  if (!answer.ok) {
    page.replaceChildren(element("p", reference.error.message));
    return;
  }
  const schemas = reference.components.schemas;
  const routes = Object.entries(reference.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => route(method, path, operation, schemas)));
  page.replaceChildren(...routes);
}

main();
