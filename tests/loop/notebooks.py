"""Small notebooks, and what a notebook says of itself."""

import json


def notebook(*sources):
    """A notebook of code cells without outputs."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for index, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def printed(held):
    """All that the cells of a notebook printed, and their errors."""
    outputs = [output for cell in held["cells"] for output in cell.get("outputs", ())]
    return "".join(
        str(one.get("text", "")) + str(one.get("ename", "")) + str(one.get("evalue", ""))
        for one in outputs
    )


def write(path, *sources):
    """A notebook file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook(*sources)))
