"""Records conversations as Gemma 4's own template renders them: `gemma4_chats.py TEMPLATE.jinja goldens`.

The template is `models/templates/google-gemma-4-31B-it.jinja` in llama.cpp's sources. Requests are in the package's own
form; the conversion to the names that templates know is below.
"""

import json
import pathlib
import sys

import jinja2

said = lambda role, *content: {"role": role, "content": list(content)}
text = lambda value: {"text": value}
call = lambda name, input, ref: {"toolRequest": {"name": name, "input": input, "ref": ref}}
result = lambda name, output, ref: {"toolResponse": {"name": name, "output": output, "ref": ref}}
tool = lambda name, description, schema=None: {"name": name, "description": description} | ({"inputSchema": schema} if schema else {})

WEATHER = tool("weather", "the weather of a city", {"type": "object", "required": ["city"], "properties": {
    "city": {"type": "string", "description": "the city"}, "Days": {"type": "integer"}, "unit": {"type": "string", "enum": ["C", "F"]}}})
RICH = tool("rich", "it has everything", {"type": "object", "required": ["list", "object"], "properties": {
    "list": {"type": "array", "description": "the list", "items": {"type": "string", "description": "one", "enum": ["a", "b"]}},
    "objects": {"type": "array", "items": {"type": "object", "required": ["b"], "properties": {
        "b": {"type": "number"}, "A": {"type": "boolean", "nullable": True}}}},
    "bare": {"type": "array"}, "numbers": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    "object": {"type": "object", "description": "of more", "required": ["x"], "properties": {
        "x": {"type": "string", "nullable": True}, "deep": {"type": "object", "properties": {"z": {"type": "number"}}}}},
    "hidden": {"type": "string"}, "type": {"type": "string"}, "description": {"type": "string"}}})

WITH_TOOLS = {"tools": [WEATHER]}
ASKED = said("user", text("Where does it rain?"))
CALLED = said("model", call("weather", {"city": "Bonn", "Days": 2}, "x"), call("weather", {"city": "Rome"}, "y"))
ANSWERED = said("tool", result("weather", {"rain": True, "Amount": 1.5, "list": [1, "a", {"b": False}]}, "x"), result("weather", "dry", "y"))
THOUGHT = said("model", {"reasoning": "hm"}, call("weather", {"city": "Bonn"}, "x"))
ONE = said("tool", result("weather", {"none": None, "sun": 3}, "x"))

CHATS = [
    {"messages": [said("user", text("Hello"))]},
    {"messages": [said("user", text("Hello"))], "config": {"includeReasoning": True}},
    {"messages": [said("system", text(" Be brief. ")), said("user", text("the weather?\n"))]},
    {"messages": [said("system", text("Be brief.")), said("user", text("Hello"))], "config": {"includeReasoning": True}},
    {"messages": [said("system", text("a")), said("system", text("b")), said("user", text("c"))]},
    {"messages": [said("user", text("a")), said("model", text(" b ")), said("user", text("c"))]},
    {"messages": [said("user", text("a")), said("user", text("b")), said("model", text("c")), said("model", text("d"))]},
    {"messages": [said("model", text("Hi!")), said("user", text("a"))]},
    {"messages": [said("user", text("a")), said("model", {"reasoning": "hm"}, text("b")), said("user", text("c"))]},
    {"messages": [said("user", text("a")), said("model", text("x<|channel>thought\nhm<channel|>b")), said("user", text("c"))]},
    {"messages": [ASKED]} | WITH_TOOLS,
    {"messages": [ASKED], "config": {"includeReasoning": True}} | WITH_TOOLS,
    {"messages": [said("system", text("Be brief.")), ASKED], "tools": [WEATHER, tool("stop", "no arguments"), RICH]},
    {"messages": [ASKED, CALLED]} | WITH_TOOLS,
    {"messages": [ASKED, CALLED, ANSWERED]} | WITH_TOOLS,
    {"messages": [ASKED, CALLED, ANSWERED, said("model", text("In Rome."))]} | WITH_TOOLS,
    {"messages": [ASKED, CALLED, ANSWERED, said("model", text("In Rome.")), said("user", text("Sure?"))]} | WITH_TOOLS,
    {"messages": [ASKED, THOUGHT, ONE], "config": {"includeReasoning": True}} | WITH_TOOLS,
    {"messages": [ASKED, THOUGHT, ONE, THOUGHT, ONE]} | WITH_TOOLS,
    {"messages": [ASKED, THOUGHT, ONE, said("model", text("Dry.")), ASKED]} | WITH_TOOLS,
    {"messages": [ASKED, CALLED, said("user", text("Stop."))]} | WITH_TOOLS,
]


def converted(request):
    messages = []
    for message in request["messages"]:
        content = message["content"]
        words = "".join(part.get("text", "") for part in content)
        if message["role"] == "tool":
            # The template takes objects only from here.
            results = [part["toolResponse"] for part in content]
            messages[-1]["tool_responses"] = [{"name": it["name"], "response": it["output"]} for it in results]
            continue
        entry = {"role": "assistant" if message["role"] == "model" else message["role"], "content": words}
        calls = [part["toolRequest"] for part in content if "toolRequest" in part]
        if calls:
            entry["tool_calls"] = [{"id": it["ref"], "function": {"name": it["name"], "arguments": it["input"]}} for it in calls]
        thoughts = "".join(part.get("reasoning", "") for part in content)
        messages.append(entry | ({"reasoning": thoughts} if thoughts else {}))
    tools = [{"function": {"name": it["name"], "description": it["description"], "parameters": it.get("inputSchema")}} for it in request.get("tools", [])]
    return messages, tools


def main(template, goldens):
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    render = environment.from_string(pathlib.Path(template).read_text()).render
    cases = []
    for request in CHATS:
        messages, tools = converted(request)
        thinks = request.get("config", {}).get("includeReasoning", False)
        rendered = render(messages=messages, tools=tools or None, bos_token="<bos>", add_generation_prompt=True, enable_thinking=thinks)
        cases.append({"request": request, "text": rendered})
    target = pathlib.Path(goldens) / "chats_gemma4.json"
    target.write_text(json.dumps(cases, ensure_ascii=True, indent=1) + "\n")


main(*sys.argv[1:])
