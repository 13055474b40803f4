from memalign_bench.backends.http.portable_schema import portable_schema


def test_bounds_stand_in_words_and_the_rest_stays():
    rule = {"type": "string", "minLength": 1, "maxLength": 5, "description": "why"}
    schema = {
        "type": "object",
        "properties": {
            "maxLength": {"$ref": "#/$defs/Entry"},  # a property may have any name
            "list": {"type": "array", "items": rule, "maxItems": 3},
            "either": {"anyOf": [rule, {"type": "null"}]},
        },
        "$defs": {"Entry": rule},
        "required": ["list"],
    }
    worded = {"type": "string", "description": "why; at least 1 characters; at most 5 characters"}
    assert portable_schema(schema) == {
        "type": "object",
        "properties": {
            "maxLength": {"$ref": "#/$defs/Entry"},
            "list": {"type": "array", "items": worded, "description": "at most 3 entries"},
            "either": {"anyOf": [worded, {"type": "null"}]},
        },
        "$defs": {"Entry": worded},
        "required": ["list"],
    }
