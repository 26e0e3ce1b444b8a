"""What the `tools` model learns: writing, refusing and mending tool calls, classifying, choosing a specialist."""
