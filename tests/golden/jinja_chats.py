"""The conversations that make_jinja.py renders with each realistic template."""

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Get the weather in a place.",
    "parameters": {"type": "object", "properties": {
        "place": {"type": "string", "description": "City, e.g. \"Zürich\""},
        "unit": {"type": "string", "enum": ["c", "f"], "description": "Unit", "default": "c"},
        "days": {"type": "array", "items": {"type": "integer"}, "nullable": True}},
        "required": ["place"]},
    "return": {"type": "number"}}}
CLOCK = {"type": "function", "function": {
    "name": "clock", "description": "Tell the time.\nIn UTC.",
    "parameters": {"type": "object", "properties": {}}}}

SYSTEM = {"role": "system", "content": "  You are terse. Answer in 日本語 if asked.\n"}
HELLO = {"role": "user", "content": " Hello, what's 1 < 2 && \"3\"? "}
ANSWER = {"role": "assistant", "content": "It is true.\n\nReally."}
THOUGHT = {"role": "assistant", "content": "<think>\nHm, let me see.\n</think>\n\nYes."}
MORE = {"role": "user", "content": "And now?\n"}
CALL = {"role": "assistant", "content": "", "tool_calls": [{
    "id": "abcdefghi", "type": "function",
    "function": {"name": "get_weather", "arguments": {"place": "Zürich", "days": [1, 2]}}}]}
RESULT = {"role": "tool", "name": "get_weather", "tool_call_id": "abcdefghi",
          "content": "{\"temperature\": 21.5}"}
PARTS = {"role": "user", "content": [{"type": "text", "text": "Look: "},
                                     {"type": "text", "text": "two parts"}]}

FIXED = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": None, "unk_token": "<unk>",
         "date_string": "26 Jul 2024", "today": "2024-07-26"}

BASE = [
    {"messages": [HELLO], "add_generation_prompt": True},
    {"messages": [SYSTEM, HELLO], "add_generation_prompt": True},
    {"messages": [SYSTEM, HELLO, ANSWER, MORE], "add_generation_prompt": True},
    {"messages": [HELLO, THOUGHT, MORE, ANSWER], "add_generation_prompt": False},
    {"messages": [SYSTEM, HELLO], "tools": [WEATHER, CLOCK], "add_generation_prompt": True},
    {"messages": [HELLO, CALL, RESULT], "tools": [WEATHER], "add_generation_prompt": True},
    {"messages": [SYSTEM, HELLO, CALL, RESULT, RESULT, ANSWER, MORE], "tools": [WEATHER, CLOCK],
     "add_generation_prompt": True},
    {"messages": [PARTS], "add_generation_prompt": True},
    {"messages": [HELLO, HELLO], "add_generation_prompt": True},
    {"messages": [ANSWER, HELLO], "add_generation_prompt": True},
    {"messages": [], "add_generation_prompt": True},
]

EXTRA = {
    "qwen3": [
        {"messages": [HELLO], "add_generation_prompt": True, "enable_thinking": False},
        {"messages": [HELLO, {**ANSWER, "reasoning_content": " deep thought\n"}],
         "add_generation_prompt": False},
    ],
    "command_r": [
        {"messages": [HELLO], "add_generation_prompt": True,
         "documents": [{"title": "One", "text": "first"}, {"title": "Two", "text": "second\nline"}]},
    ],
    "gpt_oss": [
        {"messages": [HELLO], "add_generation_prompt": True, "reasoning_effort": "high",
         "builtin_tools": ["browser", "python"]},
        {"messages": [HELLO, {**ANSWER, "thinking": "Simple."}, MORE,
                      {**ANSWER, "thinking": "Again."}], "add_generation_prompt": False},
    ],
    "granite": [
        {"messages": [HELLO], "add_generation_prompt": True, "thinking": True},
        {"messages": [HELLO], "add_generation_prompt": True,
         "documents": [{"doc_id": 7, "text": "seven"}]},
    ],
    "llama3_tools": [
        {"messages": [SYSTEM, HELLO], "tools": [WEATHER], "add_generation_prompt": True,
         "tools_in_user_message": False},
        {"messages": [HELLO], "builtin_tools": ["brave_search", "wolfram_alpha"],
         "add_generation_prompt": True},
    ],
}


def conversations(name):
    for variables in BASE + EXTRA.get(name, []):
        yield {**FIXED, "tools": None, "documents": None, **variables}
