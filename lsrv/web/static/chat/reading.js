// An answer as it comes: the chunks of /v1/chat/completions read into one value. Pure, but for the clock it is given.
//
//   {content, reasoning, calls: [{id, name, arguments, result?}], notice, finish, usage, timings, firstAt, thoughtUntil, error}

export function newReading({ content = "", reasoning = "", calls = [] } = {}) {
  return {
    content,
    reasoning,
    calls: calls.map((call) => ({ ...call })),
    notice: "",
    finish: "",
    usage: null,
    timings: null,
    isCached: false,
    firstAt: 0,
    thoughtFrom: 0,
    thoughtUntil: 0,
    error: null,
  };
}

/** Take one event or comment of the stream into `reading`, in place; `now` in ms. True at the end of the answer. */
export function take(reading, event, now) {
  if (event.comment !== undefined) {
    reading.notice = event.comment;
    return false;
  }
  if (event.data === "[DONE]") return true;
  const chunk = JSON.parse(event.data);
  if (chunk.error) {
    reading.error = { message: chunk.error.message, code: chunk.error.code ?? "error" };
    return true;
  }
  if (chunk.usage) reading.usage = chunk.usage;
  if (chunk.timings) reading.timings = chunk.timings;
  if (chunk.cached) reading.isCached = true;
  for (const choice of chunk.choices ?? []) takeChoice(reading, choice, now);
  return false;
}

function takeChoice(reading, { delta, finish_reason: finish }, now) {
  if (delta?.reasoning_content) {
    reading.thoughtFrom ||= now;
    reading.reasoning += delta.reasoning_content;
  }
  if (delta?.content) {
    reading.content += delta.content;
  }
  for (const piece of delta?.tool_calls ?? []) takeCall(reading.calls, piece);
  if (delta?.content || delta?.reasoning_content || delta?.tool_calls?.length) {
    reading.firstAt ||= now;
    reading.notice = "";
    if (reading.thoughtFrom && !delta.reasoning_content) reading.thoughtUntil ||= now;
  }
  if (finish) {
    reading.finish = finish;
    if (reading.thoughtFrom) reading.thoughtUntil ||= now;
  }
}

function takeCall(calls, { index, id, function: said }) {
  calls[index] ??= { id: "", name: "", arguments: "" };
  const call = calls[index];
  if (id) call.id = id;
  if (said?.name) call.name += said.name;
  if (said?.arguments) call.arguments += said.arguments;
}

/** What a message tells of how it was made. Seconds, tokens, tokens per second. */
export function statsOf(reading, startedAt, endedAt) {
  const { usage, timings } = reading;
  return {
    ttft_s: reading.firstAt ? (reading.firstAt - startedAt) / 1000 : null,
    total_s: (endedAt - startedAt) / 1000,
    thought_s: reading.thoughtFrom ? ((reading.thoughtUntil || endedAt) - reading.thoughtFrom) / 1000 : null,
    rate: timings?.predicted_per_second ?? usage?.avg_compl_tok_per_sec ?? null,
    prompt_rate: timings?.prompt_per_second ?? null,
    n_prompt: usage?.prompt_tokens ?? null,
    n_completion: usage?.completion_tokens ?? null,
    n_cached: usage?.prompt_tokens_details?.cached_tokens ?? null,
    n_reasoning: usage?.completion_tokens_details?.reasoning_tokens ?? null,
    finish: reading.finish,
    isCached: reading.isCached,
  };
}
