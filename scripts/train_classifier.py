"""Train the task classifier that ships, from `config/classifier/examples.jsonl`; the same examples give the same model.

python scripts/train_classifier.py [--examples FILE] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from orchestra.routing.classify import trained
from orchestra.settings.atomic import write

HOME = Path(__file__).parents[1] / "config" / "classifier"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, default=HOME / "examples.jsonl")
    parser.add_argument("--out", type=Path, default=HOME / "model.json")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.examples.read_text(encoding="utf-8").splitlines()]
    examples = [(row["task"], row["text"]) for row in rows]
    random.Random(0).shuffle(examples)
    classifier = trained(examples)
    plain = classifier.plain()
    weights = ",\n".join(f"  {json.dumps(term, ensure_ascii=False)}: {row}" for term, row in plain["weights"].items())
    head = f'"tasks": {json.dumps(plain["tasks"])},\n"temperature": {plain["temperature"]}'
    write(given.out, f'{{{head},\n"weights": {{\n{weights}\n}}}}\n')
    print(f"{len(examples)} examples, {len(plain['weights'])} terms, temperature {classifier.temperature}: {given.out}")


if __name__ == "__main__":
    main()
