"""Reading files of prompts."""

import json
from pathlib import Path

import pytest

from unipic_tui.batch.items import read_items
from unipic_tui.errors import InputError


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_published_format_keeps_every_key(tmp_path: Path) -> None:
    entries = [{"prompt": "a cat", "id": 7, "tags": ["x"]}, {"prompt": "ein Hündchen"}]
    path = written(tmp_path, "p.json", json.dumps(entries))
    assert [item.fields for item in read_items(path)] == entries
    assert [item.index for item in read_items(path)] == [0, 1]


def test_text_is_a_prompt_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, "p.txt", "\ufeffa cat\r\n\n  [red] a dog \n")
    assert [item.fields["prompt"] for item in read_items(path)] == ["a cat", "[red] a dog"]
    assert [item.index for item in read_items(path)] == [0, 1]


def test_a_bad_line_is_one_bad_item(tmp_path: Path) -> None:
    # U+2028 is no end of a line here: JSON allows it inside of a text.
    path = written(tmp_path, "p.jsonl", '{"prompt": "a\u2028b"}\n{"prompt": \n"c"\n17\n')
    items = read_items(path)
    assert [item.fields.get("prompt") for item in items] == ["a\u2028b", None, "c", None]
    assert [bool(item.problem) for item in items] == [False, True, False, True]
    assert "not readable JSON" in items[1].problem
    assert "neither a text nor an object" in items[3].problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'Prompt,seed,note\n"a ring, on grey",5,x\n\n"two\nlines",,\n'),
        ("b.csv", 'prompt;seed;note\r\n"a ring, on grey";5;x\r\n"two\nlines"\r\n'),
        ("c.tsv", 'prompt\tseed\tnote\r"a ring, on grey"\t5\tx\r"two\nlines"'),
    ],
)
def test_tables_have_named_columns(tmp_path: Path, name: str, text: str) -> None:
    items = read_items(written(tmp_path, name, text))
    assert [item.fields for item in items] == [
        {"prompt": "a ring, on grey", "seed": "5", "note": "x"},
        {"prompt": "two\nlines"},
    ]


def test_a_row_with_too_many_cells_is_one_bad_item(tmp_path: Path) -> None:
    items = read_items(written(tmp_path, "a.csv", "prompt,seed\na ring, on grey,5\na star,6\n"))
    assert [bool(item.problem) for item in items] == [True, False]
    assert "3 cells for 2 columns" in items[0].problem


def test_yaml_is_a_list(tmp_path: Path) -> None:
    text = "- prompt: a ring\n  seed: 5\n  made: 2024-01-31\n- a star\n- [1]\n"
    items = read_items(written(tmp_path, "p.yaml", text))
    assert items[0].fields == {"prompt": "a ring", "seed": 5, "made": "2024-01-31"}
    assert items[1].fields == {"prompt": "a star"}
    assert "neither a text nor an object" in items[2].problem


def test_any_line_end_ends_a_line(tmp_path: Path) -> None:
    items = read_items(written(tmp_path, "p.txt", "a ring\ra star\r\na cross\n"))
    assert [item.fields["prompt"] for item in items] == ["a ring", "a star", "a cross"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", '[{"prompt": "a"},', "not readable JSON (line 1)"),
        ("b.json", '{"prompt": "a"}', "holds no array"),
        ("c.json", "[" * 100_000, "nested too deeply"),
        ("d.json", "[]", "holds no prompts"),
        ("e.txt", " \n\n", "holds no prompts"),
        ("f.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("g.csv", "name,seed\na ring,5\n", "no column named prompt, caption or text"),
        ("h.csv", "prompt,seed\n", "holds no prompts"),
        ("i.yaml", "prompt: a ring\n", "holds no list"),
        ("j.yaml", "- a: [\n", "not readable YAML"),
        ("k.yaml", "- &x [a]\n- *x\n", "it has aliases"),
        ("l.yaml", "- !!python/object:os.system {}\n", "not readable YAML"),
        ("m.yaml", "- !!binary aGk=\n", "holds values that are no text"),
        ("n.yaml", "- \x07\n", "control characters"),
        ("o.yaml", "[" * 100_000, "nested too deeply"),
        ("p.toml", "prompt = 'a ring'\n", "is no file of prompts"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    with pytest.raises(InputError) as error:
        read_items(written(tmp_path, name, text))
    assert said in error.value.message
    assert name in error.value.message


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("p.csv", 'prompt,seed\n"a red ring,1\na blue square,2\n', 2),
        ("p.csv", 'prompt,seed\na ring,1\n"a square,2\n"a star",3\n', 3),
        ("p.csv", 'prompt,note\r\n"a\r\nring","so\r\n', 3),
        ("p.csv", 'prompt,seed\na ring,1\n"a star', 3),
        ("p.tsv", 'prompt\tseed\n"Hello, it says\t1\na star\t2\n', 2),
    ],
)
def test_a_quote_that_is_not_closed_is_named(
    tmp_path: Path, name: str, text: str, line: int
) -> None:
    with pytest.raises(InputError, match=rf"{name} has a quote in line {line} that is not closed"):
        read_items(written(tmp_path, name, text))


def test_quotes_of_a_line_are_read_as_many_tools_write_them(tmp_path: Path) -> None:
    text = 'prompt\tseed\na 6" ring\t1\n"a\nstar"\t2\n"big" one\t3\n"say ""x"""\t4\n'
    prompts = [item.fields["prompt"] for item in read_items(written(tmp_path, "p.tsv", text))]
    assert prompts == ['a 6" ring', "a\nstar", "big one", 'say "x"']


@pytest.mark.parametrize(
    "columns", ["prompt,prompt", "prompt,seed,Seed", "prompt,num-iter,num_iter"]
)
def test_a_column_named_twice_is_refused(tmp_path: Path, columns: str) -> None:
    with pytest.raises(InputError, match="has two columns named"):
        read_items(written(tmp_path, "p.csv", f"{columns}\na,1,2\n"))
