"""Makes golden/jinja/cases.json and golden/jinja/chats.json: what Jinja2, in the environment that
transformers sets up for chat templates, makes of many small templates and of realistic ones.

Wheels: transformers==5.0.0rc1, jinja2==3.1.6 (any near ones do). Run it from anywhere; it writes
beside itself. The small templates are in jinja_cases.py; the realistic ones in jinja/*.jinja, their
conversations in jinja_chats.py.

A case of cases.json is [template, variables, "output", text], [template, variables, "error",
message], or [template, variables, "syntax", message, line]; variables is an index into the file's
list. Messages are one line. chats.json has, for each template, its file and a list of [variables,
"output" or "error", text].
"""

import json
import pathlib
import re

from transformers.utils.chat_template_utils import _compile_jinja_template

import jinja_cases
import jinja_chats

HERE = pathlib.Path(__file__).resolve().parent / "jinja"


def outcome(template, variables):
    """What rendering comes to, without what differs from run to run."""
    try:
        return ["output", _compile_jinja_template(template).render(**variables)]
    except Exception as error:
        message = re.sub(r" \(<\w+>, line \d+\)", "", str(error)).replace("\n", " ")
        line = getattr(error, "lineno", None)
        if type(error).__name__ in ("TemplateSyntaxError", "TemplateAssertionError"):
            return ["syntax", message, line]
        # Python's own complaints about the code that Jinja generates: their lines mean nothing.
        return ["syntax", message, 0] if isinstance(error, SyntaxError) else ["error", message]


def dump(path, rows, **more):
    """JSON with one row a line, so that changes can be read."""
    body = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    head = "".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)},\n" for k, v in more.items())
    path.write_text("{" + head + '"cases": [\n' + body + "\n]}\n", encoding="utf-8")


def make_cases():
    variables, rows = [jinja_cases.COMMON], []
    for section, cases in jinja_cases.CASES.items():
        for case in cases:
            template, own = (case, None) if isinstance(case, str) else case
            if own is not None and own not in variables:
                variables.append(own)
            index = 0 if own is None else variables.index(own)
            result = outcome(template, variables[index])
            assert " at 0x" not in result[1], f"{section}: {template!r} prints an address"
            rows.append([template, index, *result])
    dump(HERE / "cases.json", rows, variables=variables)
    print(len(rows), "cases")


def make_chats():
    rows = []
    for path in sorted(HERE.glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        for variables in jinja_chats.conversations(path.stem):
            rows.append([path.name, variables, *outcome(template, variables)[:2]])
    dump(HERE / "chats.json", rows)
    print(len(rows), "chats")


if __name__ == "__main__":
    make_cases()
    make_chats()
