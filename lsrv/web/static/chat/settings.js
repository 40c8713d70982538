// The settings of a conversation, and what they are in the body of a request. Pure.
//
//   {system, temperature, top_p, …: text as typed, "" for the server's own; schema, tools: JSON as typed;
//    adapters: [{name, weight}]; thinking: "", "on" or "off"}

/** Numbers that can be set: what they are called in a request, their bounds, and what they do in a few words. */
export const NUMBERS = [
  { name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.05, hint: "0: always the likeliest word" },
  { name: "max_tokens", label: "Longest answer", min: 1, step: 1, isWhole: true, hint: "tokens" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: 0.01, hint: "likeliest words up to this share" },
  { name: "top_k", label: "Top k", min: 0, step: 1, isWhole: true, hint: "so many likeliest words; 0: all" },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: 0.01, hint: "at least this share of the likeliest" },
  { name: "repeat_penalty", label: "Repeat penalty", min: 0, max: 2, step: 0.01, hint: "1: none" },
  { name: "presence_penalty", label: "Presence penalty", min: -2, max: 2, step: 0.1, hint: "new subjects" },
  { name: "frequency_penalty", label: "Frequency penalty", min: -2, max: 2, step: 0.1, hint: "new words" },
  { name: "seed", label: "Seed", min: 0, step: 1, isWhole: true, hint: "the same answer again" },
];

/** What is wrong with a number as typed, "" if nothing. */
export function numberProblem({ min, max, isWhole }, text) {
  if (text === "" || text === undefined) return "";
  const number = Number(text);
  if (!Number.isFinite(number)) return "This is no number.";
  if (isWhole && !Number.isInteger(number)) return "This must be a whole number.";
  if (min !== undefined && number < min) return `At least ${min}.`;
  if (max !== undefined && number > max) return `At most ${max}.`;
  return "";
}

/** What is wrong with a JSON Schema as typed, "" if nothing that can be told here. */
export function schemaProblem(text) {
  if (!text?.trim()) return "";
  const { value, problem } = parsed(text);
  if (problem) return problem;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "A schema is a JSON object.";
  return "";
}

/** The same for a list of OpenAI's tools. */
export function toolsProblem(text) {
  if (!text?.trim()) return "";
  const { value, problem } = parsed(text);
  if (problem) return problem;
  if (!Array.isArray(value)) return 'Tools are a list: [{"type": "function", "function": {"name": …}}].';
  const isNamed = (tool) => typeof (tool?.function ?? tool)?.name === "string";
  return value.every(isNamed) ? "" : "Each tool needs a name.";
}

function parsed(text) {
  try {
    return { value: JSON.parse(text), problem: "" };
  } catch (error) {
    return { value: null, problem: `This is no JSON yet: ${error.message}` };
  }
}

/** All that is wrong, in words; empty when a request can be sent. */
export function settingsProblems(settings) {
  const numbers = NUMBERS.map((number) => [number.label, numberProblem(number, settings[number.name])]);
  const texts = [
    ["Schema", schemaProblem(settings.schema)],
    ["Tools", toolsProblem(settings.tools)],
  ];
  return [...numbers, ...texts].filter(([, problem]) => problem).map(([label, problem]) => `${label}: ${problem}`);
}

/** The fields of a request that say what is set, and no others. */
export function requestFields(settings) {
  const fields = {};
  for (const { name } of NUMBERS) {
    if (settings[name] !== undefined && settings[name] !== "") fields[name] = Number(settings[name]);
  }
  const stops = (settings.stop ?? "").split("\n").filter(Boolean);
  if (stops.length) fields.stop = stops;
  if (settings.schema?.trim()) {
    fields.response_format = {
      type: "json_schema",
      json_schema: { name: "answer", strict: true, schema: JSON.parse(settings.schema) },
    };
  }
  if (settings.tools?.trim()) {
    fields.tools = JSON.parse(settings.tools).map((tool) => (tool.function ? tool : { type: "function", function: tool }));
  }
  if (settings.thinking) fields.enable_thinking = settings.thinking === "on";
  if (settings.adapters?.length) {
    fields.adapters = settings.adapters.map(({ name, weight }) => ({ name, weight: Number(weight) }));
  }
  return fields;
}

/** How many of the settings are not the server's own. */
export function nSet(settings) {
  return Object.values(settings).filter((value) => (Array.isArray(value) ? value.length : value)).length;
}
